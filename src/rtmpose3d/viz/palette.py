"""Colours of keypoints and bones: cool ones on the person's left, warm ones on the right.

The hues are those of Okabe and Ito's palette for colour-blind readers, made a little lighter so
that they are visible on dark images, too. Light grey is for the middle, which has no side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.skeletons import WHOLEBODY, Part, Side
from rtmpose3d.structures.arrays import FloatArray

RGB = tuple[int, int, int]

MIDDLE: RGB = (236, 238, 242)
OUTLINE: RGB = (18, 22, 30)
PART_COLOURS: dict[tuple[Part, Side], RGB] = {
    ("body", "left"): (64, 170, 245),
    ("body", "right"): (255, 150, 30),
    ("body", "middle"): MIDDLE,
    ("feet", "left"): (40, 110, 225),
    ("feet", "right"): (235, 75, 40),
    ("face", "left"): (190, 226, 250),
    ("face", "right"): (252, 222, 184),
    ("face", "middle"): MIDDLE,
}
# From the thumb to the little finger; the palm's root has the middle finger's colour.
FINGER_COLOURS: dict[Part, tuple[RGB, RGB, RGB, RGB, RGB]] = {
    "left_hand": ((0, 200, 250), (0, 210, 215), (0, 200, 165), (40, 190, 120), (120, 220, 150)),
    "right_hand": (
        (255, 225, 60),
        (255, 185, 90),
        (250, 140, 140),
        (240, 110, 190),
        (225, 95, 215),
    ),
}
_MIDDLE_FINGER = 2


def _keypoint_colour(index: int) -> RGB:
    part = WHOLEBODY.part_of_keypoint[index]
    if part in FINGER_COLOURS:
        in_hand = index - WHOLEBODY.parts[part].start
        return FINGER_COLOURS[part][(in_hand - 1) // 4 if in_hand else _MIDDLE_FINGER]
    return PART_COLOURS[part, WHOLEBODY.side_of_keypoint[index]]


def _bone_colour(a: int, b: int) -> RGB:
    """The colour of the bone's outer end; that of the middle for bones between both sides."""
    sides = {WHOLEBODY.side_of_keypoint[a], WHOLEBODY.side_of_keypoint[b]}
    if sides == {"left", "right"}:
        return MIDDLE
    # Bones point outwards in every part but the legs, whose ends are on one side anyway.
    return _keypoint_colour(a if WHOLEBODY.side_of_keypoint[b] == "middle" else b)


KEYPOINT_RGB: NDArray[np.uint8] = np.array([_keypoint_colour(i) for i in range(133)], np.uint8)
BONE_RGB: NDArray[np.uint8] = np.array(
    [_bone_colour(a, b) for a, b in WHOLEBODY.bones.tolist()], np.uint8
)


def mix(
    colours: FloatArray | NDArray[np.uint8], other: RGB, share: FloatArray | float
) -> FloatArray:
    """Colours with a share of another colour mixed in.

    Args:
        colours: (..., 3) 0 to 255.
        other: the colour to mix in.
        share: (...) or one number, 0 (unchanged) to 1 (all `other`).

    Returns:
        (..., 3) float64, 0 to 255.
    """
    amount = np.asarray(share, float)[..., None]
    return np.asarray(colours, float) * (1 - amount) + np.asarray(other, float) * amount
