"""Distillation of a student from a teacher (DWPose, sections 3.1 and 3.2), in 2D and 3D.

Stage 1: in addition to the labels, the student follows the backbone's last feature and the SimCC
distributions of a larger, trained teacher, with a weight that falls to 0. Stage 2: backbone and
neck are frozen, and a new head learns the distributions of the old one: the student is its own
teacher. The settings are in `recipes.distillation`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtmpose3d.codec import SimCCSpec
from rtmpose3d.models.graph import Normalise
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.training.pose.losses import distribution_distillation, feature_distillation
from rtmpose3d.training.recipes.distillation import Distillation, check_distillation
from rtmpose3d.zoo import PoseSpec


class Teacher:
    """A trained network in evaluation mode, without gradient.

    Args:
        network: network with its weights, on the device.
        distillation: settings, whose `teacher` the network is.
        student: the student's row of the model table.
        device: device of the network.

    Raises:
        InputError: the teacher does not fit the student.
    """

    def __init__(
        self,
        network: PoseNetwork,
        distillation: Distillation,
        student: PoseSpec,
        device: torch.device,
    ) -> None:
        check_distillation(distillation, student)
        self.network = network.eval().requires_grad_(False)
        self.settings = distillation
        self.spec, self.student = distillation.teacher, student
        self.normalise = Normalise(self.spec).to(device)
        axes = min(self.spec.codec.axes, student.codec.axes)  # x and y alone for a 2D teacher
        self._bins = [
            None if bins is None else bins.to(device)
            for bins in (
                _teacher_bins(student.codec, self.spec.codec, axis) for axis in range(axes)
            )
        ]

    def align(self, channels: int) -> nn.Conv2d | None:
        """Make the 1x1 convolution from the student's last feature to the teacher's width.

        It is trained with the student (FeaLoss: align). None if the widths are equal or features
        are not compared.

        Args:
            channels: width of the student's last feature.
        """
        own = self.network.backbone.channels[2]
        if not self.settings.feature_weight or own == channels:
            return None
        return nn.Conv2d(channels, own, 1)

    def losses(
        self,
        crops: Tensor,
        logits: Sequence[Tensor],
        last_feature: Tensor,
        features: Sequence[Tensor],
    ) -> dict[str, Tensor]:
        """Compute the losses of a batch, mean over its people, without `Distillation.factor`.

        To be called in the student's autocast context.

        Args:
            crops: (N, h, w, 3) uint8 BGR, the student's input.
            logits: the student's, per axis (N, K, bins), float32.
            last_feature: the student's, (N, C, h / 32, w / 32), with the teacher's width.
            features: inputs of the student's head, and in stage 2 of the teacher's head, too.

        Returns:
            "feature_loss" and "logit_loss", weighted.
        """
        if self.settings.stage == "stage2":
            with torch.no_grad():
                teacher_logits = self.network.head((features[1].detach(), features[2].detach()))
            feature = last_feature
        else:
            feature, teacher_logits = self._forward(crops)
        distributions = [
            _resample(torch.softmax(x.float() * self.spec.codec.beta, dim=-1), bins)
            for x, bins in zip(teacher_logits, self._bins, strict=False)
        ]
        beta = self.student.codec.beta
        logit_loss = distribution_distillation(logits[: len(distributions)], distributions, beta)
        losses = {"logit_loss": self.settings.logit_weight * logit_loss}
        if self.settings.feature_weight:
            target = _resize(feature.float(), last_feature.shape[2:])
            losses["feature_loss"] = feature_distillation(
                last_feature.float(), target, self.settings.feature_weight
            )
        return losses

    @torch.no_grad()
    def _forward(self, crops: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Last feature of the backbone, and logits."""
        width, height = self.spec.input_size_wh
        pixels = _resize(self.normalise(crops), (height, width))
        stages = self.network.backbone(pixels)
        features = stages if self.network.neck is None else self.network.neck(stages)
        return stages[2], self.network.head(features[1:])


def _resize(maps: Tensor, size_hw: Sequence[int]) -> Tensor:
    """Resize maps (N, C, H, W), if their size differs."""
    if tuple(maps.shape[2:]) == tuple(size_hw):
        return maps
    return functional.interpolate(
        maps, list(size_hw), mode="bilinear", align_corners=False, antialias=True
    )


def _teacher_bins(student: SimCCSpec, teacher: SimCCSpec, axis: int) -> Tensor | None:
    """(bins,) coordinates of the student's bins among the teacher's; None: identical bins.

    Crops of two sizes correspond by the area of their pixels, as in `_resize`.
    """
    if axis < 2:
        same = student.input_size_wh[axis] == teacher.input_size_wh[axis]
    else:
        same = (student.depth_size, student.depth_range_m) == (
            teacher.depth_size,
            teacher.depth_range_m,
        )
    if same and student.split_ratio == teacher.split_ratio:
        return None
    positions = torch.arange(student.bins[axis], dtype=torch.float64) / student.split_ratio
    if axis < 2:
        ratio = teacher.input_size_wh[axis] / student.input_size_wh[axis]
        return ((positions + 0.5) * ratio - 0.5) * teacher.split_ratio
    assert student.depth_size is not None
    assert teacher.depth_size is not None
    metres = (positions / (student.depth_size / 2) - 1) * student.depth_range_m
    positions = (metres / teacher.depth_range_m + 1) * (teacher.depth_size / 2)
    return positions * teacher.split_ratio


def _resample(p: Tensor, bins: Tensor | None) -> Tensor:
    """Resample distributions at other bins: (N, K, bins) at coordinates (B,) -> (N, K, B), sum 1.

    Linear between bins. If the student's bins were further apart than two of the teacher's, a
    sharp peak could fall between them; no two models of the table differ that much.
    """
    if bins is None:
        return p
    first = bins.floor().clamp(0, p.shape[2] - 2)
    part = (bins - first).clamp(0, 1).to(p.dtype)
    index = first.long()
    sampled = p[..., index] * (1 - part) + p[..., index + 1] * part
    return sampled / sampled.sum(dim=-1, keepdim=True).clamp(min=1e-12)
