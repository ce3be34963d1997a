"""Settings of DWPose's two-stage distillation (arXiv:2307.15880, sections 3.1 and 3.2).

`training.pose.distillation` has the teacher and its losses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.zoo import PoseSpec

DistillationStage = Literal["stage1", "stage2"]
DISTILLATION_STAGES: tuple[DistillationStage, ...] = get_args(DistillationStage)
FEATURE_WEIGHT = 7e-5  # DWPose, FeaLoss: alpha_fea


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """Losses between a student and its teacher.

    The losses on labels are means over people, times the recipe's `loss_scale`; these two are not
    scaled, as in the reference, which sums the losses on labels over the people of a device.

    Attributes:
        stage: "stage1", or "stage2" with the student's own first stage as the teacher.
        teacher: row of the model table.
        feature_weight: weight of the squared error of the last feature (alpha_fea).
        logit_weight: weight of the divergence between the distributions.
        label_weight: weight of all losses on labels. 0 in stage 2: the reference computes them
            there but does not minimise them.
        decays: whether the first two weights fall linearly to 0 at the last step. They fall with
            every step here, and once an epoch in the reference.
    """

    stage: DistillationStage
    teacher: PoseSpec
    feature_weight: float = FEATURE_WEIGHT
    logit_weight: float = 0.1
    label_weight: float = 1.0
    decays: bool = True

    def __post_init__(self) -> None:
        if self.stage not in DISTILLATION_STAGES:
            raise UnknownNameError("stage of distillation", self.stage, DISTILLATION_STAGES)
        for name in ("feature_weight", "logit_weight", "label_weight"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if self.stage == "stage2" and self.feature_weight:
            raise InputError(
                "feature_weight must be 0 in stage2: student and teacher share their features, "
                f"got {self.feature_weight}"
            )

    def factor(self, step: int, steps: int) -> float:
        """Factor on the first two weights at a step, counted from 0."""
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
    """Check that the teacher fits the student.

    Raises:
        InputError: they differ in keypoints or aspect ratio, or in stage 2 in architecture.
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
            "teacher's may be larger or smaller, but must have the same aspect ratio"
        )
    if distillation.stage == "stage2" and architecture(teacher) != architecture(student):
        raise InputError(
            f"in stage2 the student is its own teacher: the teacher's model must be "
            f"{student.name}, got {teacher.name}"
        )


def architecture(spec: PoseSpec) -> tuple[object, ...]:
    """Fields of a spec that determine weight names, weight shapes and the meaning of bins."""
    network = (spec.width, spec.depth, spec.pafpn, spec.hem, spec.gau, spec.neck_blocks)
    return (*network, spec.head_kernel, spec.input_size_wh, spec.keypoints, spec.codec.bins)
