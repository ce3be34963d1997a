"""One training step's forward pass and losses.

`TrainedModel` is all that is trained: the network and, beside it, what only the training has. One
module, so that an engine of many processes can wrap it. `PoseLosses` compares its outputs with
labels and, where there is one, with a teacher.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rtmpose3d.models.graph import Normalise
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.training.data.loading import DeviceBatch
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.pose.distillation import Teacher
from rtmpose3d.training.pose.heatmaps import MapHead, Maps, map_depth_loss, map_loss
from rtmpose3d.training.pose.initialization import NetworkPart
from rtmpose3d.training.pose.losses import bone_length_errors, expected_keypoints, part_factors
from rtmpose3d.training.pose.targets import LabelTables, SimCCTargets
from rtmpose3d.training.recipes.base import PoseRecipe


@dataclass(frozen=True, kw_only=True, eq=False)
class Outputs:
    """What one pass gives.

    Attributes:
        logits: per axis (B, K, bins), float32.
        features: (B, C_i, h / s, w / s) that the head saw, at strides 8, 16 and 32.
        last_feature: of the backbone, at stride 32, at the teacher's width if there is one.
        maps: (B, K, H, W) of logits and depths, or None.
    """

    logits: tuple[Tensor, ...]
    features: tuple[Tensor, Tensor, Tensor]
    last_feature: Tensor
    maps: Maps | None


class Beside(nn.Module):
    """What is trained beside the network and not part of its file. Checkpoints hold these names.

    Args:
        maps: gives keypoint maps (`training.pose.heatmaps`).
        level: of the features that they are made of.
        align: leads the last feature to a teacher's width (`training.pose.distillation`).
    """

    def __init__(self, maps: MapHead | None, level: int, align: nn.Conv2d | None) -> None:
        super().__init__()
        self.maps, self.level = maps, level
        self.align = align


class TrainedModel(nn.Module):
    """The network and what is trained beside it.

    Args:
        network: in training.
        beside: likewise.
        frozen: parts of the network that stay in evaluation mode.
    """

    def __init__(
        self, network: PoseNetwork, beside: Beside, frozen: Sequence[NetworkPart] = ()
    ) -> None:
        super().__init__()
        self.network, self.beside, self.frozen = network, beside, tuple(frozen)

    def train(self, mode: bool = True) -> TrainedModel:
        """See `nn.Module`; frozen parts do not change mode."""
        super().train(mode)
        for part in self.frozen:
            module = getattr(self.network, part)
            if module is not None:
                module.eval()
        return self

    def forward(self, pixels: Tensor) -> Outputs:
        """(B, 3, h, w) normalised -> what the losses need."""
        network, beside = self.network, self.beside
        stages = network.backbone(pixels)
        features = stages if network.neck is None else network.neck(stages)
        logits = tuple(x.float() for x in network.head(features[1:]))
        return Outputs(
            logits=logits,
            features=features,
            last_feature=stages[2] if beside.align is None else beside.align(stages[2]),
            maps=None if beside.maps is None else beside.maps(features[beside.level]),
        )


class PoseLosses:
    """All losses of a recipe.

    Args:
        recipe: which, and how much of each.
        engine: where they are computed.
        teacher: of the recipe's distillation.
    """

    def __init__(self, recipe: PoseRecipe, engine: Engine, teacher: Teacher | None) -> None:
        self.recipe, self.engine, self.teacher = recipe, engine, teacher
        self.spec = recipe.model
        self.normalise = Normalise(self.spec).to(engine.device)
        self.tables = LabelTables(self.spec.codec, engine.device)
        self.bones = torch.from_numpy(WHOLEBODY.bones.copy()).to(engine.device)
        self.factors = part_factors(recipe.part_weights).to(engine.device)

    def __call__(self, model: nn.Module, batch: DeviceBatch, step: int) -> dict[str, Tensor]:
        """The losses of a batch.

        Args:
            model: a `TrainedModel`, or what an engine put around it; in training mode.
            batch: on the device.
            step: which it is, from 0.

        Returns:
            "loss", which is minimised, then its parts: keypoint loss per person, bone loss in
            metres, loss of the maps per person, and those of the teacher as they are weighted at
            this step.
        """
        recipe = self.recipe
        pixels = self.normalise(batch.crops).contiguous(memory_format=self.engine.memory_format)
        taught: dict[str, Tensor] = {}
        with self.engine.autocast():
            outputs: Outputs = model(pixels)
            if self.teacher is not None:
                taught = self.teacher.losses(
                    batch.crops, outputs.logits, outputs.last_feature, outputs.features
                )
        targets = self.tables.encode(batch.keypoints_px, batch.visible, batch.relative_depth_m)
        people = len(batch.crops)
        keypoint_loss = self.tables.loss(outputs.logits, targets, self.factors) / people
        bone_weight = recipe.bone_weight_at(step)
        bone_loss = keypoint_loss.new_zeros(())
        if bone_weight and self.spec.codec.has_depth:
            bone_loss = self._bone_loss(outputs.logits, batch, targets)
        cell_loss = keypoint_loss.new_zeros(())
        if outputs.maps is not None:
            cell_loss = self._map_loss(outputs.maps, batch, targets)
        loss = keypoint_loss + bone_weight * bone_loss + recipe.map_weight * cell_loss
        losses = {"keypoint_loss": keypoint_loss, "bone_loss": bone_loss, "map_loss": cell_loss}
        if recipe.distillation is not None:
            factor = recipe.distillation.factor(step, recipe.schedule.steps)
            taught = {name: factor * value for name, value in taught.items()}
            total = torch.stack(list(taught.values())).sum()
            loss = recipe.distillation.label_weight * loss + total / recipe.loss_scale
        return {"loss": loss, **losses, **taught}

    def _bone_loss(
        self, logits: tuple[Tensor, ...], batch: DeviceBatch, targets: SimCCTargets
    ) -> Tensor:
        truth = torch.cat([batch.keypoints_px, batch.relative_depth_m[..., None]], dim=2)
        total, count = bone_length_errors(
            expected_keypoints(logits, self.spec.codec),
            truth,
            targets.weights[..., 2],
            batch.metres_per_px,
            self.bones,
        )
        # The mean over the bones of all processes, of which the engine takes the mean again
        return total * self.engine.world_size / self.engine.sum(count).clamp(min=1.0)

    def _map_loss(self, maps: Maps, batch: DeviceBatch, targets: SimCCTargets) -> Tensor:
        stride = batch.crops.shape[2] // maps.logits.shape[3]
        weights = targets.weights[..., 0] * self.factors
        loss = map_loss(maps.logits, batch.keypoints_px, weights, stride)
        if maps.depth_m is not None:
            weights = targets.weights[..., 2] * self.factors
            loss = loss + map_depth_loss(
                maps.depth_m, batch.relative_depth_m, batch.keypoints_px, weights, stride
            )
        # KL divergences are means over bins
        return loss / (len(batch.crops) * self.spec.codec.bins[0])
