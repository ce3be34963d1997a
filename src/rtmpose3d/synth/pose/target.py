"""Target poses, independent of the body, sampled from the pose library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from rtmpose3d.structures import FloatArray
from rtmpose3d.synth.body import SIDES
from rtmpose3d.synth.pose.face import sample_face
from rtmpose3d.synth.pose.hands import sample_hand, sample_hand_name
from rtmpose3d.synth.pose.joints import ANGLES, INDEX, clip_angles
from rtmpose3d.synth.pose.library import ARMS, FAMILY_WEIGHT, GAIT_CYCLES, HEAD_WEIGHT, HEADS, LEGS
from rtmpose3d.synth.pose.types import Goal, LegPose, Range, Reach


@dataclass(frozen=True, kw_only=True, eq=False)
class TargetPose:
    """A pose to be realised by a body.

    Attributes:
        legs, arms: names in `LEGS` and `ARMS`.
        angles: (D,) degrees, named by `pose.joints.ANGLES`.
        goals: goals of the hands.
        near: side, "L" or "R", that "near" denotes.
        hands: (5, 4) degrees of the fingers for "L" and "R".
        grips: name in `pose.hands.HANDS` for "L" and "R".
        face: weights of pose units and the gaze.
        feet: sides whose foot is flat on the ground.
        lift_m: height above the ground (jumps).
    """

    legs: str
    arms: str
    angles: FloatArray
    goals: tuple[Goal, ...]
    near: str
    hands: Mapping[str, FloatArray]
    grips: Mapping[str, str]
    face: Mapping[str, float]
    feet: tuple[str, ...]
    lift_m: float = 0.0


# Less noise for joints whose position must look natural.
_NOISE = np.array(
    [0.25 if a.startswith("root") else 0.5 if a.startswith("ank") else 1.0 for a in ANGLES]
)
_LOW_FAMILIES = ("low", "lying")


def sample_target_pose(
    rng: np.random.Generator, legs: str | None = None, arms: str | None = None
) -> TargetPose:
    """Samples a target pose.

    Args:
        rng: source of all randomness.
        legs: name in `LEGS`; None for any.
        arms: name in `ARMS`; None for any that fits the legs.
    """
    legs = legs or sample_leg_pose(rng)
    leg_pose = LEGS[legs]
    arms = arms or _sample_arm_pose(rng, leg_pose)
    near = "L" if rng.random() < 0.5 else "R"
    far = "R" if near == "L" else "L"
    angles = rng.normal(0.0, leg_pose.noise_deg, len(ANGLES)) * _NOISE
    head = ARMS[arms].head or _weighted_choice(rng, HEAD_WEIGHT)
    _add_angles(angles, rng, HEADS[head], near)
    phase, strength = float(rng.random()), float(rng.uniform(0.6, 1.15))
    if leg_pose.gait:
        angles += gait_angles(leg_pose.gait, phase, strength, near)
    _add_angles(angles, rng, leg_pose.angles, near)
    if leg_pose.gait and arms in ("hang", "swing"):
        angles += gait_arms(leg_pose.gait, phase, strength, near)
    else:
        _add_angles(angles, rng, ARMS[arms].angles or {}, near)
    wanted: dict[str, str] = dict(zip((near, far), ARMS[arms].hands, strict=True))
    grips = {side: wanted[side] or sample_hand_name(rng) for side in SIDES}
    return TargetPose(
        legs=legs,
        arms=arms,
        angles=clip_angles(angles),
        goals=_sample_goals(rng, ARMS[arms].goals, ARMS[arms].both_from_one),
        near=near,
        hands={side: sample_hand(rng, grips[side]) for side in SIDES},
        grips=grips,
        face=sample_face(rng),
        feet={"both": (near, far), "near": (near,), "far": (far,), "none": ()}[leg_pose.feet],
        lift_m=float(rng.uniform(0.0, 0.5)) if leg_pose.airborne else 0.0,
    )


def sample_leg_pose(rng: np.random.Generator) -> str:
    """Samples a name of `LEGS` by the weights of families and poses."""
    family = _weighted_choice(rng, FAMILY_WEIGHT)
    return _weighted_choice(
        rng, {n: legs.weight for n, legs in LEGS.items() if legs.family == family}
    )


def _sample_arm_pose(rng: np.random.Generator, leg_pose: LegPose) -> str:
    if leg_pose.arms and (not leg_pose.hands_free or rng.random() < 0.6):
        name = str(rng.choice(leg_pose.arms))
        if name:
            return name
    low = leg_pose.family in _LOW_FAMILIES
    probability = {
        name: arms.weight for name, arms in ARMS.items() if not (low and arms.upright_only)
    }
    if leg_pose.gait:
        probability = {**probability, "hang": 12.0, "swing": 12.0}
    if leg_pose.family == "sitting":
        probability = {**probability, "hang": 0.7, "hands_on_thighs": 6.0, "swing": 0.0}
    return _weighted_choice(rng, probability)


def _weighted_choice(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    names = list(weights)
    probability = np.array([weights[name] for name in names])
    return names[int(rng.choice(len(names), p=probability / probability.sum()))]


def _sample_value(rng: np.random.Generator, value: Range) -> float:
    if isinstance(value, tuple):
        low, high = value
        return float(low + (high - low) * rng.beta(1.4, 1.4))
    return float(value)


def _add_angles(
    angles: FloatArray, rng: np.random.Generator, ranges: Mapping[str, Range], near: str
) -> None:
    """Adds sampled angles; both sides of a sided angle get similar values if none is named."""
    for name, value in ranges.items():
        stem, _, which = name.partition(".")
        if name in INDEX:
            angles[INDEX[name]] += _sample_value(rng, value)
        elif which:
            side = near if which == "near" else ("R" if near == "L" else "L")
            angles[INDEX[f"{stem}.{side}"]] += _sample_value(rng, value)
        else:
            both = _sample_value(rng, value)
            for side in SIDES:
                own = 0.65 * both + 0.35 * _sample_value(rng, value)
                angles[INDEX[f"{stem}.{side}"]] += own


def gait_angles(gait: str, phase: float, strength: float, near: str) -> FloatArray:
    """(D,) degrees of the legs in a walking or running cycle.

    Args:
        gait: "walk" or "run".
        phase: 0 to 1; the near heel strikes at 0.
        strength: 1 for a normal stride.
        near: "L" or "R".
    """
    angles = np.zeros(len(ANGLES))
    far = "R" if near == "L" else "L"
    for side, shift in ((near, 0.0), (far, 0.5)):
        for name, cycle in GAIT_CYCLES[gait].items():
            angles[INDEX[f"{name}.{side}"]] = strength * _in_cycle(cycle, phase + shift)
    yaw = 6.0 * strength * np.cos(2 * np.pi * phase) * (1.0 if near == "R" else -1.0)
    angles[INDEX["root_yaw"]] = yaw
    angles[INDEX["spine_twist"]] = -1.8 * yaw
    return angles


def gait_arms(gait: str, phase: float, strength: float, near: str) -> FloatArray:
    """(D,) degrees of the arms, swinging against the legs."""
    angles = np.zeros(len(ANGLES))
    far = "R" if near == "L" else "L"
    reach_deg, elbow = (22.0, 18.0) if gait == "walk" else (38.0, 82.0)
    for side, shift in ((near, 0.5), (far, 0.0)):
        swing = strength * reach_deg * np.cos(2 * np.pi * (phase + shift)) + 2.0
        out = 9.0
        angles[INDEX[f"arm_raise.{side}"]] = np.hypot(swing, out)
        angles[INDEX[f"arm_plane.{side}"]] = np.degrees(np.arctan2(out, swing))
        angles[INDEX[f"elbow.{side}"]] = elbow + 0.45 * max(0.0, swing)
        angles[INDEX[f"arm_twist.{side}"]] = 10.0 + 0.3 * max(0.0, swing)
        angles[INDEX[f"forearm.{side}"]] = 15.0
    return angles


def _in_cycle(values: tuple[float, ...], phase: float) -> float:
    """Interpolates the values of a cycle (Catmull-Rom)."""
    at = (phase % 1.0) * len(values)
    k, t = int(at), at - int(at)
    a, b, c, d = (values[(k + step) % len(values)] for step in (-1, 0, 1, 2))
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def _sample_goals(
    rng: np.random.Generator, goals: tuple[Goal, ...], together: bool
) -> tuple[Goal, ...]:
    """Randomises goals; goals of two hands that hold the same object move together."""
    common = rng.uniform(-1.0, 1.0, 3)
    spread: list[Goal] = []
    for goal in goals:
        if isinstance(goal, Reach):
            shift = common if together else rng.uniform(-1.0, 1.0, 3)
            if together and goal.side == "far":
                shift = shift * (-1.0, 1.0, 1.0)
            at = np.array(goal.at) + shift * goal.spread
            palm = np.array(goal.palm) + rng.normal(0.0, 0.12, 3)
            fingers = np.array(goal.fingers) + rng.normal(0.0, 0.12, 3)
            goal = replace(goal, at=tuple(at), palm=tuple(palm), fingers=tuple(fingers))
        else:
            fingers = np.array(goal.fingers) + rng.normal(0.0, 0.15, 3)
            goal = replace(goal, fingers=tuple(fingers), gap_m=goal.gap_m + 0.006 * rng.random())
        spread.append(replace(goal, swivel_deg=goal.swivel_deg + rng.normal(0.0, 10.0)))
    return tuple(spread)
