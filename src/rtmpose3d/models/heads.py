"""SimCC heads: features in, one row of logits per keypoint and axis out.

`RTMCCHead` is RTMPose's and DWPose's, over one scale; `RTMWHead` is RTMW's, with hierarchical
encoding (HEM): two scales encoded, merged and decoded together; with a third axis it is RTMW3D's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rtmpose3d.models.blocks import ConvNorm
from rtmpose3d.models.gau import GatedAttentionUnit, ScaleNorm

TOKEN_DIM = 256
KERNEL_SIZE = 7  # of the convolution that gives each keypoint its map, in published models
SIMCC_AXES = "xyz"


class SimCCDecoder(nn.Module):
    """Keypoint tokens, refined by attention, classified into bins along each axis.

    It is the base of both heads, so that its parts have the published names `gau`, `cls_x`, ...
    """

    def __init__(self, *, keypoints: int, bins: tuple[int, ...], gau: bool, dropout: float) -> None:
        super().__init__()
        self.keypoints = keypoints
        self.gau = GatedAttentionUnit(TOKEN_DIM, dropout=dropout) if gau else nn.Identity()
        for axis, size in zip(SIMCC_AXES, bins, strict=False):
            self.add_module(f"cls_{axis}", nn.Linear(TOKEN_DIM, size, bias=False))
        self._classifiers = [f"cls_{axis}" for axis in SIMCC_AXES[: len(bins)]]

    def forward(self, features: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        """Features at strides 16 and 32 -> logits (B, K, bins) for x, y and, in 3D, z."""
        return self.classify(self.tokens(self.maps(features)))

    def maps(self, features: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        """Features at strides 16 and 32 -> maps (B, K, H, W), one per keypoint and used scale."""
        raise NotImplementedError

    def tokens(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Maps -> tokens (B, K, 256)."""
        raise NotImplementedError

    def classify(self, tokens: Tensor) -> tuple[Tensor, ...]:
        """Tokens (B, K, 256) -> logits (B, K, bins) for x, y and, in 3D, z."""
        tokens = self.gau(tokens)
        return tuple(self.get_submodule(name)(tokens) for name in self._classifiers)

    def initialise(self) -> None:
        """Weights as the reference starts training: convolutions N(0, 0.001), linear N(0, 0.01)."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.001)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)


class RTMCCHead(SimCCDecoder):
    """One map per keypoint from the coarsest feature, flattened to a token (RTMPose, 3.2)."""

    def __init__(
        self,
        channels: tuple[int, int],
        *,
        keypoints: int,
        feature_hw: tuple[int, int],
        bins: tuple[int, ...],
        gau: bool = True,
        kernel_size: int = KERNEL_SIZE,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(keypoints=keypoints, bins=bins, gau=gau, dropout=dropout)
        cells = feature_hw[0] * feature_hw[1]
        self.final_layer = nn.Conv2d(channels[1], keypoints, kernel_size, padding=kernel_size // 2)
        self.mlp = nn.Sequential(ScaleNorm(cells), nn.Linear(cells, TOKEN_DIM, bias=False))
        self.initialise()

    def maps(self, features: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        """Features at strides 16 and 32 -> maps (B, K, H, W); stride 16 is not used."""
        return (self.final_layer(features[1]),)

    def tokens(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Maps (B, K, H, W) -> tokens (B, K, 256)."""
        return self.mlp(maps[0].flatten(2))


class RTMWHead(SimCCDecoder):
    """Hierarchical encoding: half of each token from the coarse, half from the merged fine scale.

    The coarse feature is spread by pixel shuffle and joined to the fine one (RTMW, section 3.2).
    """

    def __init__(
        self,
        channels: tuple[int, int],
        *,
        keypoints: int,
        feature_hw: tuple[int, int],
        bins: tuple[int, ...],
        gau: bool = True,
        kernel_size: int = KERNEL_SIZE,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(keypoints=keypoints, bins=bins, gau=gau, dropout=dropout)
        fine, coarse = channels
        cells = feature_hw[0] * feature_hw[1]
        shuffled = coarse // 4
        self.ps = nn.PixelShuffle(2)
        self.conv_dec = _relu_conv(shuffled, shuffled, kernel_size)
        self.final_layer = _relu_conv(coarse, keypoints, kernel_size)
        self.final_layer2 = _relu_conv(fine + shuffled, keypoints, kernel_size)
        half = TOKEN_DIM // 2
        self.mlp = nn.Sequential(ScaleNorm(cells), nn.Linear(cells, half, bias=False))
        self.mlp2 = nn.Sequential(ScaleNorm(4 * cells), nn.Linear(4 * cells, half, bias=False))
        self.initialise()

    def maps(self, features: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        """Features at strides 16 and 32 -> maps (B, K, H, W) and (B, K, 2 H, 2 W)."""
        fine, coarse = features
        merged = torch.cat([self.conv_dec(self.ps(coarse)), fine], dim=1)
        return self.final_layer(coarse), self.final_layer2(merged)

    def tokens(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Maps of the coarse and the merged scale -> tokens (B, K, 256), half from each."""
        coarse, fine = maps
        return torch.cat([self.mlp(coarse.flatten(2)), self.mlp2(fine.flatten(2))], dim=2)


def _relu_conv(in_channels: int, out_channels: int, kernel_size: int) -> ConvNorm:
    return ConvNorm(in_channels, out_channels, kernel_size, activation=nn.ReLU)
