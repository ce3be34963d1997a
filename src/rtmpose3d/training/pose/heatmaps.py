"""Keypoint maps beside the SimCC head: a help for backbones that train for hours, not weeks.

SimCC alone tells a network where a keypoint is through a matrix over the whole flattened map, so
every place must be learnt anew. A 1x1 convolution on the neck's features that classifies the cell
of each keypoint teaches all places at once; another one says in each cell how deep the keypoint
lies that is there. Only the training has them; the model's file does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

DEPTH_SCALE_M = 0.1  # of the Laplace distribution whose logarithm the loss of depths is


@dataclass(frozen=True, kw_only=True, eq=False)
class Maps:
    """What `MapHead` says of each cell.

    Attributes:
        logits: (B, K, H, W), of the cell that a keypoint is in.
        depth_m: (B, K, H, W), metres behind the root, if it is in that cell; None in 2D.
    """

    logits: Tensor
    depth_m: Tensor | None


class MapHead(nn.Module):
    """One map of logits for each keypoint, and one of depths.

    Args:
        channels: of the features.
        keypoints: K.
        depth: whether there are depths.
    """

    def __init__(self, channels: int, keypoints: int, *, depth: bool) -> None:
        super().__init__()
        self.classify = nn.Conv2d(channels, keypoints, 1)
        self.depth = nn.Conv2d(channels, keypoints, 1) if depth else None

    def forward(self, features: Tensor) -> Maps:
        """Features (B, C, H, W) -> maps of the same size."""
        return Maps(
            logits=self.classify(features),
            depth_m=None if self.depth is None else self.depth(features),
        )


def map_loss(logits: Tensor, keypoints_px: Tensor, weights: Tensor, stride: int) -> Tensor:
    """Cross entropy over the cells, in nats: sum over keypoints and people, divided by K.

    The label is shared by the four cells around the keypoint, bilinearly, so that their mean is
    exactly where it is. Keypoints outside the image have none.

    Args:
        logits: (B, K, H, W).
        keypoints_px: (B, K, 2) pixels of the crop; finite.
        weights: (B, K).
        stride: pixels of the crop a cell; the middle of cell 0 is at (stride - 1) / 2.
    """
    log_shares = torch.log_softmax(logits.float().flatten(2), dim=2).view(logits.shape)
    drawn, inside = _drawn(log_shares, keypoints_px, stride)
    return -(drawn * weights * inside).sum() / logits.shape[1]


def map_depth_loss(
    depth_m: Tensor, relative_depth_m: Tensor, keypoints_px: Tensor, weights: Tensor, stride: int
) -> Tensor:
    """Absolute error of the depth where the keypoint is, by `DEPTH_SCALE_M`; summed likewise.

    Args:
        depth_m: (B, K, H, W).
        relative_depth_m: (B, K) metres behind the root; of weight 0 where it is nan.
        keypoints_px: (B, K, 2) pixels of the crop; finite.
        weights: (B, K).
        stride: pixels of the crop a cell.
    """
    drawn, inside = _drawn(depth_m.float(), keypoints_px, stride)
    known = relative_depth_m.isfinite()
    error = (drawn - torch.where(known, relative_depth_m, 0.0)).abs() / DEPTH_SCALE_M
    return (error * weights * (inside & known)).sum() / depth_m.shape[1]


def _drawn(maps: Tensor, keypoints_px: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """(B, K) values at the keypoints, bilinear between cells, and which keypoints lie inside."""
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
            share_x = part[..., 0] if right else 1 - part[..., 0]
            share_y = part[..., 1] if below else 1 - part[..., 1]
            index = (y.clamp(max=height - 1) * width + x.clamp(max=width - 1))[..., None]
            total = total + share_x * share_y * flat.gather(2, index)[..., 0]
    return total, inside
