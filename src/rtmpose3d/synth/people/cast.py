"""People for scenes: a cast of dressed bodies, posed and positioned in the world.

`Cast.open(folder, seed=0)` reads MakeHuman's data. Actors are made when first needed and cached;
each depends only on the seed, the block and the number of the actor. `Cast.people` and `Cast.clip`
position several people in the world (z up, metres, ground at 0).
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
from rtmpose3d.synth.outfit import Wardrobe, dress, sample_held_object
from rtmpose3d.synth.people.groups import Member, group_people
from rtmpose3d.synth.pose import (
    BodyVolume,
    Pose,
    PosingData,
    build_volume,
    prepare_posing,
    sample_sequence,
    world_from_person,
)
from rtmpose3d.synth.scene import Mesh, Person

_HANGING = 0.85  # minimum cosine between fingers and straight down for a bag to hang from them
_SPLIT_SEED = {"train": 0, "val": 1}


@dataclass(frozen=True, kw_only=True, eq=False)
class Actor:
    """A dressed body, ready to be posed.

    Attributes:
        body: shape and bones.
        volume: capsules for collisions.
        meshes: body, clothes, hair, ... at rest; the same objects for every pose.
        attributes: sex, age, clothes, ...
    """

    body: RiggedBody
    volume: BodyVolume
    meshes: tuple[Mesh, ...]
    attributes: dict[str, str | float]


class Cast:
    """Dressed bodies of a seed.

    Args:
        assets: MakeHuman's data.
        seed: seed of all bodies and clothes.
        size: number of actors to choose from, about 4 MB each.
        split: "train" and "val" casts share no body and no colours of clothes.

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
        self.keypoint_anchors: KeypointAnchors = read_keypoint_anchors()
        self.posing: PosingData = prepare_posing(assets)
        self._seed = (seed, _SPLIT_SEED[split])
        self.wardrobe = Wardrobe.open(assets, self.keypoint_anchors, self._seed)
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
        """Reads MakeHuman's data and makes a cast of it.

        Args:
            folder: directory of MakeHuman's data.
            seed: seed of all bodies and clothes.
            size: number of actors to choose from.
            split: "train" or "val".

        Raises:
            InputError: a file is missing or damaged; the message names it.
        """
        return Cast(MakeHumanAssets.open(folder), seed=seed, size=size, split=split)

    def select_block(self, block: int) -> None:
        """Switches to another block of `size` actors, the same in every process.

        Long runs switch to a new block every `size` x 20 samples or so.
        """
        if block < 0:
            raise InputError(f"block must be 0 or more, got {block}")
        self._block = block

    def actor(self, number: int) -> Actor:
        """An actor of the block, made when first requested (about 60 ms).

        Args:
            number: 0 to size - 1.
        """
        if not 0 <= number < self.size:
            raise InputError(f"the cast has actors 0 to {self.size - 1}, got {number}")
        key = (self._block, number)
        if key in self._actors:
            self._actors.move_to_end(key)
            return self._actors[key]
        rng = np.random.default_rng([*self._seed, self._block, number])
        body = make_body(sample_traits(rng), self.assets, self.keypoint_anchors)
        dressed = dress(rng, body, self.wardrobe)
        traits = body.traits
        actor = Actor(
            body=body,
            volume=build_volume(body),
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
        """Samples several people, some of them touching.

        Args:
            rng: source of all randomness.
            count: number of people.

        Returns:
            People with identities 0, 1, ... around the origin, facing in all directions.
        """
        actors = [self.actor(int(number)) for number in self._numbers(rng, count)]
        members = [Member(body=actor.body, volume=actor.volume) for actor in actors]
        placed = group_people(rng, members, self.posing)
        return tuple(
            pose_person(
                actor,
                pose,
                position,
                identity=i,
                held_objects=sample_held_objects(rng, actor, pose),
            )
            for i, (actor, (pose, position)) in enumerate(zip(actors, placed, strict=True))
        )

    def clip(
        self, rng: np.random.Generator, count: int, times_s: tuple[float, ...]
    ) -> Iterator[tuple[Person, ...]]:
        """Samples people in smooth motion, apart from each other.

        Args:
            rng: source of all randomness.
            count: number of people.
            times_s: times from 0, increasing.

        Yields:
            The people at each time.
        """
        actors = [self.actor(int(number)) for number in self._numbers(rng, count)]
        length = max(times_s, default=0.0)
        sequences = [sample_sequence(rng, a.body, a.volume, self.posing, length) for a in actors]
        distance_m = 1.5 + 0.5 * min(length, 4.0) * (count > 1)
        positions = sample_positions(rng, count, min_distance_m=distance_m)
        held_objects = [
            sample_held_objects(rng, actor, sequence.at(0.0))
            for actor, sequence in zip(actors, sequences, strict=True)
        ]
        for time in times_s:
            yield tuple(
                pose_person(actor, sequence.at(time), position, identity=i, held_objects=held)
                for i, (actor, sequence, position, held) in enumerate(
                    zip(actors, sequences, positions, held_objects, strict=True)
                )
            )

    def _numbers(self, rng: np.random.Generator, count: int) -> IntArray:
        """Numbers of actors, distinct as long as there are enough."""
        return rng.choice(self.size, count, replace=count > self.size)


def sample_held_objects(rng: np.random.Generator, actor: Actor, pose: Pose) -> dict[str, Mesh]:
    """Samples objects in the hands of a pose: description to mesh."""
    objects: dict[str, Mesh] = {}
    for side, hand in (("L", "left hand"), ("R", "right hand")):
        fingers = -pose.rotations[actor.body.bone(f"wrist.{side}")][:, 1]
        hangs = bool(fingers[1] < -_HANGING)
        held = sample_held_object(rng, actor.body, side, pose.target.grips[side], hangs)
        if held is not None:
            objects[f"{held[0]} in the {hand}"] = held[1]
    return objects


def pose_person(
    actor: Actor,
    pose: Pose,
    world_from_person: FloatArray,
    *,
    identity: int = 0,
    held_objects: Mapping[str, Mesh] | None = None,
) -> Person:
    """Poses an actor in the world for the renderer.

    Args:
        actor: the actor.
        pose: pose of the actor's body.
        world_from_person: (3, 4) position and orientation.
        identity: number of the person.
        held_objects: description to mesh of objects in the hands.
    """
    body = actor.body
    matrices = bone_matrices(body, pose.rotations, pose.heads)
    world = np.einsum("ij,bjk->bik", world_from_person[:, :3], matrices)
    world[:, :, 3] += world_from_person[:, 3]
    stored = world.astype(np.float32)
    attributes = dict(actor.attributes)
    attributes["legs"] = pose.target.legs
    attributes["arms"] = pose.target.arms
    attributes["seat_height_m"] = round(float(pose.heads[0, 1]) - 0.1 * body.stature_m / 1.7, 3)
    if held_objects:
        attributes["holds"] = ", ".join(held_objects)
    return Person(
        meshes=(*actor.meshes, *(held_objects or {}).values()),
        bone_matrices=stored,
        keypoints_world=body_keypoints(body, stored.astype(np.float64)),
        keypoint_radius_m=body.keypoint_radius_m,
        identity=identity,
        stature_m=body.stature_m,
        attributes=attributes,
    )


def sample_positions(
    rng: np.random.Generator, count: int, *, min_distance_m: float = 1.0
) -> list[FloatArray]:
    """Samples positions on the ground at a minimum distance, with random orientations.

    Returns:
        (3, 4) world_from_person transforms.
    """
    points: list[FloatArray] = []
    spread = min_distance_m * 0.7 * np.sqrt(count)
    while len(points) < count:
        point = rng.uniform(-spread, spread, 2) if count > 1 else np.zeros(2)
        if all(np.hypot(*(point - other)) >= min_distance_m for other in points):
            points.append(point)
        spread *= 1.01
    return [
        world_from_person(float(x), float(y), float(rng.uniform(-180.0, 180.0))) for x, y in points
    ]
