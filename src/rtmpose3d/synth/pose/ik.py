"""Two bones and a hinge: where to turn shoulder and elbow, or hip and knee, to reach a point.

All directions are in the person's frame (x left, y up, z front as the body faces); rotations are
from the zero pose (`body_zero`).
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

_NEARLY_STRAIGHT = 0.999  # of the greatest reach
_WRIST = ("forearm", "wrist", "wrist_side")
_SWIVELS_DEG = np.array([-75.0, -50, -30, -15, 0, 15, 30, 50, 75])


@dataclass(frozen=True, kw_only=True, eq=False)
class HandGoal:
    """Where a hand shall go.

    Attributes:
        side: "L" or "R".
        point: (3,) where the touching part of the hand shall be.
        offset: (3,) of that part from the wrist, in the zero pose.
        turn: (3, 3) rotation of the hand from the zero pose that is wished.
        swivel_deg: the elbow's wished turn about the line from shoulder to wrist; 0 is down and
            out, positive lifts it.
    """

    side: str
    point: FloatArray
    offset: FloatArray
    turn: FloatArray
    swivel_deg: float = 0.0


def two_bones(
    first: FloatArray,
    second: FloatArray,
    bends_back: bool,
    goal: FloatArray,
    pole: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Turn the upper bone and bend the hinge (about x) so that the end lies in the goal.

    Args:
        first: (3,) the upper bone in the zero pose.
        second: (3,) the lower bone.
        bends_back: a knee (the lower bone goes back, the hinge to the front); else an elbow.
        goal: (..., 3) from the upper end to where the lower end shall be. Too far or too near a
            goal is reached for as far as can be.
        pole: (..., 3) direction in which the hinge shall point.

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
    turn = orthonormal_frame(goal, pole) @ np.swapaxes(orthonormal_frame(reached, ahead), -1, -2)
    return turn, bend


def reach(
    body: RiggedBody, joints: FloatArray, turns: FloatArray, heads: FloatArray, goal: HandGoal
) -> float:
    """Turn an arm so that its hand goes to the goal; `joints` rows of the arm change.

    Several elbow positions are tried; the one that keeps the joints' limits best is taken.

    Args:
        body: whose arm.
        joints: (B, 3, 3), changed in place.
        turns: (B, 3, 3) of `forward` for these joints.
        heads: (B, 3) of `forward`; shoulders must be where they shall be.
        goal: of the hand.

    Returns:
        How far the touching part stays from its goal, metres.
    """
    rig, side, sign = body.rig, goal.side, SIDES[goal.side]
    # what the wrist allows of the wished turn is known only after the elbow: hence twice
    arm = _reached(body, turns, heads, goal, goal.turn)
    arm = _reached(body, turns, heads, goal, arm.hand)
    set_upper_arm(joints, rig, side, arm.upper)
    set_forearm(joints, rig, side, arm.elbow_deg, arm.forearm_deg, sign)
    set_wrist(joints, rig, side, arm.wrist_deg, arm.wrist_side_deg, sign)
    return float(np.linalg.norm(arm.wrist_at + arm.hand @ goal.offset - goal.point))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Arm:
    """An arm that reaches for a goal: joints in degrees, `upper` against the shoulder's bone."""

    upper: FloatArray
    elbow_deg: float
    forearm_deg: float
    wrist_deg: float
    wrist_side_deg: float
    hand: FloatArray
    wrist_at: FloatArray


def _reached(
    body: RiggedBody, turns: FloatArray, heads: FloatArray, goal: HandGoal, hand: FloatArray
) -> _Arm:
    """The best of several elbow positions, for a hand that is turned like `hand`."""
    rig, side, sign = body.rig, goal.side, SIDES[goal.side]
    upper, lower, wrist = (rig.index[f"{b}.{side}"] for b in ("upperarm01", "lowerarm01", "wrist"))
    first, second = _zero_vector(body, upper, lower), _zero_vector(body, lower, wrist)
    to_wrist = goal.point - hand @ goal.offset - heads[upper]
    pole = _elbow_poles(to_wrist, turns[rig.index["spine01"]], sign, goal.swivel_deg)
    turn, bend = two_bones(first, second, False, np.broadcast_to(to_wrist, pole.shape), pole)
    local = turns[rig.parents[upper]].T @ turn
    fore = turn @ axis_rotation("x", -bend)
    twist = np.degrees(twist_about_y(local)[1]) * -sign
    wrist_angles = dict(
        zip(_WRIST, _wrist_angles(np.swapaxes(fore, -1, -2) @ goal.turn, sign), strict=True)
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
        wrist_at=heads[upper] + turn[best] @ first + fore[best] @ second,
    )


def _elbow_poles(
    to_wrist: FloatArray, chest: FloatArray, sign: float, swivel_deg: float
) -> FloatArray:
    """Directions for the elbow around the natural one: down, outwards, a little back."""
    along = unit(to_wrist)
    natural = chest @ np.array([0.55 * sign, -0.8, -0.35])
    frame = orthonormal_frame(along, natural)
    angle = np.radians(_SWIVELS_DEG + swivel_deg)
    # the second axis points to the natural side; turning towards `lift` raises the elbow outwards
    lift = frame[:, 2] * (1.0 if frame[:, 2] @ (chest @ np.array([sign, 0.6, 0.0])) > 0 else -1.0)
    return np.cos(angle)[:, None] * frame[:, 1] + np.sin(angle)[:, None] * lift


def _wrist_angles(rotation: FloatArray, sign: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Forearm turn, wrist bend and wrist side of rotations from forearm to hand, degrees."""
    turn = np.degrees(np.arctan2(-rotation[..., 2, 0], rotation[..., 0, 0]))
    bend = np.degrees(np.arcsin(np.clip(rotation[..., 1, 0], -1.0, 1.0)))
    side = np.degrees(np.arctan2(-rotation[..., 1, 2], rotation[..., 1, 1]))
    return -sign * turn, -sign * bend, -side


def _excess(value: FloatArray, name: str) -> FloatArray:
    low, high = LIMITS[f"{name}.L"]
    return np.maximum(low - value, 0.0) + np.maximum(value - high, 0.0)


def _zero_vector(body: RiggedBody, start: int, end: int) -> FloatArray:
    """From one bone's head to that of a descendant, in the zero pose."""
    vector = np.zeros(3)
    while end != start:
        vector += body.offsets[end]
        end = int(body.rig.parents[end])
    return vector


def stand_on(
    body: RiggedBody,
    joints: FloatArray,
    turns: FloatArray,
    heads: FloatArray,
    side: str,
    ankle_point: FloatArray,
) -> None:
    """Turn a leg so that its ankle is at a point and its sole is level; `joints` rows change.

    The knee keeps the direction that it points in, and so does the foot.

    Args:
        body: whose leg.
        joints: (B, 3, 3), changed in place.
        turns: (B, 3, 3) of `forward` for these joints.
        heads: (B, 3) of `forward`.
        side: "L" or "R".
        ankle_point: (3,).
    """
    rig = body.rig
    hip, knee, foot = (rig.index[f"{b}.{side}"] for b in ("upperleg01", "lowerleg01", "foot"))
    first, second = _zero_vector(body, hip, knee), _zero_vector(body, knee, foot)
    pole = turns[rig.index[f"upperleg02.{side}"]][:, 2]
    turn, bend = two_bones(first, second, True, ankle_point - heads[hip], pole)
    set_thigh(joints, rig, side, turns[rig.parents[hip]].T @ turn)
    joints[knee] = axis_rotation("x", float(bend))
    shank = turn @ axis_rotation("x", float(bend))
    ahead = turns[foot][:, 2]
    level = axis_rotation("y", np.degrees(np.arctan2(ahead[0], ahead[2])))
    joints[foot] = _limited_foot(shank.T @ level)


def _limited_foot(rotation: FloatArray) -> FloatArray:
    """The foot's turn within what an ankle can do; the heel lifts where that is not enough."""
    bend = np.degrees(np.arctan2(rotation[2, 1], rotation[1, 1]))
    allowed = float(np.clip(-bend, *LIMITS["ankle.L"]))
    return axis_rotation("x", -allowed - bend) @ rotation
