"""Groups of people: single people side by side, and pairs that talk, shake hands, hug, dance, ...

`group_people` poses all members and positions them on the ground. Bodies do not intersect by more
than soft tissue allows, except where pairs touch on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from rtmpose3d.structures import FloatArray
from rtmpose3d.synth.body import SIDES, RiggedBody, bone_matrices, forward_kinematics
from rtmpose3d.synth.pose import (
    BodyVolume,
    HandGoal,
    Pose,
    PosingData,
    capsule_ends,
    hand_frame,
    hand_offset,
    reach_goal,
    sample_pose,
    segment_distance,
    world_from_person,
)
from rtmpose3d.synth.rotations import unit

_PAIR_PROBABILITY = 0.45
_MAX_OVERLAP_M = 0.03  # of the capsules of two people
_MAX_STEPS = 40
Placed = tuple[Pose, FloatArray]
"""A pose and its (3, 4) world_from_person."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """Body and capsules of a person to be posed."""

    body: RiggedBody
    volume: BodyVolume


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Contact of a hand with the other person of a pair, or with a point between them.

    Attributes:
        who: index of the person in the pair.
        side: hand, "L" or "R".
        landmark: landmark on the other person; "" for the point.
        point: left, up, front in the first person's frame: metres to the left, fraction of the
            stature upwards, fraction of the distance between them to the front.
        fingers: direction of the fingers in the person's own frame.
        palm: direction of the palm, for points, in the person's own frame.
    """

    who: int
    side: str
    landmark: str = ""
    point: tuple[float, float, float] = (0.0, 0.0, 0.0)
    fingers: tuple[float, float, float] = (0.0, 0.2, 1.0)
    palm: tuple[float, float, float] = (0.0, 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Arrangement of two people.

    Attributes:
        distance_m: range of the distance of the second person in front of (or to the left of)
            the first.
        side_by_side: whether the second is to the left of the first instead of in front.
        facing_deg: orientation of the second relative to the first; 180 faces the first.
        holds: contacts of the hands.
        legs: names of matching leg poses.
        weight: relative frequency.
    """

    distance_m: tuple[float, float]
    side_by_side: bool = False
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
            Hold(who=0, side="L", landmark="kidney.R", fingers=(-1.0, 0.3, 0.2)),
            Hold(who=0, side="R", landmark="neck.L", fingers=(1.0, 0.4, 0.1)),
            Hold(who=1, side="L", landmark="kidney.R", fingers=(-1.0, 0.3, 0.2)),
            Hold(who=1, side="R", landmark="kidney.L", fingers=(1.0, 0.3, 0.2)),
        ),
        weight=1.5,
    ),
    "arm_around": Pair(
        distance_m=(0.42, 0.52),
        side_by_side=True,
        facing_deg=0.0,
        holds=(
            Hold(who=0, side="L", landmark="shoulder.L", fingers=(0.9, -0.2, 0.4)),
            Hold(who=1, side="R", landmark="kidney.R", fingers=(-0.9, 0.0, 0.3)),
        ),
        weight=1.5,
    ),
    "hand_in_hand": Pair(
        distance_m=(0.5, 0.66),
        side_by_side=True,
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
            Hold(who=0, side="R", landmark="kidney.L", fingers=(0.9, 0.3, 0.2)),
            Hold(who=1, side="L", landmark="shoulder.R", fingers=(-0.4, 0.1, 0.9)),
            Hold(who=0, side="L", point=(0.5, 0.8, 0.5), fingers=(0.3, 0.8, 0.4), palm=(-1, 0, 0)),
            Hold(who=1, side="R", point=(0.5, 0.8, 0.5), fingers=(-0.3, 0.8, 0.4), palm=(1, 0, 0)),
        ),
        legs=("stand", "step", "stand_one_leg_loose", "dance"),
        weight=1.2,
    ),
    "back_to_back": Pair(distance_m=(-0.34, -0.26), facing_deg=180.0),
    "shoulder_to_shoulder": Pair(
        distance_m=(0.45, 0.6), side_by_side=True, facing_deg=0.0, weight=2.0
    ),
    "queue": Pair(distance_m=(0.45, 0.8), facing_deg=0.0),
    "on_the_shoulders": Pair(
        distance_m=(0.42, 0.6),
        facing_deg=0.0,
        holds=(
            Hold(who=0, side="L", landmark="shoulder.L", fingers=(0, 0.2, 1)),
            Hold(who=0, side="R", landmark="shoulder.R", fingers=(0, 0.2, 1)),
        ),
    ),
    "wrestle": Pair(
        distance_m=(0.55, 0.8),
        holds=(
            Hold(who=0, side="L", landmark="shoulder.R", fingers=(0.1, 0.4, 0.9)),
            Hold(who=0, side="R", landmark="biceps.L", fingers=(0.2, 0.3, 0.9)),
            Hold(who=1, side="L", landmark="shoulder.R", fingers=(0.1, 0.4, 0.9)),
            Hold(who=1, side="R", landmark="neck.L", fingers=(0.3, 0.4, 0.9)),
        ),
        legs=("ready", "half_squat", "fight", "lean_forward"),
    ),
}


def group_people(
    rng: np.random.Generator, members: list[Member], posing: PosingData
) -> list[Placed]:
    """Poses and positions people.

    Args:
        rng: source of all randomness.
        members: the people.
        posing: data from `prepare_posing`.

    Returns:
        Pose and (3, 4) world_from_person of each member, around the origin.
    """
    clusters: list[list[Placed]] = []
    i = 0
    while i < len(members):
        if i + 1 < len(members) and rng.random() < _PAIR_PROBABILITY:
            clusters.append(_pair(rng, members[i], members[i + 1], posing))
            i += 2
        else:
            m = members[i]
            facing = world_from_person(facing_deg=float(rng.uniform(-180, 180)))
            clusters.append([(sample_pose(rng, m.body, m.volume, posing), facing)])
            i += 1
    placed: list[Placed] = []
    row = rng.random() < 0.4
    for cluster in clusters:
        bearing = rng.uniform(0.0, 2 * np.pi) if not row else (0.0 if rng.random() < 0.5 else np.pi)
        direction = np.array([np.cos(bearing), np.sin(bearing), 0.0])
        own = members[len(placed) : len(placed) + len(cluster)]
        others = list(zip(members, placed, strict=False))
        placed += _push_out(rng, own, cluster, others, direction)
    middle = np.mean([transform[:, 3] for _, transform in placed], axis=0)
    return [(pose, _translate(transform, -middle)) for pose, transform in placed]


def _translate(transform: FloatArray, shift: FloatArray) -> FloatArray:
    return np.column_stack([transform[:, :3], transform[:, 3] + shift * (1.0, 1.0, 0.0)])


def _push_out(
    rng: np.random.Generator,
    own: list[Member],
    cluster: list[Placed],
    others: list[tuple[Member, Placed]],
    direction: FloatArray,
) -> list[Placed]:
    """Moves a cluster along a direction until it touches no one, and then a little further."""
    if not others:
        return cluster
    gap = float(rng.choice([0.0, 0.12, 0.5], p=[0.35, 0.35, 0.3])) * rng.random()
    start = float(rng.uniform(0.2, 0.6))
    moved = cluster
    for step in range(_MAX_STEPS):
        moved = [
            (pose, _translate(transform, direction * (start + 0.12 * step)))
            for pose, transform in cluster
        ]
        deepest = max(
            pair_overlap_m(member, placed, other, other_placed)
            for member, placed in zip(own, moved, strict=True)
            for other, other_placed in others
        )
        if deepest <= _MAX_OVERLAP_M:
            break
    return [(pose, _translate(transform, direction * gap)) for pose, transform in moved]


def pair_overlap_m(first: Member, a: Placed, second: Member, b: Placed) -> float:
    """Maximum overlap of the capsules of two people, metres; negative for a gap."""
    starts, ends, radii = [], [], []
    for member, (pose, transform) in ((first, a), (second, b)):
        start, end = capsule_ends(member.volume, pose.rotations, pose.heads)
        starts.append(start @ transform[:, :3].T + transform[:, 3])
        ends.append(end @ transform[:, :3].T + transform[:, 3])
        radii.append(member.volume.radius_m)
    rows, columns = (index.reshape(-1) for index in np.indices((len(radii[0]), len(radii[1]))))
    gap = segment_distance(starts[0][rows], ends[0][rows], starts[1][columns], ends[1][columns])
    return float((radii[0][rows] + radii[1][columns] - gap).max())


def _pair(
    rng: np.random.Generator, first: Member, second: Member, posing: PosingData
) -> list[Placed]:
    """Samples two people in one of the `PAIRS`."""
    names = list(PAIRS)
    probability = np.array([PAIRS[name].weight for name in names])
    pair = PAIRS[names[int(rng.choice(len(names), p=probability / probability.sum()))]]
    arms = "hang" if pair.holds else None
    members = (first, second)
    poses = [
        sample_pose(rng, m.body, m.volume, posing, legs=str(rng.choice(pair.legs)), arms=arms)
        for m in members
    ]
    distance = float(rng.uniform(*pair.distance_m))
    yaw = float(rng.uniform(-180.0, 180.0))
    ahead = np.array([np.sin(np.radians(yaw)), -np.cos(np.radians(yaw))])
    left = np.array([-ahead[1], ahead[0]])
    x, y = distance * (left if pair.side_by_side else ahead)
    facing = yaw + pair.facing_deg + float(rng.normal(0.0, 6.0))
    transforms = [world_from_person(facing_deg=yaw), world_from_person(float(x), float(y), facing)]
    for hold in pair.holds:
        poses[hold.who] = _apply_hold(
            members, poses, transforms, hold, posing, distance, pair.side_by_side
        )
    return list(zip(poses, transforms, strict=True))


def _apply_hold(
    members: tuple[Member, Member],
    poses: list[Pose],
    transforms: list[FloatArray],
    hold: Hold,
    posing: PosingData,
    distance: float,
    side_by_side: bool,
) -> Pose:
    """Moves one hand to its contact."""
    body, pose = members[hold.who].body, poses[hold.who]
    world_from_own = transforms[hold.who]
    sign = SIDES[hold.side]
    if hold.landmark:
        other = members[1 - hold.who].body
        matrices = bone_matrices(other, poses[1 - hold.who].rotations, poses[1 - hold.who].heads)
        point, normal = posing.landmarks.at(other, matrices, hold.landmark)
        world_from_other = transforms[1 - hold.who]
        point, normal = (
            world_from_other[:, :3] @ point + world_from_other[:, 3],
            unit(world_from_other[:, :3] @ normal),
        )
        point = point + 0.012 * normal
        palm = -(world_from_own[:, :3].T @ normal)
    else:
        stature = 0.5 * (members[0].body.stature_m + members[1].body.stature_m)
        x, y, z = hold.point
        between = [x * distance, y * stature, z] if side_by_side else [x, y * stature, z * distance]
        point = transforms[0][:, :3] @ np.array(between) + transforms[0][:, 3]
        palm = np.array(hold.palm, np.float64)
        point = point - 0.03 * (world_from_own[:, :3] @ unit(palm))
    fingers = np.array(hold.fingers, np.float64)
    goal = HandGoal(
        side=hold.side,
        point=world_from_own[:, :3].T @ (point - world_from_own[:, 3]),
        offset=hand_offset(body, hold.side, "palm"),
        rotation=hand_frame(palm, fingers, sign),
    )
    joints = pose.joints.copy()
    reach_goal(body, joints, pose.rotations, pose.heads, goal)
    rotations, heads = forward_kinematics(body, joints)
    return replace(
        pose, joints=joints, rotations=rotations, heads=heads + (pose.heads[0] - heads[0])
    )
