"""The convolution blocks of all networks, named as the published checkpoints name them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvNorm(nn.Module):
    """Convolution without bias, batch norm, activation.

    Keys: ``conv.weight``, ``bn.*``. Every batch norm has eps 1e-5 and momentum 0.1 (the reference's
    configurations name no others).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        groups: int = 1,
        activation: type[nn.Module] = nn.SiLU,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=kernel_size // 2,
            groups=groups,
            bias=False,
        )
        self.bn = nn.BatchNorm2d(out_channels)
        self.activate = activation()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        return self.activate(self.bn(self.conv(x)))


class SeparableConvNorm(nn.Module):
    """Depthwise, then pointwise convolution, each with its norm and activation (MobileNet).

    Keys: ``depthwise_conv.*``, ``pointwise_conv.*``.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1
    ) -> None:
        super().__init__()
        self.depthwise_conv = ConvNorm(
            in_channels, in_channels, kernel_size, stride=stride, groups=in_channels
        )
        self.pointwise_conv = ConvNorm(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        return self.pointwise_conv(self.depthwise_conv(x))


def conv3x3(
    in_channels: int, out_channels: int, *, stride: int = 1, separable: bool = False
) -> ConvNorm | SeparableConvNorm:
    """The 3x3 convolution of a network: dense, or separable in the smallest ones."""
    kind = SeparableConvNorm if separable else ConvNorm
    return kind(in_channels, out_channels, 3, stride=stride)


class CSPNeXtBlock(nn.Module):
    """3x3 convolution, then a separable 5x5 one, with a shortcut where asked (RTMDet, fig. 3)."""

    def __init__(self, channels: int, *, identity: bool, separable: bool) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, channels, separable=separable)
        self.conv2 = SeparableConvNorm(channels, channels, 5)
        self.identity = identity

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        out = self.conv2(self.conv1(x))
        return out + x if self.identity else out


class ChannelAttention(nn.Module):
    """Scales each channel by a gate computed from its mean over the image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Conv2d(channels, channels, 1)
        self.gate = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        mean = x.float().mean((2, 3), keepdim=True).to(x.dtype)  # (B, C, 1, 1)
        return x * self.gate(self.fc(mean))


class CSPLayer(nn.Module):
    """Cross-stage partial layer: half the channels pass through blocks, half go around."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        blocks: int,
        identity: bool,
        attention: bool,
        separable: bool,
    ) -> None:
        super().__init__()
        half = out_channels // 2
        self.main_conv = ConvNorm(in_channels, half, 1)
        self.short_conv = ConvNorm(in_channels, half, 1)
        self.final_conv = ConvNorm(2 * half, out_channels, 1)
        self.blocks = nn.Sequential(
            *(CSPNeXtBlock(half, identity=identity, separable=separable) for _ in range(blocks))
        )
        self.attention = ChannelAttention(2 * half) if attention else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H, W)."""
        both = torch.cat([self.blocks(self.main_conv(x)), self.short_conv(x)], dim=1)
        return self.final_conv(self.attention(both))


class SpatialPyramidPooling(nn.Module):
    """Max pools of several sizes side by side, merged by a 1x1 convolution (YOLOv3-SPP)."""

    SIZES = (5, 9, 13)

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = ConvNorm(channels, half, 1)
        self.pools = nn.ModuleList(
            nn.MaxPool2d(size, stride=1, padding=size // 2) for size in self.SIZES
        )
        self.conv2 = ConvNorm(half * (1 + len(self.SIZES)), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        x = self.conv1(x)
        return self.conv2(torch.cat([x, *(pool(x) for pool in self.pools)], dim=1))
