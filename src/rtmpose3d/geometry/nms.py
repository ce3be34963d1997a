"""Greedy non-maximum suppression: of boxes that overlap too much, the best one stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.geometry.boxes import box_areas, intersection_areas


def non_maximum_suppression(
    boxes_xyxy: NDArray[np.floating],
    scores: NDArray[np.floating],
    *,
    iou_thr: float,
    max_boxes: int | None = None,
) -> NDArray[np.int64]:
    """Select boxes, best first, without those that overlap a better one too much.

    Args:
        boxes_xyxy: (N, 4) corners, px.
        scores: (N,).
        iou_thr: maximum IoU of a box with a kept one of a higher score.
        max_boxes: maximum number of kept boxes, above 0; None: no limit.

    Returns:
        (M,) int64 indices of the kept boxes, by falling score; equal scores in their given order.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = np.asfortranarray(boxes_xyxy[order])  # contiguous columns: the loop reads these
    areas = box_areas(ordered)
    alive = np.ones(len(order), bool)
    kept: list[int] = []
    for i in range(len(order)):
        if not alive[i]:
            continue
        kept.append(i)
        if len(kept) == max_boxes:
            break
        rest = slice(i + 1, None)
        common = intersection_areas(ordered[i], ordered[rest])
        union = areas[i] + areas[rest] - common
        alive[rest] &= common <= iou_thr * union
    return order[np.asarray(kept, np.int64)].astype(np.int64)
