"""Several people together: alone side by side, or in pairs that talk, shake hands, hug, dance...

`group_people` poses every member and gives their places on the ground. Bodies do not run through
each other by more than flesh gives, except that pairs touch where they are meant to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from rtmpose3d.structures import FloatArray
from rtmpose3d.synth.body import SIDES, RiggedBody, bone_matrices, forward_kinematics
from rtmpose3d.synth.pose import (
    HandGoal,
    Pose,
    PoseSpace,
    Volume,
    capsule_ends,
    hand_frame,
    hand_offset,
    reach,
    sample_pose,
    segment_distance,
    world_from_person,
)
from rtmpose3d.synth.rotations import unit

_PAIR_CHANCE = 0.45
_TOUCHING_M = 0.03  # how deep capsules of two people may overlap
_STEPS_OUT = 40
Placed = tuple[Pose, FloatArray]
"""A pose and its (3, 4) world_from_person."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """Who is to be placed."""

    body: RiggedBody
    volume: Volume


@dataclass(frozen=True, kw_only=True)
class Hold:
    """A hand of one of a pair on the other, or on a point between them.

    Attributes:
        who: 0 or 1.
        side: "L" or "R".
        place: landmark of the other's; "" for the point.
        point: (left, up, front) of the first's frame: share of the distance between them for
            front, of the stature for up, metres for left.
        fingers: direction in the person's own frame.
        palm: direction of the palm for points, own frame.
    """

    who: int
    side: str
    place: str = ""
    point: tuple[float, float, float] = (0.0, 0.0, 0.0)
    fingers: tuple[float, float, float] = (0.0, 0.2, 1.0)
    palm: tuple[float, float, float] = (0.0, 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """How two people stand to each other.

    Attributes:
        distance_m: range between the middles of their hips, along the first's front (or left).
        beside: the second stands to the left of the first instead of before.
        facing_deg: the second's direction against the first's; 180 looks at the first.
        holds: hands on the other.
        legs: attitudes that fit.
        weight: how often.
    """

    distance_m: tuple[float, float]
    beside: bool = False
    facing_deg: float = 180.0
    holds: tuple[Hold, ...] = ()
    legs: tuple[str, ...] = ("stand", "stand", "stand_wide", "stand_one_leg_loose")
    weight: float = 1.0


PAIRS: Mapping[str, Pair] = {
    "talk": Pair(distance_m=(0.7, 1.4), weight=2.0),
    "handshake": Pair(
        distance_m=(0.75, 0.95),
        holds=tuple(
            Hold(who=w, side="R", point=(0.0, 0.58, 0.5), palm=(1.0, 0.0, 0.0)) for w in (0, 1)
        ),
        weight=1.5,
    ),
    "high_five": Pair(
        distance_m=(0.6, 0.85),
        holds=tuple(
            Hold(who=w, side="R", point=(-0.12, 0.93, 0.5), fingers=(0, 1, 0), palm=(0, 0, 1))
            for w in (0, 1)
        ),
    ),
    "hug": Pair(
        distance_m=(0.27, 0.36),
        holds=(
            Hold(who=0, side="L", place="kidney.R", fingers=(-1.0, 0.3, 0.2)),
            Hold(who=0, side="R", place="neck.L", fingers=(1.0, 0.4, 0.1)),
            Hold(who=1, side="L", place="kidney.R", fingers=(-1.0, 0.3, 0.2)),
            Hold(who=1, side="R", place="kidney.L", fingers=(1.0, 0.3, 0.2)),
        ),
        weight=1.5,
    ),
    "arm_around": Pair(
        distance_m=(0.42, 0.52),
        beside=True,
        facing_deg=0.0,
        holds=(
            Hold(who=0, side="L", place="shoulder.L", fingers=(0.9, -0.2, 0.4)),
            Hold(who=1, side="R", place="kidney.R", fingers=(-0.9, 0.0, 0.3)),
        ),
        weight=1.5,
    ),
    "hand_in_hand": Pair(
        distance_m=(0.5, 0.66),
        beside=True,
        facing_deg=0.0,
        holds=(
            Hold(who=0, side="L", point=(0.5, 0.46, 0.05), fingers=(0, -1, 0.1), palm=(0, 0, -1)),
            Hold(who=1, side="R", point=(0.5, 0.46, 0.05), fingers=(0, -1, 0.1), palm=(0, 0, 1)),
        ),
        legs=("stand", "walk", "step"),
    ),
    "dance": Pair(
        distance_m=(0.34, 0.46),
        holds=(
            Hold(who=0, side="R", place="kidney.L", fingers=(0.9, 0.3, 0.2)),
            Hold(who=1, side="L", place="shoulder.R", fingers=(-0.4, 0.1, 0.9)),
            Hold(who=0, side="L", point=(0.5, 0.8, 0.5), fingers=(0.3, 0.8, 0.4), palm=(-1, 0, 0)),
            Hold(who=1, side="R", point=(0.5, 0.8, 0.5), fingers=(-0.3, 0.8, 0.4), palm=(1, 0, 0)),
        ),
        legs=("stand", "step", "stand_one_leg_loose", "dance"),
        weight=1.2,
    ),
    "back_to_back": Pair(distance_m=(-0.34, -0.26), facing_deg=180.0),
    "shoulder_to_shoulder": Pair(distance_m=(0.45, 0.6), beside=True, facing_deg=0.0, weight=2.0),
    "queue": Pair(distance_m=(0.45, 0.8), facing_deg=0.0),
    "on_the_shoulders": Pair(
        distance_m=(0.42, 0.6),
        facing_deg=0.0,
        holds=(
            Hold(who=0, side="L", place="shoulder.L", fingers=(0, 0.2, 1)),
            Hold(who=0, side="R", place="shoulder.R", fingers=(0, 0.2, 1)),
        ),
    ),
    "wrestle": Pair(
        distance_m=(0.55, 0.8),
        holds=(
            Hold(who=0, side="L", place="shoulder.R", fingers=(0.1, 0.4, 0.9)),
            Hold(who=0, side="R", place="biceps.L", fingers=(0.2, 0.3, 0.9)),
            Hold(who=1, side="L", place="shoulder.R", fingers=(0.1, 0.4, 0.9)),
            Hold(who=1, side="R", place="neck.L", fingers=(0.3, 0.4, 0.9)),
        ),
        legs=("ready", "half_squat", "fight", "lean_forward"),
    ),
}


def group_people(rng: np.random.Generator, members: list[Member], space: PoseSpace) -> list[Placed]:
    """Pose and place people.

    Args:
        rng: decides everything.
        members: who; their order is kept.
        space: see `pose_space`.

    Returns:
        For each member the pose and its (3, 4) world_from_person, around the origin.
    """
    clusters: list[list[Placed]] = []
    i = 0
    while i < len(members):
        if i + 1 < len(members) and rng.random() < _PAIR_CHANCE:
            clusters.append(_pair(rng, members[i], members[i + 1], space))
            i += 2
        else:
            m = members[i]
            facing = world_from_person(facing_deg=float(rng.uniform(-180, 180)))
            clusters.append([(sample_pose(rng, m.body, m.volume, space), facing)])
            i += 1
    placed: list[Placed] = []
    row = rng.random() < 0.4
    for cluster in clusters:
        bearing = rng.uniform(0.0, 2 * np.pi) if not row else (0.0 if rng.random() < 0.5 else np.pi)
        direction = np.array([np.cos(bearing), np.sin(bearing), 0.0])
        own = members[len(placed) : len(placed) + len(cluster)]
        others = list(zip(members, placed, strict=False))
        placed += _pushed_out(rng, own, cluster, others, direction)
    middle = np.mean([place[:, 3] for _, place in placed], axis=0)
    return [(pose, _moved(place, -middle)) for pose, place in placed]


def _moved(place: FloatArray, shift: FloatArray) -> FloatArray:
    return np.column_stack([place[:, :3], place[:, 3] + shift * (1.0, 1.0, 0.0)])


def _pushed_out(
    rng: np.random.Generator,
    own: list[Member],
    cluster: list[Placed],
    others: list[tuple[Member, Placed]],
    direction: FloatArray,
) -> list[Placed]:
    """Move a cluster along a direction until it touches nobody; then a little further."""
    if not others:
        return cluster
    gap = float(rng.choice([0.0, 0.12, 0.5], p=[0.35, 0.35, 0.3])) * rng.random()
    start = float(rng.uniform(0.2, 0.6))
    moved = cluster
    for step in range(_STEPS_OUT):
        moved = [
            (pose, _moved(place, direction * (start + 0.12 * step))) for pose, place in cluster
        ]
        deepest = max(
            overlap_of_two(member, placed, other, other_placed)
            for member, placed in zip(own, moved, strict=True)
            for other, other_placed in others
        )
        if deepest <= _TOUCHING_M:
            break
    return [(pose, _moved(place, direction * gap)) for pose, place in moved]


def overlap_of_two(first: Member, a: Placed, second: Member, b: Placed) -> float:
    """How deep the capsules of two placed people overlap, metres; negative is a gap."""
    starts, ends, radii = [], [], []
    for member, (pose, place) in ((first, a), (second, b)):
        start, end = capsule_ends(member.volume, pose.turns, pose.heads)
        starts.append(start @ place[:, :3].T + place[:, 3])
        ends.append(end @ place[:, :3].T + place[:, 3])
        radii.append(member.volume.radius_m)
    rows, columns = (index.reshape(-1) for index in np.indices((len(radii[0]), len(radii[1]))))
    gap = segment_distance(starts[0][rows], ends[0][rows], starts[1][columns], ends[1][columns])
    return float((radii[0][rows] + radii[1][columns] - gap).max())


def _pair(
    rng: np.random.Generator, first: Member, second: Member, space: PoseSpace
) -> list[Placed]:
    """Two people in one of the `PAIRS`."""
    names = list(PAIRS)
    chance = np.array([PAIRS[name].weight for name in names])
    pair = PAIRS[names[int(rng.choice(len(names), p=chance / chance.sum()))]]
    arms = "hang" if pair.holds else None
    members = (first, second)
    poses = [
        sample_pose(rng, m.body, m.volume, space, legs=str(rng.choice(pair.legs)), arms=arms)
        for m in members
    ]
    distance = float(rng.uniform(*pair.distance_m))
    turn = float(rng.uniform(-180.0, 180.0))
    ahead = np.array([np.sin(np.radians(turn)), -np.cos(np.radians(turn))])
    left = np.array([-ahead[1], ahead[0]])
    x, y = distance * (left if pair.beside else ahead)
    facing = turn + pair.facing_deg + float(rng.normal(0.0, 6.0))
    places = [world_from_person(facing_deg=turn), world_from_person(float(x), float(y), facing)]
    for hold in pair.holds:
        poses[hold.who] = _hold(members, poses, places, hold, space, distance, pair.beside)
    return list(zip(poses, places, strict=True))


def _hold(
    members: tuple[Member, Member],
    poses: list[Pose],
    places: list[FloatArray],
    hold: Hold,
    space: PoseSpace,
    distance: float,
    beside: bool,
) -> Pose:
    """One hand to its place on the other person."""
    body, pose, place = members[hold.who].body, poses[hold.who], places[hold.who]
    sign = SIDES[hold.side]
    if hold.place:
        other = members[1 - hold.who].body
        matrices = bone_matrices(other, poses[1 - hold.who].turns, poses[1 - hold.who].heads)
        point, normal = space.landmarks.at(other, matrices, hold.place)
        there = places[1 - hold.who]
        point, normal = there[:, :3] @ point + there[:, 3], unit(there[:, :3] @ normal)
        point = point + 0.012 * normal
        palm = -(place[:, :3].T @ normal)
    else:
        stature = 0.5 * (members[0].body.stature_m + members[1].body.stature_m)
        x, y, z = hold.point
        between = [x * distance, y * stature, z] if beside else [x, y * stature, z * distance]
        if not beside:
            between[0] = x if abs(x) < 0.2 else x * 1.0
        point = places[0][:, :3] @ np.array(between) + places[0][:, 3]
        palm = np.array(hold.palm, np.float64)
        point = point - 0.03 * (place[:, :3] @ unit(palm))
    fingers = np.array(hold.fingers, np.float64)
    goal = HandGoal(
        side=hold.side,
        point=place[:, :3].T @ (point - place[:, 3]),
        offset=hand_offset(body, hold.side, "palm"),
        turn=hand_frame(palm, fingers, sign),
    )
    joints = pose.joints.copy()
    reach(body, joints, pose.turns, pose.heads, goal)
    turns, heads = forward_kinematics(body, joints)
    return replace(pose, joints=joints, turns=turns, heads=heads + (pose.heads[0] - heads[0]))
