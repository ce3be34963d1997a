"""Loss of bone lengths for people without 3D labels: those of adults, alike on both sides.

The lengths of bones in pixels are labelled; their extent in z is predicted. One scale for each
person, metres per pixel, makes them lengths in metres (weak perspective): that with which the
labelled pixels and the predicted depths fit the mean lengths of adults best.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rtmpose3d.geometry.proportions import BONES
from rtmpose3d.training.pose.criterion import DeviceBatch
from rtmpose3d.training.pose.losses import expected_keypoints
from rtmpose3d.training.pose.model import PoseOutputs
from rtmpose3d.training.pose.task import PoseTask

_LIMBS = tuple(bone for bone in BONES if len(bone.keypoints) == 2 and bone.length_m > 0.2)
_BODY = 23  # keypoints of body and feet come first
_MIN_BONES = 4  # of a person, to know the scale


class BonePrior:
    """Mean deviation of bone lengths in metres, of the outputs of a task's last forward pass.

    Args:
        task: pose model in training.
        weight: factor on the loss.
    """

    def __init__(self, task: PoseTask, weight: float) -> None:
        self.weight, self.codec = weight, task.spec.codec
        self.logits: tuple[Tensor, ...] | None = None
        device = task.engine.device
        limbs = [bone for bone in _LIMBS if max(max(p) for p in bone.keypoints) < _BODY]
        self.pairs = torch.tensor([bone.keypoints for bone in limbs], device=device)  # (B, 2, 2)
        self.lengths_m = torch.tensor([bone.length_m for bone in limbs], device=device)
        task.model.register_forward_hook(self._keep)

    def _keep(self, module: object, inputs: object, outputs: PoseOutputs) -> None:
        self.logits = outputs.logits

    def __call__(self, batch: DeviceBatch) -> Tensor:
        """Loss of a batch that the model has just seen."""
        assert self.logits is not None
        z = expected_keypoints(self.logits, self.codec)[..., 2]
        first, second = self.pairs[..., 0], self.pairs[..., 1]  # (B, 2): bones, sides
        px = (batch.keypoints_px[:, first] - batch.keypoints_px[:, second]).norm(dim=-1)
        along_z = z[:, first] - z[:, second]  # (N, B, 2)
        seen = (batch.visible[:, first] > 0) & (batch.visible[:, second] > 0)
        use = seen & batch.metres_per_px.isnan()[:, None, None]
        use = (use & (use.sum(dim=(1, 2), keepdim=True) >= _MIN_BONES)).float()
        expected = self.lengths_m[:, None].expand_as(px[0])
        with torch.no_grad():
            flat = (expected.square() - along_z.square()).clamp(min=0).sqrt()
            scale = (flat * px * use).sum(dim=(1, 2)) / (px.square() * use).sum(dim=(1, 2)).clamp(
                min=1
            )
        metres = ((scale[:, None, None] * px).square() + along_z.square() + 1e-6).sqrt()
        prior = (metres - expected).abs()
        sides = (metres[..., 0] - metres[..., 1]).abs()[..., None].expand_as(prior)
        both = use.amin(dim=2, keepdim=True).expand_as(use)
        total = (prior * use + sides * both).sum() / use.sum().clamp(min=1)
        return self.weight * total
