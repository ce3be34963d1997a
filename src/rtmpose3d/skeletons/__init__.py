"""Keypoints: their names, parts, sides, mirror partners, bones and tolerances.

One table, `WHOLEBODY`: the 133 keypoints of COCO-WholeBody. Left and right are the person's own.
"""

from rtmpose3d.skeletons.wholebody import (
    HIPS,
    NUM_KEYPOINTS,
    PART_INDICES,
    PARTS,
    WHOLEBODY,
    Part,
    Side,
    Skeleton,
)

__all__ = [
    "HIPS",
    "NUM_KEYPOINTS",
    "PARTS",
    "PART_INDICES",
    "WHOLEBODY",
    "Part",
    "Side",
    "Skeleton",
]
