"""Whole-body poses of a given body: joint rotations that realise a target pose.

`pose_body` puts feet on the ground, hands at their goals and the lowest point at height 0.
`sample_pose` samples a target pose as well, and again if limbs would intersect the body.
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
from rtmpose3d.synth.pose.collision import BodyVolume, overlap_m
from rtmpose3d.synth.pose.face import set_face
from rtmpose3d.synth.pose.hands import set_fingers
from rtmpose3d.synth.pose.ik import HandGoal, place_foot, reach_goal
from rtmpose3d.synth.pose.joints import joint_rotations
from rtmpose3d.synth.pose.target import TargetPose, sample_leg_pose, sample_target_pose
from rtmpose3d.synth.pose.types import Reach, Touch
from rtmpose3d.synth.rotations import axis_rotation, orthonormal_frame, unit

_MAX_ATTEMPTS = 6
_MAX_OVERLAP_M = 0.012  # beyond what soft tissue allows; deeper poses are rejected
_MAX_MISS_M = 0.09  # maximum distance of a hand from its goal
_GROUND_STRIDE = 45  # every n-th vertex of the skin is tested for the lowest point
_HAND_PARTS = {  # along the fingers and out of the palm, relative to the length of the palm
    "palm": (0.85, 0.26),
    "fingers": (1.65, 0.18),
    "fist": (1.1, 0.15),
    "wrist": (0.0, 0.2),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Pose:
    """A posed body.

    Attributes:
        target: the pose it realises.
        joints: (B, 3, 3) rotations relative to the parent bone, in the zero pose's axes.
        rotations: (B, 3, 3) rotations of the bones from the zero pose.
        heads: (B, 3) heads of the bones, metres: x left, y up from the ground, z front; the
            root is above the origin unless the body moves.
        overlap_m: depth by which limbs overlap beyond what soft tissue allows.
    """

    target: TargetPose
    joints: FloatArray
    rotations: FloatArray
    heads: FloatArray
    overlap_m: float


@dataclass(frozen=True, kw_only=True, eq=False)
class PosingData:
    """Data for posing that all bodies share.

    Attributes:
        landmarks: landmarks that hands touch.
        units: movements of the face.
        ground_ids: vertices that are tested for the lowest point.
    """

    landmarks: Landmarks
    units: PoseUnits
    ground_ids: IntArray


def prepare_posing(assets: MakeHumanAssets) -> PosingData:
    """Prepares the data that all bodies share."""
    soles = np.flatnonzero(assets.base.positions[:BODY_VERTICES, 1] < -8.05)[::6]
    sparse = np.arange(0, BODY_VERTICES, _GROUND_STRIDE)
    return PosingData(
        landmarks=find_landmarks(assets),
        units=assets.pose_units,
        ground_ids=np.union1d(sparse, soles).astype(np.int32),
    )


def sample_pose(
    rng: np.random.Generator,
    body: RiggedBody,
    volume: BodyVolume,
    posing: PosingData,
    legs: str | None = None,
    arms: str | None = None,
) -> Pose:
    """Samples a pose that the body can take.

    Args:
        rng: source of all randomness.
        body: the body.
        volume: its capsules.
        posing: data from `prepare_posing`.
        legs: name of a pose in `LEGS`; None for any.
        arms: name of a pose in `ARMS`; None for any that fits the legs.

    Returns:
        The first of a few samples without overlap, or the one with the smallest overlap.
    """
    best: tuple[TargetPose, FloatArray, float] | None = None
    min_cost = np.inf
    chosen = legs or sample_leg_pose(rng)
    for attempt in range(_MAX_ATTEMPTS):
        if legs is None and attempt == _MAX_ATTEMPTS // 2:
            chosen = sample_leg_pose(rng)
        target = sample_target_pose(rng, chosen, arms)
        joints, overlap, miss = _solve_limbs(body, volume, posing, target)
        cost = max(overlap - _MAX_OVERLAP_M, 0.0) + max(miss - _MAX_MISS_M, 0.0)
        if cost < min_cost:
            best, min_cost = (target, joints, overlap), cost
        if cost <= 0.0:
            break
    assert best is not None
    return _finish_pose(body, posing, *best)


def pose_body(body: RiggedBody, volume: BodyVolume, posing: PosingData, target: TargetPose) -> Pose:
    """Poses a body."""
    joints, overlap, _ = _solve_limbs(body, volume, posing, target)
    return _finish_pose(body, posing, target, joints, overlap)


def _solve_limbs(
    body: RiggedBody, volume: BodyVolume, posing: PosingData, target: TargetPose
) -> tuple[FloatArray, float, float]:
    """Joints without fingers and face, maximum overlap, and distance of the hands from goals."""
    joints = joint_rotations(target.angles, body.rig)
    rotations, heads = forward_kinematics(body, joints)
    if target.feet:
        _plant_feet(body, joints, rotations, heads, target.feet)
        rotations, heads = forward_kinematics(body, joints)
    miss = 0.0
    for goal in target.goals:
        side = target.near if goal.side == "near" else ("R" if target.near == "L" else "L")
        hand_goal = (
            _touch_goal(body, posing.landmarks, rotations, heads, goal, side, target.near)
            if isinstance(goal, Touch)
            else _point_goal(body, rotations, heads, goal, side)
        )
        miss = max(miss, reach_goal(body, joints, rotations, heads, hand_goal))
        rotations, heads = forward_kinematics(body, joints)
    return joints, float(overlap_m(volume, rotations, heads).max()), miss


def _finish_pose(
    body: RiggedBody, posing: PosingData, target: TargetPose, joints: FloatArray, overlap: float
) -> Pose:
    """Adds fingers and face, and puts the lowest point on the ground or `lift_m` above it."""
    for side, hand in target.hands.items():
        set_fingers(joints, body.rig, side, hand)
    set_face(joints, body.rig, posing.units, target.face)
    return put_on_ground(body, posing, target, joints, overlap, target.lift_m)


def put_on_ground(
    body: RiggedBody,
    posing: PosingData,
    target: TargetPose,
    joints: FloatArray,
    overlap: float,
    lift_m: float,
) -> Pose:
    """The pose with the given joints and its lowest point `lift_m` above the ground."""
    rotations, heads = forward_kinematics(body, joints)
    skin_points = skin_vertices(body, bone_matrices(body, rotations, heads), posing.ground_ids)
    shift = heads[0] * (-1.0, 0.0, -1.0)
    shift[1] = lift_m - skin_points[:, 1].min()
    return Pose(
        target=target,
        joints=joints,
        rotations=rotations,
        heads=heads + shift,
        overlap_m=overlap,
    )


def _plant_feet(
    body: RiggedBody,
    joints: FloatArray,
    rotations: FloatArray,
    heads: FloatArray,
    feet: tuple[str, ...],
) -> None:
    """Puts the standing feet flat on the level of the higher one, by bending the legs."""
    ankles = {side: heads[body.bone(f"foot.{side}")] for side in feet}
    rest = {side: body.heads[body.bone(f"foot.{side}")][1] for side in feet}
    ground = max(ankles[side][1] - rest[side] for side in feet)
    for side in feet:
        point = ankles[side].copy()
        point[1] = ground + rest[side]
        place_foot(body, joints, rotations, heads, side, point)


def hand_frame(palm: FloatArray, fingers: FloatArray, sign: float) -> FloatArray:
    """Rotation of a hand from the zero pose, given the directions of palm and fingers."""
    zero = orthonormal_frame(np.array([-sign, 0.0, 0.0]), np.array([0.0, -1.0, 0.0]))
    return orthonormal_frame(palm, fingers) @ zero.T


def hand_offset(body: RiggedBody, side: str, part: str) -> FloatArray:
    """(3,) from the wrist to a part on the palm's side of the hand, in the zero pose."""
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
    rotations: FloatArray,
    heads: FloatArray,
    goal: Touch,
    side: str,
    near: str,
) -> HandGoal:
    landmark, _, which = goal.landmark.partition(".")
    if which:
        landmark += "." + (near if which == "near" else ("R" if near == "L" else "L"))
    matrices = bone_matrices(body, rotations, heads)
    point, normal = landmarks.at(body, matrices, landmark)
    carrier = rotations[body.rig.bone_ids[landmarks.vertices[landmark], 0]]
    sign = SIDES[side]
    fingers = carrier @ (np.array(goal.fingers) * (sign, 1.0, 1.0))
    return HandGoal(
        side=side,
        point=point + unit(normal) * goal.gap_m,
        offset=hand_offset(body, side, goal.part),
        rotation=hand_frame(-normal, fingers, sign),
        swivel_deg=goal.swivel_deg,
    )


def _point_goal(
    body: RiggedBody, rotations: FloatArray, heads: FloatArray, goal: Reach, side: str
) -> HandGoal:
    chest = rotations[body.bone("spine01")]
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
        rotation=hand_frame(
            chest @ (np.array(goal.palm) * outward),
            chest @ (np.array(goal.fingers) * outward),
            sign,
        ),
        swivel_deg=goal.swivel_deg,
    )


def world_from_person(x_m: float = 0.0, y_m: float = 0.0, facing_deg: float = 0.0) -> FloatArray:
    """(3, 4) transform from a person's frame (x left, y up, z front) to the world (z up).

    Args:
        x_m: position on the ground.
        y_m: position on the ground.
        facing_deg: 0 faces -y of the world; increases anticlockwise seen from above.
    """
    upright = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    return np.concatenate([axis_rotation("z", facing_deg) @ upright, [[x_m], [y_m], [0.0]]], axis=1)
