"""CSPNeXt-PAFPN, the neck: mixes three feature scales top-down, then bottom-up (RTMDet, 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtmpose3d.models.blocks import ConvNorm, CSPLayer, conv3x3


class CSPNeXtPAFPN(nn.Module):
    """Path aggregation over the features at strides 8, 16 and 32.

    Args:
        channels: of the three features.
        blocks: in each CSP layer.
        out_channels: if given, a 3x3 convolution brings each scale to this number (RTMDet).
        separable: separable 3x3 convolutions, as in RTMDet-nano.
    """

    def __init__(
        self,
        channels: tuple[int, int, int],
        *,
        blocks: int,
        out_channels: int | None = None,
        separable: bool = False,
    ) -> None:
        super().__init__()
        low, mid, high = channels

        def csp(in_channels: int, to_channels: int) -> CSPLayer:
            return CSPLayer(
                in_channels,
                to_channels,
                blocks=blocks,
                identity=False,
                attention=False,
                separable=separable,
            )

        self.reduce_layers = nn.ModuleList([ConvNorm(high, mid, 1), ConvNorm(mid, low, 1)])
        self.top_down_blocks = nn.ModuleList([csp(2 * mid, mid), csp(2 * low, low)])
        self.downsamples = nn.ModuleList(
            conv3x3(c, c, stride=2, separable=separable) for c in (low, mid)
        )
        self.bottom_up_blocks = nn.ModuleList([csp(2 * low, mid), csp(2 * mid, high)])
        self.out_convs = None
        if out_channels is not None:
            self.out_convs = nn.ModuleList(
                conv3x3(c, out_channels, separable=separable) for c in channels
            )

    def forward(self, features: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Features (B, C_i, H_i, W_i), finest first -> the same scales, mixed."""
        low, mid, high = features
        high = self.reduce_layers[0](high)
        mid = self.top_down_blocks[0](torch.cat([_double(high), mid], dim=1))
        mid = self.reduce_layers[1](mid)
        low = self.top_down_blocks[1](torch.cat([_double(mid), low], dim=1))
        mid = self.bottom_up_blocks[0](torch.cat([self.downsamples[0](low), mid], dim=1))
        high = self.bottom_up_blocks[1](torch.cat([self.downsamples[1](mid), high], dim=1))
        if self.out_convs is None:
            return low, mid, high
        out_low, out_mid, out_high = self.out_convs
        return out_low(low), out_mid(mid), out_high(high)


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")
