"""People for scenes: a cast of dressed bodies, posed and placed.

`Cast.open(folder, seed=0)` reads MakeHuman's data. Its actors are made when first needed and
kept, each from the cast's seed, its block and the actor's number; so what `make_person` gives
depends only on those and the generator. `Cast.people` and `Cast.clip` place several people in the
world (z up, metres, ground at 0).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures import FloatArray, IntArray
from rtmpose3d.synth.assets import KeypointAnchors, MakeHumanAssets, read_keypoint_anchors
from rtmpose3d.synth.body import RiggedBody, body_keypoints, bone_matrices, make_body, sample_traits
from rtmpose3d.synth.outfit import Wardrobe, dress, hold
from rtmpose3d.synth.people.groups import Member, group_people
from rtmpose3d.synth.pose import (
    Pose,
    PoseSequence,
    PoseSpace,
    Volume,
    pose_space,
    sample_pose,
    sample_sequence,
    volume_of,
    world_from_person,
)
from rtmpose3d.synth.scene import Mesh, Person

_HANGS = 0.85  # cosine: how straight down fingers point for a bag to hang from them
_SPLIT_SEED = {"train": 0, "val": 1}


@dataclass(frozen=True, kw_only=True, eq=False)
class Actor:
    """A dressed body, ready to be posed.

    Attributes:
        body: its shape and bones.
        volume: its capsules.
        meshes: body, clothes, hair, ..., rest pose; the same objects for every pose.
        attributes: sex, age, clothes, ...
    """

    body: RiggedBody
    volume: Volume
    meshes: tuple[Mesh, ...]
    attributes: dict[str, str | float]


class Cast:
    """Dressed bodies of a seed.

    Args:
        assets: MakeHuman's data.
        seed: of all bodies and clothes.
        size: number of actors that a scene can choose from; each takes some 4 MB.
        split: "train" and "val" casts have no body in common, nor colours of clothes.

    Raises:
        InputError: the data is incomplete or damaged.
    """

    def __init__(
        self,
        assets: MakeHumanAssets,
        *,
        seed: int = 0,
        size: int = 64,
        split: Literal["train", "val"] = "train",
    ) -> None:
        if size < 1 or seed < 0:
            raise InputError(f"a cast needs a size above 0 and a seed from 0, got {size}, {seed}")
        self.assets = assets
        self.size = size
        self.keypoint_map: KeypointAnchors = read_keypoint_anchors()
        self.space: PoseSpace = pose_space(assets)
        self._seed = (seed, _SPLIT_SEED[split])
        self.wardrobe = Wardrobe.open(assets, self.keypoint_map, self._seed)
        self._block = 0
        self._actors: OrderedDict[tuple[int, int], Actor] = OrderedDict()

    @staticmethod
    def open(
        folder: Path | str,
        *,
        seed: int = 0,
        size: int = 64,
        split: Literal["train", "val"] = "train",
    ) -> Cast:
        """Read MakeHuman's folder and make a cast of it.

        Raises:
            InputError: a file is missing or damaged; the message names it.
        """
        return Cast(MakeHumanAssets.open(folder), seed=seed, size=size, split=split)

    def select_block(self, block: int) -> None:
        """Take other actors from here on: each block of a cast has `size` actors of its own.

        Long runs turn to a new block every `size` x 20 samples or so. The same block gives the
        same actors in every process.
        """
        if block < 0:
            raise InputError(f"blocks of actors count from 0, got {block}")
        self._block = block

    def actor(self, number: int) -> Actor:
        """An actor of the block, made when first asked for (some 60 ms).

        Args:
            number: from 0 to size - 1.
        """
        if not 0 <= number < self.size:
            raise InputError(f"the cast has actors 0 to {self.size - 1}, got {number}")
        key = (self._block, number)
        if key in self._actors:
            self._actors.move_to_end(key)
            return self._actors[key]
        rng = np.random.default_rng([*self._seed, self._block, number])
        body = make_body(sample_traits(rng), self.assets, self.keypoint_map)
        dressed = dress(rng, body, self.wardrobe)
        traits = body.traits
        actor = Actor(
            body=body,
            volume=volume_of(body),
            meshes=dressed.meshes,
            attributes={
                "actor": float(self._block * self.size + number),
                "sex": "male" if traits.male > 0.5 else "female",
                "age_years": round(traits.age_years, 1),
                "weight": round(traits.weight, 3),
                "muscle": round(traits.muscle, 3),
                **dressed.wears,
            },
        )
        self._actors[key] = actor
        if len(self._actors) > self.size:
            self._actors.popitem(last=False)
        return actor

    def people(self, rng: np.random.Generator, count: int) -> tuple[Person, ...]:
        """Several people at their places, some of them touching.

        Args:
            rng: decides everything.
            count: number of people.

        Returns:
            People with identities 0, 1, ... around the origin, faces in all directions.
        """
        actors = [self.actor(int(number)) for number in self._numbers(rng, count)]
        members = [Member(body=actor.body, volume=actor.volume) for actor in actors]
        placed = group_people(rng, members, self.space)
        return tuple(
            person_of(actor, pose, place, identity=i, things=things_of(rng, actor, pose))
            for i, (actor, (pose, place)) in enumerate(zip(actors, placed, strict=True))
        )

    def clip(
        self, rng: np.random.Generator, count: int, times_s: tuple[float, ...]
    ) -> Iterator[tuple[Person, ...]]:
        """The same people at several times, moving smoothly, apart from each other.

        Args:
            rng: decides everything.
            count: number of people.
            times_s: instants from 0 on, increasing.
        """
        actors = [self.actor(int(number)) for number in self._numbers(rng, count)]
        length = max(times_s, default=0.0)
        sequences = [sample_sequence(rng, a.body, a.volume, self.space, length) for a in actors]
        places = place_people(rng, count, apart_m=1.5 + 0.5 * min(length, 4.0) * (count > 1))
        things = [
            things_of(rng, actor, sequence.at(0.0))
            for actor, sequence in zip(actors, sequences, strict=True)
        ]
        for time in times_s:
            yield tuple(
                person_of(actor, sequence.at(time), place, identity=i, things=held)
                for i, (actor, sequence, place, held) in enumerate(
                    zip(actors, sequences, places, things, strict=True)
                )
            )

    def _numbers(self, rng: np.random.Generator, count: int) -> IntArray:
        """Different actors, as long as there are enough."""
        return rng.choice(self.size, count, replace=count > self.size)


def make_person(
    rng: np.random.Generator,
    cast: Cast,
    *,
    pose: str | Pose | None = None,
    place: FloatArray | None = None,
    identity: int = 0,
) -> Person:
    """One person.

    Args:
        rng: decides who, what pose and which way they face.
        cast: see `Cast.open`.
        pose: an attitude of the legs (a name in `poses_legs.LEGS`), or a pose made for this
            actor; any pose without it.
        place: (3, 4) world_from_person; see `poses.world_from_person`. At the origin, facing
            anywhere, without it.
        identity: number of the person.
    """
    actor = cast.actor(int(rng.integers(cast.size)))
    if not isinstance(pose, Pose):
        pose = sample_pose(rng, actor.body, actor.volume, cast.space, legs=pose)
    if place is None:
        place = world_from_person(facing_deg=float(rng.uniform(-180.0, 180.0)))
    things = things_of(rng, actor, pose)
    return person_of(actor, pose, place, identity=identity, things=things)


def things_of(rng: np.random.Generator, actor: Actor, pose: Pose) -> dict[str, Mesh]:
    """What the hands of a pose hold: words for it, and meshes."""
    found: dict[str, Mesh] = {}
    for side, words in (("L", "left hand"), ("R", "right hand")):
        fingers = -pose.turns[actor.body.bone(f"wrist.{side}")][:, 1]
        hangs = bool(fingers[1] < -_HANGS)
        held = hold(rng, actor.body, side, pose.attitude.grips[side], hangs)
        if held is not None:
            found[f"{held[0]} in the {words}"] = held[1]
    return found


def person_of(
    actor: Actor,
    pose: Pose,
    place: FloatArray,
    *,
    identity: int = 0,
    things: Mapping[str, Mesh] | None = None,
) -> Person:
    """An actor in a pose at a place, as the renderer takes it.

    Args:
        actor: who.
        pose: of this actor's body.
        place: (3, 4) world_from_person.
        identity: number of the person.
        things: what the hands hold, see `things_of`.
    """
    body = actor.body
    matrices = bone_matrices(body, pose.turns, pose.heads)
    world = np.einsum("ij,bjk->bik", place[:, :3], matrices)
    world[:, :, 3] += place[:, 3]
    stored = world.astype(np.float32)
    attributes = dict(actor.attributes)
    attributes["legs"] = pose.attitude.legs
    attributes["arms"] = pose.attitude.arms
    attributes["seat_height_m"] = round(float(pose.heads[0, 1]) - 0.1 * body.stature_m / 1.7, 3)
    if things:
        attributes["holds"] = ", ".join(things)
    return Person(
        meshes=(*actor.meshes, *(things or {}).values()),
        bone_matrices=stored,
        keypoints_world=body_keypoints(body, stored.astype(np.float64)),
        keypoint_radius_m=body.keypoint_radius_m,
        identity=identity,
        stature_m=body.stature_m,
        attributes=attributes,
    )


def place_people(rng: np.random.Generator, count: int, *, apart_m: float = 1.0) -> list[FloatArray]:
    """Places on the ground, each at least `apart_m` from the others, facing anywhere.

    Returns:
        (3, 4) world_from_person transforms.
    """
    points: list[FloatArray] = []
    spread = apart_m * 0.7 * np.sqrt(count)
    while len(points) < count:
        point = rng.uniform(-spread, spread, 2) if count > 1 else np.zeros(2)
        if all(np.hypot(*(point - other)) >= apart_m for other in points):
            points.append(point)
        spread *= 1.01
    return [
        world_from_person(float(x), float(y), float(rng.uniform(-180.0, 180.0))) for x, y in points
    ]


__all__ = [
    "Actor",
    "Cast",
    "PoseSequence",
    "make_person",
    "person_of",
    "place_people",
    "things_of",
]
