"""All attitudes of legs and trunk by name, how frequent their families are, and gaits."""

from __future__ import annotations

from rtmpose3d.synth.pose.library.legs_low import LOW_LEGS, LYING_LEGS, SITTING_LEGS
from rtmpose3d.synth.pose.library.legs_upright import ACTIVE_LEGS, UPRIGHT_LEGS
from rtmpose3d.synth.pose.types import Legs

FAMILY_WEIGHT: dict[str, float] = {
    "upright": 0.40,
    "active": 0.20,
    "low": 0.14,
    "sitting": 0.17,
    "lying": 0.09,
}
LEGS: dict[str, Legs] = {
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
