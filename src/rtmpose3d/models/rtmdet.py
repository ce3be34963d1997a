"""RTMDet, the person detector: backbone, neck, and a head whose levels share their convolutions.

Images in, for every cell of three grids a class logit and four distances out.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from rtmpose3d.models.blocks import ConvNorm, conv3x3
from rtmpose3d.models.cspnext import CSPNeXt
from rtmpose3d.models.pafpn import CSPNeXtPAFPN
from rtmpose3d.zoo import RTMDET_STRIDES, DetectorSpec

STACKED_CONVS = 2
PRIOR_PROBABILITY = 0.01  # of a cell being a person, at the start of training (RetinaNet, 4.1)


class RTMDetHead(nn.Module):
    """Class and box branches over three scales, each with its own norms (RTMDet, section 3.1).

    Args:
        channels: of each scale.
        separable: separable convolutions, not shared between scales (nano); otherwise the scales
            share the convolutions' weights.
        exp_on_reg: distances pass through exp().
    """

    def __init__(self, channels: int, *, separable: bool, exp_on_reg: bool) -> None:
        super().__init__()
        self.exp_on_reg = exp_on_reg

        def branches() -> nn.ModuleList:
            return nn.ModuleList(
                nn.Sequential(
                    *(
                        conv3x3(channels, channels, separable=separable)
                        for _ in range(STACKED_CONVS)
                    )
                )
                for _ in RTMDET_STRIDES
            )

        self.cls_convs = branches()
        self.reg_convs = branches()
        self.rtm_cls = nn.ModuleList(nn.Conv2d(channels, 1, 1) for _ in RTMDET_STRIDES)
        self.rtm_reg = nn.ModuleList(nn.Conv2d(channels, 4, 1) for _ in RTMDET_STRIDES)
        if not separable:
            _share_convolutions(self.cls_convs)
            _share_convolutions(self.reg_convs)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.01)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for layer in self.rtm_cls:
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            nn.init.constant_(layer.bias, -math.log((1 - PRIOR_PROBABILITY) / PRIOR_PROBABILITY))

    def forward(
        self, features: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Three features (B, C, H_i, W_i) -> logits (B, 1, H_i, W_i), distances (B, 4, H_i, W_i).

        The distances run from the cell's point to left, top, right, bottom, in input pixels.
        """
        return self.predict(*self.branches(features))

    def branches(
        self, features: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Three features (B, C, H_i, W_i) -> those of the classes and of the boxes, alike."""
        levels = range(len(features))
        classes = tuple(self.cls_convs[level](features[level]) for level in levels)
        return classes, tuple(self.reg_convs[level](features[level]) for level in levels)

    def predict(
        self, classes: tuple[Tensor, ...], boxes: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Features of the branches -> logits and distances: see `forward`."""
        logits = tuple(layer(x) for layer, x in zip(self.rtm_cls, classes, strict=True))
        distances = []
        for layer, x, stride in zip(self.rtm_reg, boxes, RTMDET_STRIDES, strict=True):
            distance = layer(x)
            distances.append((distance.exp() if self.exp_on_reg else distance) * stride)
        return logits, tuple(distances)


def _share_convolutions(branches: nn.ModuleList) -> None:
    first = branches[0]
    assert isinstance(first, nn.Sequential)
    for branch in branches[1:]:
        assert isinstance(branch, nn.Sequential)
        for own, shared in zip(branch, first, strict=True):
            assert isinstance(own, ConvNorm)
            assert isinstance(shared, ConvNorm)
            own.conv = shared.conv


class RTMDet(nn.Module):
    """The detector's network, for normalised images.

    Keys: ``backbone.*``, ``neck.*``, ``bbox_head.*``, as published.
    """

    def __init__(self, spec: DetectorSpec) -> None:
        super().__init__()
        self.backbone = CSPNeXt(width=spec.width, depth=spec.depth, separable=spec.separable)
        self.neck = CSPNeXtPAFPN(
            self.backbone.channels,
            blocks=spec.neck_blocks,
            out_channels=spec.head_channels,
            separable=spec.separable,
        )
        self.bbox_head = RTMDetHead(
            spec.head_channels, separable=spec.separable, exp_on_reg=spec.exp_on_reg
        )

    def forward(self, x: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """(B, 3, H, W) normalised -> logits and distances of three scales: see `RTMDetHead`."""
        return self.bbox_head(self.neck(self.backbone(x)))


def boxes_from_distances(distances: tuple[Tensor, ...]) -> Tensor:
    """Boxes of every cell of every scale.

    Args:
        distances: three of (B, 4, H_i, W_i), left, top, right, bottom in input pixels.

    Returns:
        (B, sum H_i W_i, 4), x1, y1, x2, y2 in input pixels, finest scale first. A cell's point is
        its upper left corner (the reference's points have offset 0).
    """
    boxes = []
    for distance, stride in zip(distances, RTMDET_STRIDES, strict=True):
        height, width = distance.shape[2:]
        x = torch.arange(width, device=distance.device, dtype=distance.dtype) * stride
        y = torch.arange(height, device=distance.device, dtype=distance.dtype)[:, None] * stride
        left, top, right, bottom = distance.unbind(1)  # (B, H, W)
        box = torch.stack([x - left, y - top, x + right, y + bottom], dim=-1)  # (B, H, W, 4)
        boxes.append(box.flatten(1, 2))
    return torch.cat(boxes, dim=1)
