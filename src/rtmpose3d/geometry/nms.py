"""Greedy non-maximum suppression: of boxes that overlap too much, the best one stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def iou_matrix(a_xyxy: NDArray[np.floating], b_xyxy: NDArray[np.floating]) -> NDArray[np.floating]:
    """Intersection over union of every pair.

    Args:
        a_xyxy: (N, 4) corners, px.
        b_xyxy: (M, 4) corners, px.

    Returns:
        (N, M) in [0, 1]; 0 for pairs that have no area at all.
    """
    a, b = a_xyxy[:, None], b_xyxy[None]
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)  # (N, M)
    union = _areas(a_xyxy)[:, None] + _areas(b_xyxy)[None] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def non_maximum_suppression(
    boxes_xyxy: NDArray[np.floating],
    scores: NDArray[np.floating],
    *,
    iou_thr: float,
    max_boxes: int | None = None,
) -> NDArray[np.int64]:
    """Choose boxes, best first, leaving out those that overlap a better one too much.

    Args:
        boxes_xyxy: (N, 4) corners, px.
        scores: (N,).
        iou_thr: a box that overlaps a kept one by more than this is left out.
        max_boxes: how many to keep at most, above 0; None: no limit.

    Returns:
        (M,) int64 indices of the kept boxes, by falling score; equal scores in their given order.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = boxes_xyxy[order]
    left, top, right, bottom = np.ascontiguousarray(ordered.T)
    areas = _areas(ordered)
    alive = np.ones(len(order), bool)
    kept: list[int] = []
    for i in range(len(order)):
        if not alive[i]:
            continue
        kept.append(i)
        if len(kept) == max_boxes:
            break
        rest = slice(i + 1, None)
        common = np.minimum(right[i], right[rest]) - np.maximum(left[i], left[rest])
        common = np.maximum(common, 0)
        height = np.minimum(bottom[i], bottom[rest]) - np.maximum(top[i], top[rest])
        common *= np.maximum(height, 0)
        union = areas[i] + areas[rest] - common
        alive[rest] &= common <= iou_thr * union
    return order[np.asarray(kept, np.int64)].astype(np.int64)


def _areas(boxes_xyxy: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.clip(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0, None).prod(axis=1)
