"""Fused kernels in Triton for half-precision networks, for gpu.py: one pass where torch has three.

torch runs a folded convolution as a convolution, an addition of the bias and an activation, each
reading and writing the whole feature. Here the depthwise 5x5 convolutions do all in one kernel, the
others in cuDNN's and one for bias, activation and shortcut.
"""

from __future__ import annotations

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from torch import Tensor, nn
from torch.nn import functional

from rtmpose3d.models.blocks import ConvNorm, CSPNeXtBlock, SeparableConvNorm

ROWS = 4  # of outputs in one program: each loaded row serves up to five of them
KERNEL = 5
ELEMENTS = 1024


@triton.jit
def _silu(x):  # noqa: ANN001, ANN202
    return x * tl.sigmoid(x)


@triton.jit(do_not_specialize=["height", "width"])
def _depthwise_silu(  # noqa: ANN202
    x,  # noqa: ANN001
    weight,  # noqa: ANN001
    bias,  # noqa: ANN001
    y,  # noqa: ANN001
    height,  # noqa: ANN001
    width,  # noqa: ANN001
    channels,  # noqa: ANN001
    COLUMNS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """silu(depthwise 5x5 convolution + bias) of (N, H, W, C); weight (25, C)."""
    strips = tl.cdiv(height, 4)
    image = tl.program_id(1) // strips
    top = (tl.program_id(1) % strips) * 4
    columns = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    channel = tl.program_id(2) * CHANNELS + tl.arange(0, CHANNELS)
    valid = channel < channels
    offset = image * height * width * channels
    start = tl.load(bias + channel, mask=valid, other=0.0).to(tl.float32)[None, :]
    a0 = tl.zeros((COLUMNS, CHANNELS), tl.float32) + start
    a1 = tl.zeros((COLUMNS, CHANNELS), tl.float32) + start
    a2 = tl.zeros((COLUMNS, CHANNELS), tl.float32) + start
    a3 = tl.zeros((COLUMNS, CHANNELS), tl.float32) + start
    for i in tl.static_range(8):
        row = top + i - 2
        for j in tl.static_range(5):
            column = columns + j - 2
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            value = tl.load(
                x + offset + (row * width + column)[:, None] * channels + channel[None, :],
                mask=inside[:, None] & valid[None, :],
                other=0.0,
            ).to(tl.float32)
            taps = weight + j * channels + channel
            if i < 5:
                w = tl.load(taps + i * 5 * channels, mask=valid, other=0.0)
                a0 += value * w.to(tl.float32)[None, :]
            if i >= 1:  # noqa: SIM102, constants of the compilation
                if i < 6:
                    w = tl.load(taps + (i - 1) * 5 * channels, mask=valid, other=0.0)
                    a1 += value * w.to(tl.float32)[None, :]
            if i >= 2:  # noqa: SIM102
                if i < 7:
                    w = tl.load(taps + (i - 2) * 5 * channels, mask=valid, other=0.0)
                    a2 += value * w.to(tl.float32)[None, :]
            if i >= 3:
                w = tl.load(taps + (i - 3) * 5 * channels, mask=valid, other=0.0)
                a3 += value * w.to(tl.float32)[None, :]
    target = y + offset + (top * width + columns)[:, None] * channels + channel[None, :]
    stored = (columns < width)[:, None] & valid[None, :]
    step = width * channels
    dtype = y.dtype.element_ty
    tl.store(target, _silu(a0).to(dtype), mask=stored)
    tl.store(target + step, _silu(a1).to(dtype), mask=stored & (top + 1 < height))
    tl.store(target + 2 * step, _silu(a2).to(dtype), mask=stored & (top + 2 < height))
    tl.store(target + 3 * step, _silu(a3).to(dtype), mask=stored & (top + 3 < height))


@triton.jit(do_not_specialize=["count"])
def _bias_silu(  # noqa: ANN202
    y,  # noqa: ANN001
    bias,  # noqa: ANN001
    shortcut,  # noqa: ANN001
    count,  # noqa: ANN001
    channels,  # noqa: ANN001
    ADD: tl.constexpr,
    ELEMENTS: tl.constexpr,
):
    """In place silu(y + bias), plus the shortcut where asked, of (N, H, W, C)."""
    index = tl.program_id(0) * ELEMENTS + tl.arange(0, ELEMENTS)
    valid = index < count
    value = tl.load(y + index, mask=valid, other=0.0).to(tl.float32)
    value += tl.load(bias + index % channels, mask=valid, other=0.0).to(tl.float32)
    value = _silu(value)
    if ADD:
        value += tl.load(shortcut + index, mask=valid, other=0.0).to(tl.float32)
    tl.store(y + index, value.to(y.dtype.element_ty), mask=valid)


def depthwise_silu(x: Tensor, taps: Tensor, bias: Tensor) -> Tensor:
    """silu(depthwise 5x5 convolution + bias) of (N, C, H, W), channels last; taps (25, C)."""
    x = x.contiguous(memory_format=torch.channels_last)
    y = torch.empty_like(x)
    count, channels, height, width = x.shape
    block = 64 if channels % 64 == 0 else 32 if channels % 32 == 0 else 16
    columns = 8 if block == 64 else 16
    grid = (triton.cdiv(width, columns), count * triton.cdiv(height, ROWS), -(-channels // block))
    _depthwise_silu[grid](  # pyright: ignore[reportIndexIssue]
        x, taps, bias, y, height, width, channels, columns, block
    )
    return y


def bias_silu_(y: Tensor, bias: Tensor, shortcut: Tensor | None = None) -> Tensor:
    """In place silu(y + bias) + shortcut of channels-last (N, C, H, W) tensors."""
    y = y.contiguous(memory_format=torch.channels_last)
    add = shortcut is not None
    other = y if shortcut is None else shortcut.contiguous(memory_format=torch.channels_last)
    grid = (triton.cdiv(y.numel(), ELEMENTS),)
    _bias_silu[grid](  # pyright: ignore[reportIndexIssue]
        y, bias, other, y.numel(), y.shape[1], add, ELEMENTS
    )
    return y


class FusedConv(nn.Module):
    """A folded convolution with SiLU."""

    def __init__(self, block: ConvNorm) -> None:
        super().__init__()
        self.conv = block.conv
        assert block.conv.bias is not None, "norms are folded"
        self.bias = block.conv.bias

    def forward(self, x: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        conv = self.conv
        y = functional.conv2d(
            x, conv.weight, None, conv.stride, conv.padding, conv.dilation, conv.groups
        )
        return bias_silu_(y, self.bias, shortcut)


class FusedDepthwise(nn.Module):
    """A folded depthwise 5x5 convolution with SiLU."""

    taps: Tensor

    def __init__(self, block: ConvNorm) -> None:
        super().__init__()
        weight = block.conv.weight.detach()  # (C, 1, 5, 5)
        self.register_buffer("taps", weight.flatten(1).t().contiguous())
        assert block.conv.bias is not None, "norms are folded"
        self.bias = block.conv.bias

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return depthwise_silu(x, self.taps, self.bias)


class FusedBlock(nn.Module):
    """`CSPNeXtBlock` whose shortcut is added by the last kernel."""

    def __init__(self, block: CSPNeXtBlock) -> None:
        super().__init__()
        separable = block.conv2
        assert isinstance(separable, SeparableConvNorm)
        self.conv1 = block.conv1
        self.depthwise_conv = separable.depthwise_conv
        self.pointwise_conv = separable.pointwise_conv
        self.identity = block.identity

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        y = self.depthwise_conv(self.conv1(x))
        return self.pointwise_conv(y, x if self.identity else None)


def use_fused_kernels(network: nn.Module) -> None:
    """Replace the blocks of a network, whose norms are folded, in place."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if not isinstance(child, ConvNorm) or not isinstance(child.activate, nn.SiLU):
                continue
            conv = child.conv
            depthwise = conv.groups == conv.in_channels and conv.kernel_size == (KERNEL, KERNEL)
            fits = depthwise and conv.stride == (1, 1)
            parent.add_module(name, FusedDepthwise(child) if fits else FusedConv(child))
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, CSPNeXtBlock):
                parent.add_module(name, FusedBlock(child))
