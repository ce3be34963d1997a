"""Similarities of poses for tracking: OKS over the keypoints that are confident in both.

OKS (COCO) compares a pose with a labelled one; here both are predictions, and the older one was
moved to the present, so the tolerance also covers the uncertainty of that motion. Only body and
feet count: the 68 keypoints of the face would outweigh them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.geometry.boxes import box_areas
from rtmpose3d.skeletons import PART_INDICES, WHOLEBODY
from rtmpose3d.structures import BoolArray, FloatArray

TRACKED = PART_INDICES["body_with_feet"]
_SIGMAS = WHOLEBODY.sigmas[TRACKED]
_MIN_SHARED = 4  # keypoints; people cannot be distinguished by fewer


@dataclass(frozen=True, kw_only=True, eq=False)
class TrackedPoses:
    """Body and feet of N people, with their boxes.

    Attributes:
        boxes_xyxy: (N, 4) px.
        keypoints_2d: (N, 23, 2) px.
        confident: (N, 23) bool.
    """

    boxes_xyxy: FloatArray
    keypoints_2d: FloatArray
    confident: BoolArray

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    def select(self, index: list[int]) -> TrackedPoses:
        """The people of these indices."""
        chosen = np.asarray(index, np.int64)
        return TrackedPoses(
            boxes_xyxy=self.boxes_xyxy[chosen],
            keypoints_2d=self.keypoints_2d[chosen],
            confident=self.confident[chosen],
        )


def oks_matrix(
    a: TrackedPoses, b: TrackedPoses, tolerance_px: FloatArray | None = None
) -> FloatArray:
    """OKS of each pair over the keypoints confident in both.

    Args:
        a: N people.
        b: M people.
        tolerance_px: (N, 23) standard deviations of the keypoints of `a` beyond OKS' own
            tolerance; None: 0.

    Returns:
        (N, M) in [0, 1]; NaN for pairs that share fewer than four confident keypoints.
    """
    area = np.sqrt(
        np.maximum(box_areas(a.boxes_xyxy), 1)[:, None] * np.maximum(box_areas(b.boxes_xyxy), 1)
    )
    variance = area[..., None] * (2 * _SIGMAS) ** 2  # (N, M, 23)
    if tolerance_px is not None:
        variance = variance + tolerance_px[:, None] ** 2
    shared = a.confident[:, None] & b.confident[None]
    gaps = a.keypoints_2d[:, None] - b.keypoints_2d[None]
    squared = np.where(shared, np.square(np.where(shared[..., None], gaps, 0.0)).sum(axis=3), 0.0)
    count = shared.sum(axis=2)
    total = (np.exp(-squared / (2 * variance)) * shared).sum(axis=2)
    return np.where(count >= _MIN_SHARED, total / np.maximum(count, 1), np.nan)
