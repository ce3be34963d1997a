"""Keypoint maps beside the SimCC head: a help for backbones that train for hours, not weeks.

SimCC alone tells a network where a keypoint is through a matrix over the whole flattened map, so
every place must be learnt anew. A 1x1 convolution on the neck's features that classifies the cell
of each keypoint teaches all places at once. Only the training has it; the model's file does not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MapHead(nn.Module):
    """One map of logits for each keypoint.

    Args:
        channels: of the features.
        keypoints: K.
    """

    def __init__(self, channels: int, keypoints: int) -> None:
        super().__init__()
        self.classify = nn.Conv2d(channels, keypoints, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, C, H, W) -> logits (B, K, H, W)."""
        return self.classify(features)


def map_loss(logits: Tensor, keypoints_px: Tensor, weights: Tensor, stride: int) -> Tensor:
    """Cross entropy over the cells, in nats: sum over keypoints and people, divided by K.

    The label is shared by the four cells around the keypoint, bilinearly, so that their mean is
    exactly where it is. Keypoints outside the picture have none.

    Args:
        logits: (B, K, H, W).
        keypoints_px: (B, K, 2) pixels of the crop; finite.
        weights: (B, K).
        stride: pixels of the crop a cell; the middle of cell 0 is at (stride - 1) / 2.
    """
    height, width = logits.shape[2:]
    log_shares = torch.log_softmax(logits.float().flatten(2), dim=2)  # (B, K, H * W)
    limit = keypoints_px.new_tensor([width - 1, height - 1])
    cells = (keypoints_px - (stride - 1) / 2) / stride
    inside = ((cells > -0.5) & (cells < limit + 0.5)).all(dim=2)
    cells = torch.minimum(cells.clamp(min=0), limit)
    first = torch.minimum(cells.floor(), limit - 1).clamp(min=0)
    part = cells - first
    total = torch.zeros_like(weights)
    for right in (0, 1):
        for below in (0, 1):
            x, y = (first + first.new_tensor([right, below])).long().unbind(dim=2)
            share_x = part[..., 0] if right else 1 - part[..., 0]
            share_y = part[..., 1] if below else 1 - part[..., 1]
            index = (y.clamp(max=height - 1) * width + x.clamp(max=width - 1))[..., None]
            total = total - share_x * share_y * log_shares.gather(2, index)[..., 0]
    return (total * weights * inside).sum() / logits.shape[1]
