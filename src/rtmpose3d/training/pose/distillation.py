"""Two-stage distillation (DWPose, sections 3.1 and 3.2), in 2D and 3D.

Stage 1: beside the labels, a student follows the backbone's last feature and the SimCC
distributions of a larger, trained teacher, ever less until the end. Stage 2: backbone and neck
stay as they are, and a new head learns the old head's distributions: the student is its own
teacher. `Distillation` is the settings, `Teacher` the network, `Teacher.losses` the two losses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtmpose3d.codec import SimCCSpec
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.models.graph import Normalise
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.training.pose.losses import (
    FEATURE_WEIGHT,
    distribution_distillation,
    feature_distillation,
)
from rtmpose3d.zoo import PoseSpec

DistillationStage = Literal["stage1", "stage2"]
STAGES: tuple[DistillationStage, ...] = ("stage1", "stage2")


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """What a student learns of its teacher.

    The losses of labels are per person, times the recipe's `loss_scale`; these two are not
    scaled, as in the reference, where labels are summed over the people of a device.

    Attributes:
        stage: "stage1" or "stage2", where the student is its own teacher.
        teacher: the teacher's row of the model table.
        feature_weight: of the squared error of the last feature (configurations: alpha_fea).
        logit_weight: of the divergence of the distributions (configurations: weight).
        label_weight: of all losses of labels. 0 in stage 2: the reference computes them there
            and leaves them out of what it minimises.
        decays: whether the first two weights fall in a line to 0 at the last step. By the step;
            the reference's fall once an epoch.
    """

    stage: DistillationStage
    teacher: PoseSpec
    feature_weight: float = FEATURE_WEIGHT
    logit_weight: float = 0.1
    label_weight: float = 1.0
    decays: bool = True

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise UnknownNameError("stage of distillation", self.stage, STAGES)
        weights = {
            "feature_weight": self.feature_weight,
            "logit_weight": self.logit_weight,
            "label_weight": self.label_weight,
        }
        for name, weight in weights.items():
            if not weight >= 0:
                raise InputError(f"{name} must be 0 or more, got {weight}")
        if self.stage == "stage2" and self.feature_weight:
            raise InputError(
                "feature_weight must be 0 in stage2: student and teacher share their features, "
                f"got {self.feature_weight}"
            )

    def factor(self, step: int, steps: int) -> float:
        """On both weights at a step, counted from 0."""
        return 1 - step / steps if self.decays else 1.0


def first_stage(teacher: PoseSpec) -> Distillation:
    """Stage 1 with the weights of DWPose's configurations (s1_dis)."""
    return Distillation(stage="stage1", teacher=teacher)


def second_stage(model: PoseSpec) -> Distillation:
    """Stage 2 with the weights of DWPose's configurations (s2_dis)."""
    return Distillation(
        stage="stage2",
        teacher=model,
        feature_weight=0.0,
        logit_weight=1.0,
        label_weight=0.0,
        decays=False,
    )


def check_distillation(distillation: Distillation, student: PoseSpec) -> None:
    """Whether the teacher can teach this student.

    Raises:
        InputError: other keypoints, another shape of crops, or in stage 2 another network.
    """
    teacher = distillation.teacher
    if teacher.keypoints != student.keypoints:
        raise InputError(
            f"{teacher.name} has {teacher.keypoints} keypoints and {student.name} "
            f"{student.keypoints}; a teacher needs the student's"
        )
    (tw, th), (sw, sh) = teacher.input_size_wh, student.input_size_wh
    if tw * sh != th * sw:
        raise InputError(
            f"crops of {teacher.name} are {tw}x{th} and those of {student.name} {sw}x{sh}; a "
            "teacher's may be larger or smaller, but not of another shape"
        )
    if distillation.stage == "stage2" and architecture(teacher) != architecture(student):
        raise InputError(
            f"in stage2 the student is its own teacher: the teacher's model must be "
            f"{student.name}, got {teacher.name}"
        )


def architecture(spec: PoseSpec) -> tuple[object, ...]:
    """All that a network's keys and shapes, and the meaning of its bins, follow from."""
    network = (spec.width, spec.depth, spec.pafpn, spec.hem, spec.gau, spec.neck_blocks)
    return (*network, spec.head_kernel, spec.input_size_wh, spec.keypoints, spec.codec.bins)


class Teacher:
    """A trained network that only answers: evaluation mode, no gradient.

    Args:
        network: with its weights; moved and frozen by the caller's engine and by this.
        distillation: whose `teacher` the network is.
        student: the student's row of the model table.
        device: where it runs.

    Raises:
        InputError: the teacher cannot teach this student.
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
        axes = min(self.spec.codec.axes, student.codec.axes)  # of a 2D teacher: x and y alone
        self._places = [
            None if places is None else places.to(device)
            for places in (
                _bins_of_teacher(student.codec, self.spec.codec, axis) for axis in range(axes)
            )
        ]

    def align(self, channels: int) -> nn.Conv2d | None:
        """The 1x1 convolution that leads a feature of the student to the teacher's width.

        To be trained beside the student (FeaLoss: align). None where both are of one width, or
        where features are not compared.
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
        """The losses of a batch, mean over its people, before their weights fall.

        Call it in the student's own autocast.

        Args:
            crops: (N, h, w, 3) uint8 BGR, as the student gets them.
            logits: the student's, per axis (N, K, bins), float32.
            last_feature: the student's, (N, C, h / 32, w / 32), of the teacher's width.
            features: what the student's head saw; in stage 2 the teacher's head sees it, too.

        Returns:
            "feature_loss" and "logit_loss", weighted.
        """
        if self.settings.stage == "stage2":
            with torch.no_grad():
                answers = self.network.head((features[1].detach(), features[2].detach()))
            feature = last_feature
        else:
            feature, answers = self._answer(crops)
        distributions = [
            _resampled(torch.softmax(x.float() * self.spec.codec.beta, dim=-1), places)
            for x, places in zip(answers, self._places, strict=False)
        ]
        beta = self.student.codec.beta
        logit_loss = distribution_distillation(logits[: len(distributions)], distributions, beta)
        losses = {"logit_loss": self.settings.logit_weight * logit_loss}
        if self.settings.feature_weight:
            target = _resized(feature.float(), last_feature.shape[2:])
            losses["feature_loss"] = feature_distillation(
                last_feature.float(), target, self.settings.feature_weight
            )
        return losses

    @torch.no_grad()
    def _answer(self, crops: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The last feature of the backbone, and logits."""
        width, height = self.spec.input_size_wh
        pixels = _resized(self.normalise(crops), (height, width))
        stages = self.network.backbone(pixels)
        features = stages if self.network.neck is None else self.network.neck(stages)
        return stages[2], self.network.head(features[1:])


def _resized(maps: Tensor, size_hw: Sequence[int]) -> Tensor:
    """(N, C, H, W) at another size; as it is where that is its own."""
    if tuple(maps.shape[2:]) == tuple(size_hw):
        return maps
    return functional.interpolate(
        maps, list(size_hw), mode="bilinear", align_corners=False, antialias=True
    )


def _bins_of_teacher(student: SimCCSpec, teacher: SimCCSpec, axis: int) -> Tensor | None:
    """(bins,) where each of the student's bins lies among the teacher's; None: bin on bin.

    Crops of two sizes lie on each other by their pixels' areas, as `_resized` puts them.
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
    places = torch.arange(student.bins[axis], dtype=torch.float64) / student.split_ratio
    if axis < 2:
        ratio = teacher.input_size_wh[axis] / student.input_size_wh[axis]
        return ((places + 0.5) * ratio - 0.5) * teacher.split_ratio
    assert student.depth_size is not None
    assert teacher.depth_size is not None
    metres = (places / (student.depth_size / 2) - 1) * student.depth_range_m
    places = (metres / teacher.depth_range_m + 1) * (teacher.depth_size / 2)
    return places * teacher.split_ratio


def _resampled(p: Tensor, places: Tensor | None) -> Tensor:
    """Distributions over other bins: (N, K, bins) at the places (B,) -> (N, K, B), sum 1.

    Linear between bins. Where the student's bins lie further apart than two of the teacher's,
    a sharp peak could fall between them; no two models of the table are so different.
    """
    if places is None:
        return p
    first = places.floor().clamp(0, p.shape[2] - 2)
    part = (places - first).clamp(0, 1).to(p.dtype)
    index = first.long()
    drawn = p[..., index] * (1 - part) + p[..., index + 1] * part
    return drawn / drawn.sum(dim=-1, keepdim=True).clamp(min=1e-12)
