"""Types of the pose library: poses of legs and arms, goals of hands.

A pose gives joint angles (`pose.joints`) as numbers or (low, high) ranges, in degrees; other angles
stay near 0. "near" and "far" denote the two sides; which one is left is random. Hands may have
goals instead: landmarks of the own body (`Touch`) or points in front of the chest (`Reach`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Range: TypeAlias = float | tuple[float, float]
Vector: TypeAlias = tuple[float, float, float]
Family = Literal["upright", "active", "low", "sitting", "lying"]
RelativeSide = Literal["near", "far"]
HandPart = Literal["palm", "fingers", "fist", "wrist"]


@dataclass(frozen=True, kw_only=True)
class LegPose:
    """A named pose of legs and trunk.

    Attributes:
        family: group of similar poses.
        angles: name to degrees or range.
        weight: relative frequency within its family.
        feet: feet that stand flat on the ground: "both", "near", "far" or "none".
        arms: names of arm poses that fit this one.
        hands_free: whether any other arm pose may be combined with it.
        gait: "walk" or "run" if the angles come from a gait cycle.
        airborne: whether the body may be off the ground.
        noise_deg: standard deviation of the noise on all angles.
    """

    family: Family
    angles: Mapping[str, Range]
    weight: float = 1.0
    feet: Literal["both", "near", "far", "none"] = "none"
    arms: tuple[str, ...] = ()
    hands_free: bool = True
    gait: Literal["", "walk", "run"] = ""
    airborne: bool = False
    noise_deg: float = 3.0


@dataclass(frozen=True, kw_only=True)
class Touch:
    """Goal of a hand: a landmark on the own body.

    Attributes:
        side: the hand.
        landmark: name of the landmark; ".near" or ".far" stand for its side.
        part: part of the hand that touches.
        fingers: direction of the fingers: outwards, up, front, in the frame of the landmark's
            bone.
        gap_m: distance from the skin.
        swivel_deg: raises the elbow.
    """

    side: RelativeSide
    landmark: str
    part: HandPart = "palm"
    fingers: Vector = (-0.3, 1.0, 0.0)
    gap_m: float = 0.012
    swivel_deg: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Goal of a hand: a point in front of the chest.

    Attributes:
        side: the hand.
        at: offset from the middle of the shoulders in arm lengths: outwards, up, front, in the
            frame of the chest.
        spread: half width of the range of the point.
        palm: direction in which the palm faces, same axes.
        fingers: direction of the fingers, same axes.
        swivel_deg: raises the elbow.
    """

    side: RelativeSide
    at: Vector
    spread: Vector = (0.06, 0.06, 0.06)
    palm: Vector = (-1.0, 0.0, 0.0)
    fingers: Vector = (0.0, 0.0, 1.0)
    swivel_deg: float = 0.0


Goal: TypeAlias = Touch | Reach


@dataclass(frozen=True, kw_only=True)
class ArmPose:
    """A named pose of both arms.

    Attributes:
        angles: name to degrees or range.
        goals: goals of the hands; they override the angles of their arm.
        hands: names of hand poses, near and far; "" for any.
        head: name of the matching head pose; "" for any.
        weight: relative frequency; 0 for poses used only by certain leg poses.
        upright_only: excluded for lying or crouching bodies.
        both_from_one: whether the goals of both hands are shifted together.
    """

    angles: Mapping[str, Range] | None = None
    goals: tuple[Goal, ...] = ()
    hands: tuple[str, str] = ("", "")
    head: str = ""
    weight: float = 1.0
    upright_only: bool = False
    both_from_one: bool = False


HANG: dict[str, Range] = {
    "arm_raise": (5, 20),
    "arm_plane": (20, 100),
    "arm_twist": (-15, 25),
    "elbow": (4, 35),
    "forearm": (-10, 45),
    "wrist": (-8, 22),
}
FAR_HANGS: dict[str, Range] = {f"{name}.far": value for name, value in HANG.items()}


def near_only(**near: Range) -> dict[str, Range]:
    """Angles of the near arm; the far arm hangs."""
    return {**FAR_HANGS, **{f"{name}.near": value for name, value in near.items()}}


def touch(
    side: RelativeSide,
    landmark: str,
    fingers: Vector,
    *,
    part: HandPart = "palm",
    gap_m: float = 0.012,
    lift: float = 0.0,
) -> Touch:
    """Shorthand for `Touch`; `lift` is the swivel of the elbow."""
    return Touch(
        side=side, landmark=landmark, part=part, fingers=fingers, gap_m=gap_m, swivel_deg=lift
    )


def reach(
    side: RelativeSide,
    at: Vector,
    palm: Vector,
    fingers: Vector,
    *,
    spread: Vector = (0.06, 0.06, 0.06),
    lift: float = 0.0,
) -> Reach:
    """Shorthand for `Reach`; `lift` is the swivel of the elbow."""
    return Reach(side=side, at=at, spread=spread, palm=palm, fingers=fingers, swivel_deg=lift)


def both(near: Goal) -> tuple[Goal, Goal]:
    """The goal for one hand and its left-right counterpart for the other."""
    if isinstance(near, Touch):
        landmark = near.landmark.replace(".near", ".far")
        return near, replace(near, side="far", landmark=landmark)
    return near, replace(near, side="far")
