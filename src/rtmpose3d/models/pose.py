"""The pose networks: RTMPose and DWPose, RTMW, RTMW3D, and everything between (paper, Table 4)."""

from __future__ import annotations

from torch import Tensor, nn

from rtmpose3d.models.cspnext import CSPNeXt
from rtmpose3d.models.heads import RTMCCHead, RTMWHead
from rtmpose3d.models.pafpn import CSPNeXtPAFPN
from rtmpose3d.zoo import PoseSpec


class PoseNetwork(nn.Module):
    """Backbone, neck (where the model has one) and SimCC head, for normalised crops.

    Keys: ``backbone.*``, ``neck.*``, ``head.*``, as published.

    Args:
        spec: row of the model table; its `pafpn`, `hem` and `gau` switch those parts on or off.
    """

    def __init__(self, spec: PoseSpec) -> None:
        super().__init__()
        width, height = spec.input_size_wh
        self.backbone = CSPNeXt(width=spec.width, depth=spec.depth)
        self.neck = (
            CSPNeXtPAFPN(self.backbone.channels, blocks=spec.neck_blocks) if spec.pafpn else None
        )
        head = RTMWHead if spec.hem else RTMCCHead
        self.head = head(
            self.backbone.channels[1:],
            keypoints=spec.keypoints,
            feature_hw=(height // 32, width // 32),
            bins=spec.codec.bins,
            gau=spec.gau,
            kernel_size=spec.head_kernel,
            dropout=spec.dropout,
        )

    def features(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, H, W) normalised -> the head's input features, at strides 8, 16 and 32."""
        features = self.backbone(x)
        return features if self.neck is None else self.neck(features)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) normalised -> SimCC logits (B, K, bins) for x, y and, in 3D, z."""
        return self.head(self.features(x)[1:])
