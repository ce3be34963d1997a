"""The words in which attitudes of legs and arms are written down, see the tables beside.

An attitude names joint angles (`poses_joints`) as numbers or (low, high) ranges, in degrees; what
is not named stays near 0. "near" and "far" stand for the two sides; which is left is drawn. Hands
may have goals instead: places of the own body (`Touch`) or points before the chest (`Reach`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Range: TypeAlias = float | tuple[float, float]
Vector: TypeAlias = tuple[float, float, float]
Family = Literal["upright", "active", "low", "sitting", "lying"]
Side = Literal["near", "far"]
HandPart = Literal["palm", "fingers", "fist", "wrist"]


@dataclass(frozen=True, kw_only=True)
class Legs:
    """An attitude of the lower body and trunk.

    Attributes:
        family: broad kind.
        angles: name to degrees or range.
        weight: how often, among its family.
        feet: which feet stand flat on the ground: "both", "near", "far" or "none".
        arms: names of arm attitudes that fit only here; any free ones without it.
        hands_free: whether arm attitudes of any kind may be combined.
        gait: "walk" or "run" where the angles come from a cycle.
        airborne: the body may be off the ground.
        noise_deg: deviation added to the angles.
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
    """A hand on a place of the own body.

    Attributes:
        side: whose hand.
        place: landmark; ".near", ".far" stand for a side.
        part: of the hand that touches.
        fingers: direction of the fingers: out to the hand's own side, up, front, in the frame of
            the bone that the place is on.
        gap_m: distance kept.
        swivel_deg: lifts the elbow.
    """

    side: Side
    place: str
    part: HandPart = "palm"
    fingers: Vector = (-0.3, 1.0, 0.0)
    gap_m: float = 0.012
    swivel_deg: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Reach:
    """A hand at a point in space.

    Attributes:
        side: whose hand.
        at: from the middle of the shoulders, in lengths of the arm: out to the hand's own side,
            up, front, in the frame of the chest.
        spread: half width of the range in which the point is drawn.
        palm: direction that the palm faces, same axes.
        fingers: direction of the fingers, same axes.
        swivel_deg: lifts the elbow.
    """

    side: Side
    at: Vector
    spread: Vector = (0.06, 0.06, 0.06)
    palm: Vector = (-1.0, 0.0, 0.0)
    fingers: Vector = (0.0, 0.0, 1.0)
    swivel_deg: float = 0.0


Goal: TypeAlias = Touch | Reach


@dataclass(frozen=True, kw_only=True)
class Arms:
    """An attitude of both arms.

    Attributes:
        angles: name to degrees or range.
        goals: of the hands; they override the angles of their arm.
        hands: names of finger attitudes for near and far; any without a name.
        head: name of a head attitude that goes with it.
        weight: how often; 0 only where legs ask for it.
        upright_only: not for lying or crouching bodies.
        both_from_one: shifts goals of both hands together.
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


def with_far(**near: Range) -> dict[str, Range]:
    """Angles of the near arm; the far one hangs."""
    return {**FAR_HANGS, **{f"{name}.near": value for name, value in near.items()}}


def touch(
    side: Side,
    place: str,
    fingers: Vector,
    *,
    part: HandPart = "palm",
    gap_m: float = 0.012,
    lift: float = 0.0,
) -> Touch:
    """A `Touch` in short; `lift` is the elbow's swivel."""
    return Touch(side=side, place=place, part=part, fingers=fingers, gap_m=gap_m, swivel_deg=lift)


def reach(
    side: Side,
    at: Vector,
    palm: Vector,
    fingers: Vector,
    *,
    spread: Vector = (0.06, 0.06, 0.06),
    lift: float = 0.0,
) -> Reach:
    """A `Reach` in short; `lift` is the elbow's swivel."""
    return Reach(side=side, at=at, spread=spread, palm=palm, fingers=fingers, swivel_deg=lift)


def both(near: Goal) -> tuple[Goal, Goal]:
    """The same for both hands, mirrored."""
    if isinstance(near, Touch):
        place = near.place.replace(".near", ".far")
        return near, replace(near, side="far", place=place)
    return near, replace(near, side="far")
