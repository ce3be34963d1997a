"""All attitudes of arms and heads, by name."""

from __future__ import annotations

from collections.abc import Mapping

from rtmpose3d.synth.pose.library.arms_free import FREE_ARMS
from rtmpose3d.synth.pose.library.arms_touch import TOUCHING_ARMS
from rtmpose3d.synth.pose.types import Arms, Range

ARMS: dict[str, Arms] = {**FREE_ARMS, **TOUCHING_ARMS}

HEADS: dict[str, Mapping[str, Range]] = {
    "": {"neck": (-14, 16), "neck_side": (-10, 10), "neck_twist": (-28, 28)},
    "down": {"neck": (14, 45), "neck_side": (-8, 8), "neck_twist": (-18, 18)},
    "up": {"neck": (-42, -8), "neck_side": (-8, 8), "neck_twist": (-20, 20)},
    "aside": {"neck": (-12, 16), "neck_side": (-12, 12), "neck_twist": (-72, 72)},
    "tilted": {"neck": (-12, 18), "neck_side": (-34, 34), "neck_twist": (-30, 30)},
}
HEAD_WEIGHT = {"": 5.0, "down": 1.5, "up": 1.0, "aside": 2.0, "tilted": 1.0}
