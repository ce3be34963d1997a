"""Hand poses: fist, flat, pointing, pinch, grip, ...; mixed and with noise.

A hand pose is (5, 4) degrees, thumb to little finger: bend at the knuckle, spread, bend at the
middle joint, bend at the end joint. 0 is straight and parallel. Bends are towards the palm, spread
is towards the thumb. For the thumb: bend across the palm, away from the edge of the palm, middle
joint, end joint.
"""

from __future__ import annotations

import numpy as np

from rtmpose3d.structures import FloatArray
from rtmpose3d.synth.assets import Rig
from rtmpose3d.synth.body import SIDES
from rtmpose3d.synth.pose.joints import finger_bones
from rtmpose3d.synth.rotations import axis_rotation, from_rotvec

# Active ranges of adults, degrees (AAOS, Joint Motion, 1965), by finger and joint.
MIN_FINGER_ANGLES = np.array([[-20, -20, 0, -10]] + [[-20, -18, -3, -4]] * 4, np.float64)
MAX_FINGER_ANGLES = np.array([[45, 40, 55, 75]] + [[90, 18, 105, 78]] * 4, np.float64)

_STRAIGHT = (2.0, 0.0, 4.0, 2.0)
_FOLDED = (82.0, 0.0, 98.0, 62.0)


def _hand(
    thumb: tuple[float, ...],
    index: tuple[float, ...],
    middle: tuple[float, ...],
    ring: tuple[float, ...],
    little: tuple[float, ...],
) -> FloatArray:
    return np.array([thumb, index, middle, ring, little], np.float64)


HANDS: dict[str, FloatArray] = {
    "relaxed": _hand(
        (8, 5, 12, 15), (22, 2, 30, 15), (28, 0, 34, 18), (32, -1, 36, 20), (36, -4, 36, 20)
    ),
    "loose": _hand(
        (4, 10, 8, 8), (10, 5, 18, 8), (14, 0, 22, 10), (16, -3, 24, 12), (18, -8, 24, 12)
    ),
    "flat": _hand((0, 12, 4, 2), (2, 2, 3, 2), _STRAIGHT, (2, -1, 3, 2), (2, -3, 3, 2)),
    "spread": _hand((-8, 35, 4, 0), (0, 14, 4, 3), (0, 2, 4, 3), (0, -8, 4, 3), (0, -16, 6, 3)),
    "fist": _hand((34, 4, 45, 50), _FOLDED, _FOLDED, _FOLDED, _FOLDED),
    "half_fist": _hand(
        (22, 10, 28, 30), (50, 2, 62, 35), (54, 0, 66, 38), (58, -1, 68, 40), (60, -3, 66, 40)
    ),
    "point": _hand((30, 4, 42, 45), _STRAIGHT, _FOLDED, _FOLDED, _FOLDED),
    "victory": _hand((36, 2, 48, 55), (2, 10, 4, 2), (2, -8, 4, 2), _FOLDED, _FOLDED),
    "three": _hand((36, 2, 48, 55), (2, 8, 4, 2), (2, 0, 4, 2), (2, -10, 4, 2), _FOLDED),
    "thumb_up": _hand((-15, 25, 2, -5), _FOLDED, _FOLDED, _FOLDED, _FOLDED),
    "call": _hand((-10, 35, 4, 0), _FOLDED, _FOLDED, _FOLDED, (2, -14, 6, 4)),
    "horns": _hand((32, 2, 45, 50), _STRAIGHT, _FOLDED, _FOLDED, (2, -6, 6, 4)),
    "pinch": _hand(
        (26, 16, 26, 28), (48, 0, 46, 28), (34, 0, 38, 22), (30, -2, 34, 20), (28, -6, 32, 18)
    ),
    "ok": _hand((28, 14, 30, 32), (54, 0, 50, 32), (16, 0, 16, 8), (8, -4, 12, 6), (4, -10, 10, 6)),
    "pen": _hand(
        (26, 12, 30, 24), (50, 2, 40, 18), (56, 0, 52, 26), (60, -1, 66, 34), (62, -4, 68, 36)
    ),
    "grip": _hand(
        (26, 22, 26, 28), (56, 3, 62, 30), (60, 0, 64, 32), (62, -2, 66, 32), (66, -6, 64, 32)
    ),
    "wide_grip": _hand(
        (14, 34, 14, 16), (30, 8, 36, 22), (32, 1, 38, 24), (34, -4, 40, 24), (36, -10, 40, 24)
    ),
    "phone": _hand(
        (10, 30, 14, 18), (36, 4, 48, 26), (40, 0, 50, 28), (42, -2, 52, 28), (46, -4, 54, 30)
    ),
    "hook": _hand(
        (4, 8, 10, 12), (12, 2, 84, 48), (12, 0, 88, 50), (14, -1, 88, 50), (16, -3, 84, 48)
    ),
    "cup": _hand(
        (16, 26, 12, 10), (34, 4, 22, 10), (36, 0, 22, 10), (38, -2, 22, 10), (40, -5, 22, 10)
    ),
    "claw": _hand(
        (6, 30, 26, 30), (8, 10, 52, 30), (8, 1, 54, 30), (10, -7, 54, 30), (10, -14, 52, 30)
    ),
}
_WEIGHTS = {"relaxed": 6.0, "loose": 5.0, "flat": 3.0, "spread": 2.5, "fist": 2.0, "half_fist": 2.5}
_NOISE_DEG = np.array([[6, 6, 8, 8]] + [[7, 3.5, 8, 6]] * 4, np.float64)


def sample_hand(rng: np.random.Generator, name: str | None = None) -> FloatArray:
    """Samples a hand pose: a named one blended with another, plus noise per finger.

    Args:
        rng: source of all randomness.
        name: name in `HANDS`; None for any.

    Returns:
        (5, 4) degrees within the limits.
    """
    first = name or sample_hand_name(rng)
    second = sample_hand_name(rng)
    fraction = 0.12 * rng.random() if name else 0.35 * rng.random() ** 2
    blend = (1.0 - fraction) * HANDS[first] + fraction * HANDS[second]
    common = rng.normal(0.0, 0.5) * np.array([1.0, 0.0, 1.0, 1.0])
    return clip_hand(blend + _NOISE_DEG * (0.6 * rng.standard_normal((5, 4)) + common))


def sample_hand_name(rng: np.random.Generator) -> str:
    """Samples a name of `HANDS`; common poses are more frequent."""
    names = list(HANDS)
    probability = np.array([_WEIGHTS.get(name, 1.0) for name in names])
    return names[int(rng.choice(len(names), p=probability / probability.sum()))]


def clip_hand(hand: FloatArray) -> FloatArray:
    """Clips a hand pose to the limits of its joints."""
    return np.clip(hand, MIN_FINGER_ANGLES, MAX_FINGER_ANGLES)


def set_fingers(joints: FloatArray, rig: Rig, side: str, hand: FloatArray) -> None:
    """Writes the rotations of a hand's fingers.

    Args:
        joints: (B, 3, 3) rotations in the zero pose's axes, changed in place.
        rig: bones.
        side: "L" or "R".
        hand: (5, 4) degrees.
    """
    sign = SIDES[side]
    for finger, names in enumerate(finger_bones(side)):
        knuckle, spread, middle, end = hand[finger]
        if finger == 0:
            rotations = _thumb(knuckle, spread, middle, end, sign)
        else:
            rotations = (
                axis_rotation("x", -float(spread)) @ axis_rotation("z", -sign * float(knuckle)),
                axis_rotation("z", -sign * float(middle)),
                axis_rotation("z", -sign * float(end)),
            )
        for name, turn in zip(names, rotations, strict=True):
            joints[rig.index[name]] = turn


# Rotation axes of the left thumb in the zero pose, where it points down, to the front and to the
# palm. Bending moves it across the palm, "out" away from the index finger.
_THUMB_BEND = np.array([0.85, -0.37, 0.37])
_THUMB_OUT = np.array([0.0, 0.86, 0.51])


def _thumb(
    across: float, out: float, middle: float, end: float, sign: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    flip = np.array([1.0, sign, sign])  # a rotation axis is a pseudovector
    bend, away = _THUMB_BEND * flip, _THUMB_OUT * flip
    degrees = np.array([[out], [across], [middle], [end]])
    rotations = from_rotvec(np.radians(degrees) * np.array([away, bend, bend, bend]))
    return rotations[0] @ rotations[1], rotations[2], rotations[3]
