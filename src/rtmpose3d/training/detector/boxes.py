"""Boxes in torch: points of cells, pairwise IoU, generalised IoU.

Boxes are x1, y1, x2, y2 in pixels of the network's input.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rtmpose3d.zoo import RTMDET_STRIDES

AREA_FLOOR = 1e-6  # px^2, keeps a ratio of areas finite (published code of RTMDet's losses)


def cell_points(level_sizes_hw: Sequence[tuple[int, int]]) -> Tensor:
    """Points of the network's cells, finest scale first.

    Args:
        level_sizes_hw: rows and columns of the three scales, at strides 8, 16 and 32.

    Returns:
        (P, 3) float32: x and y, the upper left corner of the cell, and its stride, px.
    """
    levels = []
    for (height, width), stride in zip(level_sizes_hw, RTMDET_STRIDES, strict=True):
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        points = torch.stack([x.flatten() * stride, y.flatten() * stride], dim=1)
        levels.append(torch.cat([points, torch.full_like(points[:, :1], stride)], dim=1))
    return torch.cat(levels).float()


def points_in_boxes(points: Tensor, boxes: Tensor) -> Tensor:
    """Whether points are strictly inside boxes: (P, 2), (B, M, 4) -> (B, P, M) bool."""
    point = points[None, :, None]  # (1, P, 1, 2)
    box = boxes[:, None]  # (B, 1, M, 4)
    return ((point > box[..., :2]) & (point < box[..., 2:])).all(3)


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of every pair: (B, P, 4), (B, M, 4) -> (B, P, M)."""
    one, other = a[:, :, None], b[:, None]
    sides = torch.minimum(one[..., 2:], other[..., 2:]) - torch.maximum(
        one[..., :2], other[..., :2]
    )
    common = sides.clamp(min=0).prod(3)
    union = area(a)[:, :, None] + area(b)[:, None] - common
    return common / union.clamp(min=AREA_FLOOR)


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """GIoU of boxes in pairs (Rezatofighi et al., CVPR 2019): (N, 4), (N, 4) -> (N,) in [-1, 1].

    IoU minus the fraction of the smallest enclosing box that neither of the two covers.
    """
    sides = torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])
    common = sides.clamp(min=0).prod(1)
    union = (area(a) + area(b) - common).clamp(min=AREA_FLOOR)
    around = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    enclosing = around.clamp(min=0).prod(1).clamp(min=AREA_FLOOR)
    return common / union - (enclosing - union) / enclosing


def area(boxes: Tensor) -> Tensor:
    """(..., 4) -> (...), px^2; 0 for an inverted box."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)
