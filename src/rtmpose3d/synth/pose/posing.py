"""Whole-body poses: an attitude of legs, arms, head, hands and face, made to fit a body.

`poses_attitude` draws what a body does; `pose_body` makes it so: feet on the ground, hands at
their goals, the lowest point at height 0. `sample_pose` does both and draws again where limbs
would run through the body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.structures import FloatArray, IntArray
from rtmpose3d.synth.assets import BODY_VERTICES, MakeHumanAssets, PoseUnits
from rtmpose3d.synth.body import (
    SIDES,
    Landmarks,
    RiggedBody,
    bone_matrices,
    find_landmarks,
    forward_kinematics,
    skin_vertices,
)
from rtmpose3d.synth.pose.attitude import Attitude, any_legs, sample_attitude
from rtmpose3d.synth.pose.collision import Volume, overlap_m
from rtmpose3d.synth.pose.face import set_face
from rtmpose3d.synth.pose.hands import set_fingers
from rtmpose3d.synth.pose.ik import HandGoal, reach, stand_on
from rtmpose3d.synth.pose.joints import joint_rotations
from rtmpose3d.synth.pose.types import Reach, Touch
from rtmpose3d.synth.rotations import axis_rotation, orthonormal_frame, unit

_TRIES = 6
_OVERLAP_M = 0.012  # deeper than this, beyond what flesh allows, is drawn again
_MISS_M = 0.09  # a hand this far from its goal is drawn again
_GROUND_VERTICES = 45  # every so many of the skin are looked at to find the lowest point
_HAND_PARTS = {  # along the fingers and out of the palm, in lengths from wrist to knuckle
    "palm": (0.85, 0.26),
    "fingers": (1.65, 0.18),
    "fist": (1.1, 0.15),
    "wrist": (0.0, 0.2),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Pose:
    """A body's bones, posed.

    Attributes:
        attitude: what was wished.
        joints: (B, 3, 3) rotations against the parent, in the zero pose's axes.
        turns: (B, 3, 3) rotations of the bones from the zero pose.
        heads: (B, 3) heads of the bones, metres: x left, y up from the ground, z front; the
            root is above the origin unless the body moves.
        overlap_m: how deep limbs overlap beyond what flesh allows.
    """

    attitude: Attitude
    joints: FloatArray
    turns: FloatArray
    heads: FloatArray
    overlap_m: float


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseSpace:
    """What posing needs besides the body, made once.

    Attributes:
        landmarks: places that hands touch.
        units: movements of the face.
        ground_ids: vertices that may be the lowest.
    """

    landmarks: Landmarks
    units: PoseUnits
    ground_ids: IntArray


def pose_space(assets: MakeHumanAssets) -> PoseSpace:
    """Prepare for posing."""
    soles = np.flatnonzero(assets.base.positions[:BODY_VERTICES, 1] < -8.05)[::6]
    every = np.arange(0, BODY_VERTICES, _GROUND_VERTICES)
    return PoseSpace(
        landmarks=find_landmarks(assets),
        units=assets.pose_units,
        ground_ids=np.union1d(every, soles).astype(np.int32),
    )


def sample_pose(
    rng: np.random.Generator,
    body: RiggedBody,
    volume: Volume,
    space: PoseSpace,
    legs: str | None = None,
    arms: str | None = None,
) -> Pose:
    """Draw a pose that the body can take.

    Args:
        rng: source of chance.
        body: whose pose.
        volume: its capsules.
        space: see `pose_space`.
        legs: name of an attitude in `LEGS`; any without it.
        arms: name of an attitude in `ARMS`; any that fits without it.

    Returns:
        The first of a few draws in which nothing overlaps, else the one that overlaps least.
    """
    best: tuple[Attitude, FloatArray, float] | None = None
    lowest = np.inf
    chosen = legs or any_legs(rng)
    for attempt in range(_TRIES):
        if legs is None and attempt == _TRIES // 2:
            chosen = any_legs(rng)
        attitude = sample_attitude(rng, chosen, arms)
        joints, overlap, miss = _limbs(body, volume, space, attitude)
        cost = max(overlap - _OVERLAP_M, 0.0) + max(miss - _MISS_M, 0.0)
        if cost < lowest:
            best, lowest = (attitude, joints, overlap), cost
        if cost <= 0.0:
            break
    assert best is not None
    return _finished(body, space, *best)


def pose_body(body: RiggedBody, volume: Volume, space: PoseSpace, attitude: Attitude) -> Pose:
    """Make a body take an attitude."""
    joints, overlap, _ = _limbs(body, volume, space, attitude)
    return _finished(body, space, attitude, joints, overlap)


def _limbs(
    body: RiggedBody, volume: Volume, space: PoseSpace, attitude: Attitude
) -> tuple[FloatArray, float, float]:
    """Joints without fingers and face, the deepest overlap, and how far hands miss their goals."""
    joints = joint_rotations(attitude.angles, body.rig)
    turns, heads = forward_kinematics(body, joints)
    if attitude.feet:
        _plant(body, joints, turns, heads, attitude.feet)
        turns, heads = forward_kinematics(body, joints)
    miss = 0.0
    for goal in attitude.goals:
        side = attitude.near if goal.side == "near" else ("R" if attitude.near == "L" else "L")
        hand_goal = (
            _touch_goal(body, space.landmarks, turns, heads, goal, side, attitude.near)
            if isinstance(goal, Touch)
            else _reach_goal(body, turns, heads, goal, side)
        )
        miss = max(miss, reach(body, joints, turns, heads, hand_goal))
        turns, heads = forward_kinematics(body, joints)
    return joints, float(overlap_m(volume, turns, heads).max()), miss


def _finished(
    body: RiggedBody, space: PoseSpace, attitude: Attitude, joints: FloatArray, overlap: float
) -> Pose:
    """Fingers and face added, the lowest point on the ground or `lift_m` above it."""
    for side, hand in attitude.hands.items():
        set_fingers(joints, body.rig, side, hand)
    set_face(joints, body.rig, space.units, attitude.face)
    return grounded(body, space, attitude, joints, overlap, attitude.lift_m)


def grounded(
    body: RiggedBody,
    space: PoseSpace,
    attitude: Attitude,
    joints: FloatArray,
    overlap: float,
    lift_m: float,
) -> Pose:
    """The pose of these joints with its lowest point `lift_m` above the ground."""
    turns, heads = forward_kinematics(body, joints)
    skin_points = skin_vertices(body, bone_matrices(body, turns, heads), space.ground_ids)
    shift = heads[0] * (-1.0, 0.0, -1.0)
    shift[1] = lift_m - skin_points[:, 1].min()
    return Pose(
        attitude=attitude, joints=joints, turns=turns, heads=heads + shift, overlap_m=overlap
    )


def _plant(
    body: RiggedBody,
    joints: FloatArray,
    turns: FloatArray,
    heads: FloatArray,
    feet: tuple[str, ...],
) -> None:
    """Bring the standing feet flat onto one level: that of the higher one, by bending the legs."""
    ankles = {side: heads[body.bone(f"foot.{side}")] for side in feet}
    rest = {side: body.heads[body.bone(f"foot.{side}")][1] for side in feet}
    ground = max(ankles[side][1] - rest[side] for side in feet)
    for side in feet:
        point = ankles[side].copy()
        point[1] = ground + rest[side]
        stand_on(body, joints, turns, heads, side, point)


def hand_frame(palm: FloatArray, fingers: FloatArray, sign: float) -> FloatArray:
    """The hand's rotation from the zero pose, from where palm and fingers look."""
    zero = orthonormal_frame(np.array([-sign, 0.0, 0.0]), np.array([0.0, -1.0, 0.0]))
    return orthonormal_frame(palm, fingers) @ zero.T


def hand_offset(body: RiggedBody, side: str, part: str) -> FloatArray:
    """From the wrist to a part of the palm's side of the hand, in the zero pose."""
    knuckle = (
        body.offsets[body.bone(f"metacarpal2.{side}")]
        + body.offsets[body.bone(f"finger3-1.{side}")]
    )
    length = float(np.linalg.norm(knuckle))
    along, out = _HAND_PARTS[part]
    return np.array([-SIDES[side] * out * length, -along * length, 0.0])


def _touch_goal(
    body: RiggedBody,
    landmarks: Landmarks,
    turns: FloatArray,
    heads: FloatArray,
    goal: Touch,
    side: str,
    near: str,
) -> HandGoal:
    place, _, which = goal.place.partition(".")
    if which:
        place += "." + (near if which == "near" else ("R" if near == "L" else "L"))
    matrices = bone_matrices(body, turns, heads)
    point, normal = landmarks.at(body, matrices, place)
    carrier = turns[body.rig.bone_ids[landmarks.vertices[place], 0]]
    sign = SIDES[side]
    fingers = carrier @ (np.array(goal.fingers) * (sign, 1.0, 1.0))
    return HandGoal(
        side=side,
        point=point + unit(normal) * goal.gap_m,
        offset=hand_offset(body, side, goal.part),
        turn=hand_frame(-normal, fingers, sign),
        swivel_deg=goal.swivel_deg,
    )


def _reach_goal(
    body: RiggedBody, turns: FloatArray, heads: FloatArray, goal: Reach, side: str
) -> HandGoal:
    chest = turns[body.bone("spine01")]
    shoulders = 0.5 * (heads[body.bone("upperarm01.L")] + heads[body.bone("upperarm01.R")])
    sign = SIDES[side]
    outward = np.array([sign, 1.0, 1.0])
    arm = sum(
        float(np.linalg.norm(body.offsets[body.bone(f"{bone}.{side}")]))
        for bone in ("upperarm02", "lowerarm01", "lowerarm02", "wrist")
    )
    half = np.linalg.norm(heads[body.bone("upperarm01.L")] - heads[body.bone("upperarm01.R")]) / 2
    at = np.array(goal.at) * arm
    at[0] += 0.0 if goal.at[0] < 0.12 else 0.25 * float(half)
    return HandGoal(
        side=side,
        point=shoulders + chest @ (at * outward),
        offset=hand_offset(body, side, "palm"),
        turn=hand_frame(
            chest @ (np.array(goal.palm) * outward),
            chest @ (np.array(goal.fingers) * outward),
            sign,
        ),
        swivel_deg=goal.swivel_deg,
    )


def world_from_person(x_m: float = 0.0, y_m: float = 0.0, facing_deg: float = 0.0) -> FloatArray:
    """(3, 4) transform from a person's frame (x left, y up, z front) to the world (z up).

    Args:
        x_m: place on the ground.
        y_m: place on the ground.
        facing_deg: 0 faces -y of the world; grows anticlockwise seen from above.
    """
    upright = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    return np.concatenate([axis_rotation("z", facing_deg) @ upright, [[x_m], [y_m], [0.0]]], axis=1)
