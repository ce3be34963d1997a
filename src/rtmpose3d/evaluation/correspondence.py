"""Which point of a data set is which of the 133 keypoints; what has no true partner is left out.

Body sets go by name. The tables of faces and motion capture hold (theirs, ours) by number, faces
counted within the 68 of 300-W.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rtmpose3d.skeletons import WHOLEBODY

FACE = WHOLEBODY.parts["face"].start
LEFT_HAND = WHOLEBODY.parts["left_hand"].start
RIGHT_HAND = WHOLEBODY.parts["right_hand"].start


def by_name(names: Sequence[str]) -> dict[int, int]:
    """Their number -> ours, for names that are the same but for spaces and capitals.

    Neck, head top, belly and the like have no partner among the 133.
    """
    ours = {name: i for i, name in enumerate(WHOLEBODY.keypoint_names)}
    same = [name.strip().lower().replace(" ", "_") for name in names]
    return {i: ours[name] for i, name in enumerate(same) if name in ours}


def _face(theirs: Iterable[int], ours: Iterable[int]) -> dict[int, int]:
    return {a: FACE + b for a, b in zip(theirs, ours, strict=True)}


W300 = _face(range(68), range(68))

# WFLW, 98 points (Wu et al., CVPR 2018): the jaw in steps half as long, brows with a lower edge
# besides, eyes with a point in the middle of each lid besides, pupils; lips and nose as in 300-W.
WFLW = (
    _face(range(0, 33, 2), range(17))
    | _face(range(33, 38), range(17, 22))
    | _face(range(42, 47), range(22, 27))
    | _face(range(51, 60), range(27, 36))
    | _face((60, 61, 63, 64, 65, 67), range(36, 42))
    | _face((68, 69, 71, 72, 73, 75), range(42, 48))
    | _face(range(76, 96), range(48, 68))
)

# LaPa, 106 points (Liu et al., AAAI 2020): as WFLW, the nose with five points more.
LAPA = (
    _face(range(0, 33, 2), range(17))
    | _face(range(33, 38), range(17, 22))
    | _face(range(42, 47), range(22, 27))
    | _face((51, 52, 53, 54, 58, 59, 60, 61, 62), range(27, 36))
    | _face((66, 67, 69, 70, 71, 73), range(36, 42))
    | _face((75, 76, 78, 79, 80, 82), range(42, 48))
    | _face(range(84, 104), range(48, 68))
)

# COFW, 29 points (Burgos-Artizzu et al., ICCV 2013): corners and middles.
COFW = _face(
    (*(0, 4, 2), *(3, 6, 1), *(8, 10, 11, 9), *(18, 19, 20, 21), *(22, 24, 23, 25, 26, 27), 28),
    (
        *(17, 19, 21),
        *(22, 24, 26),
        *(36, 39, 42, 45),
        *(31, 35, 30, 33),
        *(48, 51, 54, 62, 66, 57),
        8,
    ),
)


def _hand(start: int, root: int) -> dict[int, int]:
    """InterHand2.6M: each finger from its tip inwards, then the wrist."""
    fingers = {
        start + 4 * finger + i: root + 4 * finger + 4 - i for finger in range(5) for i in range(4)
    }
    return fingers | {start + 20: root}


INTERHAND = _hand(0, RIGHT_HAND) | _hand(21, LEFT_HAND)

# MPII, 16 joints: ankles, knees, hips, (pelvis, thorax, neck, head top,) wrists, elbows, shoulders.
MPII: Mapping[int, int] = dict(
    zip(
        (0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15),
        (16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9),
        strict=True,
    )
)


def _limbs(theirs: Sequence[int]) -> dict[int, int]:
    """From shoulders, elbows, wrists, hips, knees, ankles, left before right in each pair."""
    return dict(zip(theirs, range(5, 17), strict=True))


# Hips and shoulders of these are joints of a motion capture skeleton, which sit elsewhere than
# COCO's (Human3.6M: narrower shoulders, wider hips).
H36M = _limbs((11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3))
MPI_INF_3DHP = _limbs((5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10))

FACES: Mapping[str, Mapping[int, int]] = {"300w": W300, "wflw": WFLW, "lapa": LAPA, "cofw": COFW}
