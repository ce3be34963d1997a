"""Which point of a data set is which of the 133 keypoints; what has no true partner is left out.

Body sets go by name. The tables of faces, hands and MPII are those that training reads with; those
of motion capture hold (theirs, ours) by number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rtmpose3d.data import body_maps, part_maps
from rtmpose3d.skeletons import WHOLEBODY


def by_name(names: Sequence[str]) -> dict[int, int]:
    """Their number -> ours, for names that are the same but for spaces and capitals.

    Neck, head top, belly and the like have no partner among the 133.
    """
    ours = {name: i for i, name in enumerate(WHOLEBODY.keypoint_names)}
    same = [name.strip().lower().replace(" ", "_") for name in names]
    return {i: ours[name] for i, name in enumerate(same) if name in ours}


W300, WFLW, LAPA, COFW = (
    dict(found.pairs) for found in (part_maps.W300, part_maps.WFLW, part_maps.LAPA, part_maps.COFW)
)
INTERHAND: Mapping[int, int] = dict(part_maps.INTERHAND.pairs)
MPII: Mapping[int, int] = dict(body_maps.MPII.pairs)


def _limbs(theirs: Sequence[int]) -> dict[int, int]:
    """From shoulders, elbows, wrists, hips, knees, ankles, left before right in each pair."""
    return dict(zip(theirs, range(5, 17), strict=True))


# Hips and shoulders of these are joints of a motion capture skeleton, which sit elsewhere than
# COCO's (Human3.6M: narrower shoulders, wider hips).
H36M = _limbs((11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3))
MPI_INF_3DHP = _limbs((5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10))

FACES: Mapping[str, Mapping[int, int]] = {"300w": W300, "wflw": WFLW, "lapa": LAPA, "cofw": COFW}
