"""Pose network with the modules that only its training uses, as one module.

One module, so that the engine of several processes can wrap it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.training.pose.heatmaps import HeatmapHead, Heatmaps
from rtmpose3d.training.recipes.pose import NetworkPart


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseOutputs:
    """Outputs of one forward pass.

    Attributes:
        logits: per axis (B, K, bins), float32.
        features: inputs of the head, (B, C_i, h / s, w / s) at strides 8, 16 and 32.
        last_feature: of the backbone, at stride 32, with the teacher's width if there is one.
        heatmaps: (B, K, H, W) logits and depths, or None.
    """

    logits: tuple[Tensor, ...]
    features: tuple[Tensor, Tensor, Tensor]
    last_feature: Tensor
    heatmaps: Heatmaps | None


class AuxiliaryHeads(nn.Module):
    """Modules that are trained with the network and are not part of its file.

    Checkpoints use the attributes' names.

    Args:
        heatmaps: head of the auxiliary heatmaps (`training.pose.heatmaps`).
        level: index of the features that it uses.
        align: convolution to a teacher's width (`training.pose.distillation`).
    """

    def __init__(self, heatmaps: HeatmapHead | None, level: int, align: nn.Conv2d | None) -> None:
        super().__init__()
        self.heatmaps, self.level = heatmaps, level
        self.align = align


class TrainedModel(nn.Module):
    """A pose network and its auxiliary heads.

    Args:
        network: the network.
        auxiliary: its auxiliary heads.
        frozen: parts of the network that stay in evaluation mode.
    """

    def __init__(
        self,
        network: PoseNetwork,
        auxiliary: AuxiliaryHeads,
        frozen: Sequence[NetworkPart] = (),
    ) -> None:
        super().__init__()
        self.network, self.auxiliary, self.frozen = network, auxiliary, tuple(frozen)

    def train(self, mode: bool = True) -> TrainedModel:
        """Set training mode, except for the frozen parts."""
        super().train(mode)
        for part in self.frozen:
            module = getattr(self.network, part)
            if module is not None:
                module.eval()
        return self

    def forward(self, pixels: Tensor) -> PoseOutputs:
        """Compute the inputs of the losses from (B, 3, h, w) normalised pixels."""
        network, auxiliary = self.network, self.auxiliary
        stages = network.backbone(pixels)
        features = stages if network.neck is None else network.neck(stages)
        logits = tuple(x.float() for x in network.head(features[1:]))
        last, heads = stages[2], auxiliary.heatmaps
        return PoseOutputs(
            logits=logits,
            features=features,
            last_feature=last if auxiliary.align is None else auxiliary.align(last),
            heatmaps=None if heads is None else heads(features[auxiliary.level]),
        )
