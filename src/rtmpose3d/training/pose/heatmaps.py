"""Auxiliary heatmaps: an aid for backbones that train for hours, not weeks.

SimCC locates a keypoint by a matrix over the flattened feature map, so every location must be
learnt separately. A 1x1 convolution on the neck's features that classifies the cell of each
keypoint teaches all locations at once; another one predicts, in each cell, the depth of the
keypoint in it. They exist during training only and are not part of the model's file.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

DEPTH_SCALE_M = 0.1  # of the Laplace distribution whose negative logarithm is the depth loss


@dataclass(frozen=True, kw_only=True, eq=False)
class Heatmaps:
    """Outputs of `HeatmapHead`.

    Attributes:
        logits: (B, K, H, W), of a keypoint being in the cell.
        depth_m: (B, K, H, W), its depth if it is, in metres behind the root; None in 2D.
    """

    logits: Tensor
    depth_m: Tensor | None


class HeatmapHead(nn.Module):
    """One heatmap of logits for each keypoint, and one of depths.

    Args:
        channels: number of feature channels.
        keypoints: number of keypoints.
        depth: whether to predict depths.
    """

    def __init__(self, channels: int, keypoints: int, *, depth: bool) -> None:
        super().__init__()
        self.classify = nn.Conv2d(channels, keypoints, 1)
        self.depth = nn.Conv2d(channels, keypoints, 1) if depth else None

    def forward(self, features: Tensor) -> Heatmaps:
        """Features (B, C, H, W) -> heatmaps of the same size."""
        return Heatmaps(
            logits=self.classify(features),
            depth_m=None if self.depth is None else self.depth(features),
        )


def heatmap_loss(logits: Tensor, keypoints_px: Tensor, weights: Tensor, stride: int) -> Tensor:
    """Cross entropy over the cells, in nats: sum over keypoints and people, divided by K.

    The label is distributed bilinearly over the four cells around the keypoint, so that its mean is
    exactly the keypoint. Keypoints outside the crop have none.

    Args:
        logits: (B, K, H, W).
        keypoints_px: (B, K, 2) pixels of the crop; finite.
        weights: (B, K).
        stride: pixels of the crop per cell; the centre of cell 0 is at (stride - 1) / 2.
    """
    log_p = torch.log_softmax(logits.float().flatten(2), dim=2).view(logits.shape)
    values, inside = _interpolate(log_p, keypoints_px, stride)
    return -(values * weights * inside).sum() / logits.shape[1]


def heatmap_depth_loss(
    depth_m: Tensor, relative_depth_m: Tensor, keypoints_px: Tensor, weights: Tensor, stride: int
) -> Tensor:
    """Absolute depth error at the keypoint over `DEPTH_SCALE_M`: summed as in `heatmap_loss`.

    Args:
        depth_m: (B, K, H, W).
        relative_depth_m: (B, K) metres behind the root; without weight where nan.
        keypoints_px: (B, K, 2) pixels of the crop; finite.
        weights: (B, K).
        stride: pixels of the crop per cell.
    """
    values, inside = _interpolate(depth_m.float(), keypoints_px, stride)
    known = relative_depth_m.isfinite()
    error = (values - torch.where(known, relative_depth_m, 0.0)).abs() / DEPTH_SCALE_M
    return (error * weights * (inside & known)).sum() / depth_m.shape[1]


def _interpolate(maps: Tensor, keypoints_px: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """(B, K) values at the keypoints, bilinear between cells, and whether they are inside."""
    height, width = maps.shape[2:]
    limit = keypoints_px.new_tensor([width - 1, height - 1])
    cells = (keypoints_px - (stride - 1) / 2) / stride
    inside = ((cells > -0.5) & (cells < limit + 0.5)).all(dim=2)
    cells = torch.minimum(cells.clamp(min=0), limit)
    first = torch.minimum(cells.floor(), limit - 1).clamp(min=0)
    part = cells - first
    flat = maps.flatten(2)
    total = torch.zeros_like(part[..., 0])
    for right in (0, 1):
        for below in (0, 1):
            x, y = (first + first.new_tensor([right, below])).long().unbind(dim=2)
            weight_x = part[..., 0] if right else 1 - part[..., 0]
            weight_y = part[..., 1] if below else 1 - part[..., 1]
            index = (y.clamp(max=height - 1) * width + x.clamp(max=width - 1))[..., None]
            total = total + weight_x * weight_y * flat.gather(2, index)[..., 0]
    return total, inside
