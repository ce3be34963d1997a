"""Two-bone inverse kinematics: shoulder and elbow, or hip and knee, for a given end point.

All directions are in the person's frame (x left, y up, z front); rotations are from the zero pose
(`body.zero_pose`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.structures import FloatArray
from rtmpose3d.synth.body import SIDES, RiggedBody
from rtmpose3d.synth.pose.joints import (
    LIMITS,
    set_forearm,
    set_thigh,
    set_upper_arm,
    set_wrist,
)
from rtmpose3d.synth.rotations import axis_rotation, orthonormal_frame, twist_about_y, unit

_NEARLY_STRAIGHT = 0.999  # of the maximum reach
_WRIST = ("forearm", "wrist", "wrist_side")
_SWIVELS_DEG = np.array([-75.0, -50, -30, -15, 0, 15, 30, 50, 75])


@dataclass(frozen=True, kw_only=True, eq=False)
class HandGoal:
    """Target position and rotation of a hand.

    Attributes:
        side: "L" or "R".
        point: (3,) target of the touching part of the hand.
        offset: (3,) from the wrist to that part, in the zero pose.
        rotation: (3, 3) preferred rotation of the hand from the zero pose.
        swivel_deg: preferred rotation of the elbow about the line from shoulder to wrist; 0 is
            down and outwards, positive raises it.
    """

    side: str
    point: FloatArray
    offset: FloatArray
    rotation: FloatArray
    swivel_deg: float = 0.0


def two_bone_ik(
    first: FloatArray,
    second: FloatArray,
    bends_back: bool,
    goal: FloatArray,
    pole: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Solves for the rotation of the upper bone and the bend of the hinge (about x).

    Args:
        first: (3,) the upper bone in the zero pose.
        second: (3,) the lower bone in the zero pose.
        bends_back: whether it is a knee (the lower bone bends back, the hinge to the front) or an
            elbow.
        goal: (..., 3) from the upper end to the target of the lower end; approached as far as
            possible if out of reach.
        pole: (..., 3) preferred direction of the hinge.

    Returns:
        (..., 3, 3) rotation of the upper bone from the zero pose, and the bend in degrees (...).
    """
    sign = 1.0 if bends_back else -1.0
    constant = first @ first + second @ second + 2.0 * first[0] * second[0]
    swing = 2.0 * (first[1] * second[1] + first[2] * second[2])
    longest = np.sqrt(constant + swing) * _NEARLY_STRAIGHT
    shortest = 0.28 * longest  # the flesh of a bent limb
    length = np.clip(np.sqrt(np.einsum("...i,...i->...", goal, goal)), shortest, longest)
    bend = np.degrees(np.arccos(np.clip((length**2 - constant) / swing, -1.0, 1.0)))
    reached = first + np.einsum("...ij,j->...i", axis_rotation("x", sign * bend), second)
    ahead = np.broadcast_to(np.array([0.0, 0.0, sign]), reached.shape)
    start = np.swapaxes(orthonormal_frame(reached, ahead), -1, -2)
    return orthonormal_frame(goal, pole) @ start, bend


def reach_goal(
    body: RiggedBody, joints: FloatArray, rotations: FloatArray, heads: FloatArray, goal: HandGoal
) -> float:
    """Moves a hand to its goal; changes the rows of the arm in `joints`.

    Of several elbow positions, chooses the one with the smallest violation of the joint limits.

    Args:
        body: the body.
        joints: (B, 3, 3), changed in place.
        rotations: (B, 3, 3) from `forward_kinematics` for these joints.
        heads: (B, 3) from `forward_kinematics`; the shoulder must be in its final position.
        goal: goal of the hand.

    Returns:
        Remaining distance of the touching part from its goal, metres.
    """
    rig, side, sign = body.rig, goal.side, SIDES[goal.side]
    # twice, because the limits of the wrist depend on the elbow
    arm = _solve_arm(body, rotations, heads, goal, goal.rotation)
    arm = _solve_arm(body, rotations, heads, goal, arm.hand)
    set_upper_arm(joints, rig, side, arm.upper)
    set_forearm(joints, rig, side, arm.elbow_deg, arm.forearm_deg, sign)
    set_wrist(joints, rig, side, arm.wrist_deg, arm.wrist_side_deg, sign)
    return float(np.linalg.norm(arm.wrist_at + arm.hand @ goal.offset - goal.point))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Arm:
    """A solved arm: joints in degrees, `upper` relative to the shoulder's bone."""

    upper: FloatArray
    elbow_deg: float
    forearm_deg: float
    wrist_deg: float
    wrist_side_deg: float
    hand: FloatArray
    wrist_at: FloatArray


def _solve_arm(
    body: RiggedBody, rotations: FloatArray, heads: FloatArray, goal: HandGoal, hand: FloatArray
) -> _Arm:
    """The best of several elbow positions, for a hand with the rotation `hand`."""
    rig, side, sign = body.rig, goal.side, SIDES[goal.side]
    upper, lower, wrist = (rig.index[f"{b}.{side}"] for b in ("upperarm01", "lowerarm01", "wrist"))
    first, second = _zero_vector(body, upper, lower), _zero_vector(body, lower, wrist)
    to_wrist = goal.point - hand @ goal.offset - heads[upper]
    pole = _elbow_poles(to_wrist, rotations[rig.index["spine01"]], sign, goal.swivel_deg)
    rotation, bend = two_bone_ik(first, second, False, np.broadcast_to(to_wrist, pole.shape), pole)
    local = rotations[rig.parents[upper]].T @ rotation
    fore = rotation @ axis_rotation("x", -bend)
    twist = np.degrees(twist_about_y(local)[1]) * -sign
    wrist_angles = dict(
        zip(_WRIST, _wrist_angles(np.swapaxes(fore, -1, -2) @ goal.rotation, sign), strict=True)
    )
    cost = _excess(twist, "arm_twist") + 0.15 * np.abs(_SWIVELS_DEG)
    for (name, value), weight in zip(wrist_angles.items(), (0.5, 1.0, 1.0), strict=True):
        cost = cost + weight * _excess(value, name)
    best = int(np.argmin(cost + 0.1 * np.abs(wrist_angles["forearm"])))
    kept = {
        name: float(np.clip(value[best], *LIMITS[f"{name}.L"]))
        for name, value in wrist_angles.items()
    }
    bent = axis_rotation("z", -sign * kept["wrist"]) @ axis_rotation("x", -kept["wrist_side"])
    return _Arm(
        upper=local[best],
        elbow_deg=float(bend[best]),
        forearm_deg=kept["forearm"],
        wrist_deg=kept["wrist"],
        wrist_side_deg=kept["wrist_side"],
        hand=fore[best] @ axis_rotation("y", -sign * kept["forearm"]) @ bent,
        wrist_at=heads[upper] + rotation[best] @ first + fore[best] @ second,
    )


def _elbow_poles(
    to_wrist: FloatArray, chest: FloatArray, sign: float, swivel_deg: float
) -> FloatArray:
    """Candidate directions of the elbow around the natural one: down, outwards, a little back."""
    along = unit(to_wrist)
    natural = chest @ np.array([0.55 * sign, -0.8, -0.35])
    frame = orthonormal_frame(along, natural)
    angle = np.radians(_SWIVELS_DEG + swivel_deg)
    # the second axis is the natural direction; rotating it towards `lift` raises the elbow
    lift = frame[:, 2] * (1.0 if frame[:, 2] @ (chest @ np.array([sign, 0.6, 0.0])) > 0 else -1.0)
    return np.cos(angle)[:, None] * frame[:, 1] + np.sin(angle)[:, None] * lift


def _wrist_angles(rotation: FloatArray, sign: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Angles "forearm", "wrist" and "wrist_side" of rotations from forearm to hand, degrees."""
    twist = np.degrees(np.arctan2(-rotation[..., 2, 0], rotation[..., 0, 0]))
    bend = np.degrees(np.arcsin(np.clip(rotation[..., 1, 0], -1.0, 1.0)))
    side = np.degrees(np.arctan2(-rotation[..., 1, 2], rotation[..., 1, 1]))
    return -sign * twist, -sign * bend, -side


def _excess(value: FloatArray, name: str) -> FloatArray:
    low, high = LIMITS[f"{name}.L"]
    return np.maximum(low - value, 0.0) + np.maximum(value - high, 0.0)


def _zero_vector(body: RiggedBody, start: int, end: int) -> FloatArray:
    """(3,) from the head of a bone to that of a descendant, in the zero pose."""
    vector = np.zeros(3)
    while end != start:
        vector += body.offsets[end]
        end = int(body.rig.parents[end])
    return vector


def place_foot(
    body: RiggedBody,
    joints: FloatArray,
    rotations: FloatArray,
    heads: FloatArray,
    side: str,
    ankle_point: FloatArray,
) -> None:
    """Moves an ankle to a point with a level sole; changes the rows of the leg in `joints`.

    Knee and foot keep their horizontal directions.

    Args:
        body: the body.
        joints: (B, 3, 3), changed in place.
        rotations: (B, 3, 3) from `forward_kinematics` for these joints.
        heads: (B, 3) from `forward_kinematics`.
        side: "L" or "R".
        ankle_point: (3,) target of the ankle.
    """
    rig = body.rig
    hip, knee, foot = (rig.index[f"{b}.{side}"] for b in ("upperleg01", "lowerleg01", "foot"))
    first, second = _zero_vector(body, hip, knee), _zero_vector(body, knee, foot)
    pole = rotations[rig.index[f"upperleg02.{side}"]][:, 2]
    thigh, bend = two_bone_ik(first, second, True, ankle_point - heads[hip], pole)
    set_thigh(joints, rig, side, rotations[rig.parents[hip]].T @ thigh)
    joints[knee] = axis_rotation("x", float(bend))
    shank = thigh @ axis_rotation("x", float(bend))
    ahead = rotations[foot][:, 2]
    level = axis_rotation("y", np.degrees(np.arctan2(ahead[0], ahead[2])))
    joints[foot] = _limit_ankle(shank.T @ level)


def _limit_ankle(rotation: FloatArray) -> FloatArray:
    """Limits the rotation of a foot to the range of the ankle, which may raise the heel."""
    bend = np.degrees(np.arctan2(rotation[2, 1], rotation[1, 1]))
    allowed = float(np.clip(-bend, *LIMITS["ankle.L"]))
    return axis_rotation("x", -allowed - bend) @ rotation
