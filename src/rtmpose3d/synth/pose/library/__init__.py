"""Pose library: named poses of legs, arms and heads, their frequencies, and gait cycles."""

from __future__ import annotations

from collections.abc import Mapping

from rtmpose3d.synth.pose.library.arms_free import FREE_ARMS
from rtmpose3d.synth.pose.library.arms_touch import TOUCHING_ARMS
from rtmpose3d.synth.pose.library.legs_low import LOW_LEGS, LYING_LEGS, SITTING_LEGS
from rtmpose3d.synth.pose.library.legs_upright import ACTIVE_LEGS, UPRIGHT_LEGS
from rtmpose3d.synth.pose.types import ArmPose, LegPose, Range

__all__ = ["ARMS", "FAMILY_WEIGHT", "GAIT_CYCLES", "HEADS", "HEAD_WEIGHT", "LEGS"]

ARMS: dict[str, ArmPose] = {**FREE_ARMS, **TOUCHING_ARMS}

HEADS: dict[str, Mapping[str, Range]] = {
    "": {"neck": (-14, 16), "neck_side": (-10, 10), "neck_twist": (-28, 28)},
    "down": {"neck": (14, 45), "neck_side": (-8, 8), "neck_twist": (-18, 18)},
    "up": {"neck": (-42, -8), "neck_side": (-8, 8), "neck_twist": (-20, 20)},
    "aside": {"neck": (-12, 16), "neck_side": (-12, 12), "neck_twist": (-72, 72)},
    "tilted": {"neck": (-12, 18), "neck_side": (-34, 34), "neck_twist": (-30, 30)},
}
HEAD_WEIGHT = {"": 5.0, "down": 1.5, "up": 1.0, "aside": 2.0, "tilted": 1.0}

FAMILY_WEIGHT: dict[str, float] = {
    "upright": 0.40,
    "active": 0.20,
    "low": 0.14,
    "sitting": 0.17,
    "lying": 0.09,
}
LEGS: dict[str, LegPose] = {
    **UPRIGHT_LEGS,
    **ACTIVE_LEGS,
    **LOW_LEGS,
    **SITTING_LEGS,
    **LYING_LEGS,
}

# One cycle at eight instants from the heel's touch, degrees (after Perry, Gait Analysis, 1992,
# and Novacheck, The biomechanics of running, 1998).
GAIT_CYCLES: dict[str, dict[str, tuple[float, ...]]] = {
    "walk": {
        "hip": (28, 26, 14, 0, -10, -2, 20, 30),
        "knee": (4, 17, 12, 6, 12, 42, 60, 24),
        "ankle": (0, -4, 5, 10, 8, -17, -4, 2),
        "toes": (5, 0, 0, 4, 22, 15, 5, 6),
    },
    "run": {
        "hip": (38, 32, 12, -8, -18, 2, 36, 52),
        "knee": (18, 40, 34, 18, 32, 82, 105, 55),
        "ankle": (2, 18, 18, -8, -24, -12, -2, 4),
        "toes": (5, 0, 8, 28, 18, 4, 4, 6),
    },
}
