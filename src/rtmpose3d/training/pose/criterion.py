"""`PoseCriterion`: all losses of a pose recipe for one batch.

To add a loss, write it in `losses.py`, add its weight to `PoseRecipe`, and compute it here: what
`PoseCriterion` returns next to "loss" is logged under its key.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from rtmpose3d.models.graph import Normalise
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.training.data.pose_batches import PoseBatch
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.pose.distillation import Teacher
from rtmpose3d.training.pose.heatmaps import Heatmaps, heatmap_depth_loss, heatmap_loss
from rtmpose3d.training.pose.losses import bone_length_errors, expected_keypoints, part_factors
from rtmpose3d.training.pose.model import PoseOutputs
from rtmpose3d.training.pose.targets import LabelTables, SimCCTargets
from rtmpose3d.training.recipes.pose import PoseRecipe


@dataclass(frozen=True, kw_only=True, eq=False)
class DeviceBatch:
    """A batch on its device.

    Attributes:
        crops: (B, h, w, 3) uint8.
        keypoints_px: (B, K, 2), finite.
        visible: (B, K).
        label_weight: (B, K) factor on the loss of each keypoint.
        relative_depth_m: (B, K), nan where unknown.
        metres_per_px: (B,), nan without 3D labels.
    """

    crops: Tensor
    keypoints_px: Tensor
    visible: Tensor
    label_weight: Tensor
    relative_depth_m: Tensor
    metres_per_px: Tensor


def to_device(batch: PoseBatch, device: torch.device) -> DeviceBatch:
    """Copy a batch to a device."""

    def tensor(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device, non_blocking=True)

    return DeviceBatch(
        crops=tensor(batch.crops),
        keypoints_px=tensor(np.nan_to_num(batch.keypoints_px)),
        visible=tensor(batch.visible),
        label_weight=tensor(batch.weights()),
        relative_depth_m=tensor(batch.relative_depth_m()),
        metres_per_px=tensor(batch.metres_per_px()),
    )


class PoseCriterion:
    """Losses of a recipe.

    Args:
        recipe: losses and their weights.
        engine: device and precision.
        teacher: teacher of the recipe's distillation.
    """

    def __init__(self, recipe: PoseRecipe, engine: Engine, teacher: Teacher | None) -> None:
        self.recipe, self.engine, self.teacher = recipe, engine, teacher
        self.spec = recipe.model
        self.normalise = Normalise(self.spec).to(engine.device)
        self.tables = LabelTables(self.spec.codec, engine.device)
        self.bones = torch.from_numpy(WHOLEBODY.bones.copy()).to(engine.device)
        self.factors = part_factors(recipe.part_weights).to(engine.device)

    def __call__(self, model: nn.Module, batch: DeviceBatch, step: int) -> dict[str, Tensor]:
        """Compute the losses of a batch.

        Args:
            model: a `TrainedModel` as wrapped by the engine, in training mode.
            batch: batch on the device.
            step: index of the step, from 0.

        Returns:
            "loss", which is minimised, and its terms: keypoint loss per person, bone loss in
            metres, heatmap loss per person, and the losses against the teacher, weighted as at
            this step.
        """
        recipe = self.recipe
        pixels = self.normalise(batch.crops).contiguous(memory_format=self.engine.memory_format)
        distilled: dict[str, Tensor] = {}
        with self.engine.autocast():
            outputs: PoseOutputs = model(pixels)
            if self.teacher is not None:
                distilled = self.teacher.losses(
                    batch.crops, outputs.logits, outputs.last_feature, outputs.features
                )
        targets = self.tables.encode(
            batch.keypoints_px, batch.visible, batch.relative_depth_m, batch.label_weight
        )
        keypoint_loss = self.tables.loss(outputs.logits, targets, self.factors) / len(batch.crops)
        bone_weight = recipe.bone_weight_at(step)
        bone_loss = keypoint_loss.new_zeros(())
        if bone_weight and self.spec.codec.has_depth:
            bone_loss = self._bone_loss(outputs.logits, batch, targets)
        heatmaps_loss = keypoint_loss.new_zeros(())
        if outputs.heatmaps is not None:
            heatmaps_loss = self._heatmap_loss(outputs.heatmaps, batch, targets)
        loss = keypoint_loss + bone_weight * bone_loss + recipe.heatmap_weight * heatmaps_loss
        terms = {
            "keypoint_loss": keypoint_loss,
            "bone_loss": bone_loss,
            "heatmap_loss": heatmaps_loss,
        }
        if recipe.distillation is not None:
            factor = recipe.distillation.factor(step, recipe.schedule.steps)
            distilled = {name: factor * value for name, value in distilled.items()}
            total = torch.stack(list(distilled.values())).sum()
            loss = recipe.distillation.label_weight * loss + total / recipe.loss_scale
        return {"loss": loss, **terms, **distilled}

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
        # Mean over the bones of all processes; gradients are averaged over processes later.
        return total * self.engine.world_size / self.engine.all_reduce_sum(count).clamp(min=1.0)

    def _heatmap_loss(
        self, heatmaps: Heatmaps, batch: DeviceBatch, targets: SimCCTargets
    ) -> Tensor:
        stride = batch.crops.shape[2] // heatmaps.logits.shape[3]
        weights = targets.weights[..., 0] * self.factors
        loss = heatmap_loss(heatmaps.logits, batch.keypoints_px, weights, stride)
        if heatmaps.depth_m is not None:
            weights = targets.weights[..., 2] * self.factors
            loss = loss + heatmap_depth_loss(
                heatmaps.depth_m, batch.relative_depth_m, batch.keypoints_px, weights, stride
            )
        # The keypoint loss is a mean over bins: divide alike.
        return loss / (len(batch.crops) * self.spec.codec.bins[0])
