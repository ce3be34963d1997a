"""What a body shall do, whosever it is, drawn from the tables: `sample_attitude`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from rtmpose3d.structures import FloatArray
from rtmpose3d.synth.body import SIDES
from rtmpose3d.synth.pose.face import sample_face
from rtmpose3d.synth.pose.hands import sample_hand, sample_name
from rtmpose3d.synth.pose.joints import ANGLES, INDEX, clamp
from rtmpose3d.synth.pose.library.arms import ARMS, HEAD_WEIGHT, HEADS
from rtmpose3d.synth.pose.library.legs import FAMILY_WEIGHT, GAIT_CYCLES, LEGS
from rtmpose3d.synth.pose.types import Goal, Legs, Range, Reach


@dataclass(frozen=True, kw_only=True, eq=False)
class Attitude:
    """What a body shall do.

    Attributes:
        legs, arms: names in `LEGS` and `ARMS`.
        angles: (D,) degrees, see `poses_joints.ANGLES`.
        goals: of hands; "near" is the side `near`.
        near: "L" or "R".
        hands: (5, 4) degrees for "L" and "R", see `hands`.
        grips: names of those, in `hands.HANDS`.
        face: weights of pose units and the gaze.
        feet: sides that stand flat.
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


# Joints that have natural positions of their own get less noise.
_NOISE = np.array(
    [0.25 if a.startswith("root") else 0.5 if a.startswith("ank") else 1.0 for a in ANGLES]
)
_LOW_FAMILIES = ("low", "lying")


def sample_attitude(
    rng: np.random.Generator, legs: str | None = None, arms: str | None = None
) -> Attitude:
    """Draw an attitude.

    Args:
        rng: source of chance.
        legs: of `LEGS`; any, after the families' weights, without it.
        arms: of `ARMS`; any that fits without it.
    """
    legs = legs or any_legs(rng)
    kind = LEGS[legs]
    arms = arms or _any_arms(rng, kind)
    near = "L" if rng.random() < 0.5 else "R"
    far = "R" if near == "L" else "L"
    angles = rng.normal(0.0, kind.noise_deg, len(ANGLES)) * _NOISE
    head = ARMS[arms].head or _weighted(rng, HEAD_WEIGHT)
    _add(angles, rng, HEADS[head], near)
    phase, strength = float(rng.random()), float(rng.uniform(0.6, 1.15))
    if kind.gait:
        angles += gait_angles(kind.gait, phase, strength, near)
    _add(angles, rng, kind.angles, near)
    if kind.gait and arms in ("hang", "swing"):
        angles += gait_arms(kind.gait, phase, strength, near)
    else:
        _add(angles, rng, ARMS[arms].angles or {}, near)
    wanted: dict[str, str] = dict(zip((near, far), ARMS[arms].hands, strict=True))
    grips = {side: wanted[side] or sample_name(rng) for side in SIDES}
    return Attitude(
        legs=legs,
        arms=arms,
        angles=clamp(angles),
        goals=_spread_goals(rng, ARMS[arms].goals, ARMS[arms].both_from_one),
        near=near,
        hands={side: sample_hand(rng, grips[side]) for side in SIDES},
        grips=grips,
        face=sample_face(rng),
        feet={"both": (near, far), "near": (near,), "far": (far,), "none": ()}[kind.feet],
        lift_m=float(rng.uniform(0.0, 0.5)) if kind.airborne else 0.0,
    )


def any_legs(rng: np.random.Generator) -> str:
    """A name of `LEGS`, after the families' weights."""
    family = _weighted(rng, FAMILY_WEIGHT)
    return _weighted(rng, {n: legs.weight for n, legs in LEGS.items() if legs.family == family})


def _any_arms(rng: np.random.Generator, kind: Legs) -> str:
    if kind.arms and (not kind.hands_free or rng.random() < 0.6):
        name = str(rng.choice(kind.arms))
        if name:
            return name
    low = kind.family in _LOW_FAMILIES
    chance = {name: arms.weight for name, arms in ARMS.items() if not (low and arms.upright_only)}
    if kind.gait:
        chance = {**chance, "hang": 12.0, "swing": 12.0}
    if kind.family == "sitting":
        chance = {**chance, "hang": 0.7, "hands_on_thighs": 6.0, "swing": 0.0}
    return _weighted(rng, chance)


def _weighted(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    names = list(weights)
    chance = np.array([weights[name] for name in names])
    return names[int(rng.choice(len(names), p=chance / chance.sum()))]


def _value(rng: np.random.Generator, value: Range) -> float:
    if isinstance(value, tuple):
        low, high = value
        return float(low + (high - low) * rng.beta(1.4, 1.4))
    return float(value)


def _add(
    angles: FloatArray, rng: np.random.Generator, ranges: Mapping[str, Range], near: str
) -> None:
    """Add drawn angles; a sided angle without side is drawn about one value for both sides."""
    for name, value in ranges.items():
        stem, _, which = name.partition(".")
        if name in INDEX:
            angles[INDEX[name]] += _value(rng, value)
        elif which:
            side = near if which == "near" else ("R" if near == "L" else "L")
            angles[INDEX[f"{stem}.{side}"]] += _value(rng, value)
        else:
            both = _value(rng, value)
            for side in SIDES:
                own = 0.65 * both + 0.35 * _value(rng, value)
                angles[INDEX[f"{stem}.{side}"]] += own


def gait_angles(gait: str, phase: float, strength: float, near: str) -> FloatArray:
    """(D,) degrees of the legs in a walking or running cycle.

    Args:
        gait: "walk" or "run".
        phase: 0 to 1; the near heel touches at 0.
        strength: 1 for a usual stride.
        near: "L" or "R".
    """
    angles = np.zeros(len(ANGLES))
    far = "R" if near == "L" else "L"
    for side, shift in ((near, 0.0), (far, 0.5)):
        for name, cycle in GAIT_CYCLES[gait].items():
            angles[INDEX[f"{name}.{side}"]] = strength * _in_cycle(cycle, phase + shift)
    turn = 6.0 * strength * np.cos(2 * np.pi * phase) * (1.0 if near == "R" else -1.0)
    angles[INDEX["root_yaw"]] = turn
    angles[INDEX["spine_twist"]] = -1.8 * turn
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
    """Smoothly between the values of a cycle (Catmull-Rom)."""
    at = (phase % 1.0) * len(values)
    k, t = int(at), at - int(at)
    a, b, c, d = (values[(k + step) % len(values)] for step in (-1, 0, 1, 2))
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def _spread_goals(
    rng: np.random.Generator, goals: tuple[Goal, ...], together: bool
) -> tuple[Goal, ...]:
    """Draw the points of free goals; goals of two hands that hold one thing move together."""
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
