"""CSPNeXt, the backbone of RTMDet, RTMPose and RTMW (RTMDet, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from rtmpose3d.models.blocks import ConvNorm, CSPLayer, SpatialPyramidPooling, conv3x3


@dataclass(frozen=True, kw_only=True)
class _Stage:
    channels: int
    blocks: int
    identity: bool = True
    pooling: bool = False


STEM_CHANNELS = 64
STAGES = (  # the "P5" arrangement, at width and depth 1
    _Stage(channels=128, blocks=3),
    _Stage(channels=256, blocks=6),
    _Stage(channels=512, blocks=6),
    _Stage(channels=1024, blocks=3, identity=False, pooling=True),
)


class CSPNeXt(nn.Module):
    """Stem and four stages; the last three are features at strides 8, 16 and 32.

    Args:
        width: multiplies the number of channels (m 0.75, l 1, x 1.25).
        depth: multiplies the number of blocks (m 0.67, l 1, x 1.33).
        separable: separable 3x3 convolutions, as in RTMDet-nano.

    Attributes:
        channels: of the three features.
    """

    def __init__(self, *, width: float, depth: float, separable: bool = False) -> None:
        super().__init__()
        stem = int(STEM_CHANNELS * width)
        half = int(STEM_CHANNELS * width // 2)
        self.stem = nn.Sequential(
            ConvNorm(3, half, 3, stride=2), ConvNorm(half, half, 3), ConvNorm(half, stem, 3)
        )
        channels = [stem, *(int(stage.channels * width) for stage in STAGES)]
        stages = [
            _stage(stage, channels[i], channels[i + 1], depth=depth, separable=separable)
            for i, stage in enumerate(STAGES)
        ]
        self.stage1, self.stage2, self.stage3, self.stage4 = stages
        self.channels: tuple[int, int, int] = (channels[2], channels[3], channels[4])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, H, W) -> features (B, C_i, H / s, W / s) for s = 8, 16, 32."""
        stride8 = self.stage2(self.stage1(self.stem(x)))
        stride16 = self.stage3(stride8)
        return stride8, stride16, self.stage4(stride16)


def _stage(
    stage: _Stage, in_channels: int, out_channels: int, *, depth: float, separable: bool
) -> nn.Sequential:
    layers: list[nn.Module] = [conv3x3(in_channels, out_channels, stride=2, separable=separable)]
    if stage.pooling:
        layers.append(SpatialPyramidPooling(out_channels))
    layers.append(
        CSPLayer(
            out_channels,
            out_channels,
            blocks=max(round(stage.blocks * depth), 1),
            identity=stage.identity,
            attention=True,
            separable=separable,
        )
    )
    return nn.Sequential(*layers)
