"""Areas and overlaps of boxes, (..., 4) x1, y1, x2, y2 in px; inverted boxes have no area."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def box_areas(boxes_xyxy: NDArray[np.floating]) -> NDArray[np.floating]:
    """Areas of boxes, (..., 4) -> (...), px^2."""
    return np.clip(boxes_xyxy[..., 2:] - boxes_xyxy[..., :2], 0, None).prod(axis=-1)


def intersection_areas(
    a_xyxy: NDArray[np.floating], b_xyxy: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Areas that boxes have in common, px^2.

    Args:
        a_xyxy: (..., 4) corners, px.
        b_xyxy: (..., 4) corners, px; the leading axes of both are broadcast.
    """
    width = np.minimum(a_xyxy[..., 2], b_xyxy[..., 2]) - np.maximum(a_xyxy[..., 0], b_xyxy[..., 0])
    height = np.minimum(a_xyxy[..., 3], b_xyxy[..., 3]) - np.maximum(a_xyxy[..., 1], b_xyxy[..., 1])
    return np.maximum(width, 0) * np.maximum(height, 0)


def iou_matrix(a_xyxy: NDArray[np.floating], b_xyxy: NDArray[np.floating]) -> NDArray[np.floating]:
    """Intersection over union of every pair.

    Args:
        a_xyxy: (N, 4) corners, px.
        b_xyxy: (M, 4) corners, px.

    Returns:
        (N, M) in [0, 1]; 0 for pairs that have no area at all.
    """
    common = intersection_areas(a_xyxy[:, None], b_xyxy[None])
    union = box_areas(a_xyxy)[:, None] + box_areas(b_xyxy)[None] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)
