"""Recipes: everything that a training needs, except where its data lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.skeletons import Part
from rtmpose3d.training.data.augment import STAGE1, STAGE2, Augmentation
from rtmpose3d.training.loop.engine import PRECISIONS, Precision
from rtmpose3d.training.pose.distillation import Distillation, check_distillation
from rtmpose3d.training.pose.initialization import NetworkPart, check_parts
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.zoo import ModelSpec, PoseSpec

MAP_STRIDES = (8, 16, 32)  # of the features that keypoint maps can be made of


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a training needs whatever it trains, except where its data lie.

    Attributes:
        model: what is trained.
        schedule: number of steps, and the learning rate over them.
        batch_size: images a step, of all devices together.
        learning_rate: base of the schedule.
        weight_decay: of AdamW, where it applies.
        clip_norm: greatest norm of all gradients; None: as they are.
        ema_momentum, ema_gamma: of the averaged weights (`training.loop.ema`).
        loss_scale: on the loss before gradients are taken. Adam's steps do not depend on it but
            for its epsilon, but `clip_norm` does.
        precision: of the network's arithmetic; losses stay float32.
        channels_last: memory order.
        stage2_share: of the steps at the end that are stage 2, with weaker augmentation.
        seed: of weights, order and chance.
        log_every, validate_every, checkpoint_every: steps between.
    """

    model: ModelSpec
    schedule: FlatCosine
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.05
    clip_norm: float | None = 35.0
    ema_momentum: float = 0.0002
    ema_gamma: int = 2000
    loss_scale: float = 1.0
    precision: Precision = "fp32"
    channels_last: bool = True
    stage2_share: float = 0.0
    seed: int = 2024  # rtmw3d configurations
    log_every: int = 20
    validate_every: int = 1000
    checkpoint_every: int = 500

    def __post_init__(self) -> None:
        for name in ("batch_size", "log_every", "validate_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate must be above 0, got {self.learning_rate}")
        if not self.weight_decay >= 0:
            raise InputError(f"weight_decay must be 0 or more, got {self.weight_decay}")
        if not 0 <= self.stage2_share <= 1:
            raise InputError(f"stage2_share must lie in 0 to 1, got {self.stage2_share}")
        if self.precision not in PRECISIONS:
            raise UnknownNameError("precision", self.precision, PRECISIONS)

    @property
    def stage2_from(self) -> int:
        """The first step of stage 2."""
        return self.schedule.steps - round(self.schedule.steps * self.stage2_share)

    def stage_at(self, step: int) -> int:
        """1 or 2."""
        return 1 if step < self.stage2_from else 2


@dataclass(frozen=True, kw_only=True)
class PoseRecipe(Recipe):
    """Everything that a training of a pose model needs, except where its data lie.

    Attributes:
        model: what is trained.
        part_weights: what the keypoints of each part count; 1 for parts that are not named.
        map_weight: of the loss of keypoint maps beside the head (`training.pose.heatmaps`) against
            the keypoint loss, both in nats; 0 for none.
        map_stride: pixels of the crop a cell of these maps: 8, 16 or 32.
        bone_weight: of the bone length loss in metres, beside the keypoint loss per person; 0
            for none. It pulls at whole distributions, so before those have peaks it destroys
            them: see `bone_from_share`.
        bone_from_share: of all steps after which the bone loss begins.
        loss_scale: see `Recipe`; the weights of a distillation depend on it, too. The reference
            sums over the people of a device; this is how many that were.
        distillation: what is learnt of a teacher beside the labels; None: nothing.
        frozen: parts of the network that stay as they begin.
        stage1, stage2: augmentation before and after the switch.
    """

    model: PoseSpec
    part_weights: Mapping[Part, float] = field(default_factory=dict)
    map_weight: float = 0.0
    map_stride: int = 16
    bone_weight: float = 0.0
    bone_from_share: float = 0.5
    loss_scale: float = 64.0  # rtmw3d-l configuration: people a device
    distillation: Distillation | None = None
    frozen: tuple[NetworkPart, ...] = ()
    stage1: Augmentation = STAGE1
    stage2: Augmentation = STAGE2
    stage2_share: float = 10 / 270  # rtmw3d configurations: the last 10 of 270 epochs

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = {
            "bone_weight": self.bone_weight,
            "map_weight": self.map_weight,
            **{f"part_weights[{part!r}]": weight for part, weight in self.part_weights.items()},
        }
        for name, weight in weights.items():
            if not weight >= 0:
                raise InputError(f"{name} must be 0 or more, got {weight}")
        if self.map_stride not in MAP_STRIDES:
            raise InputError(f"map_stride must be 8, 16 or 32, got {self.map_stride}")
        check_parts(self.frozen)
        if self.distillation is not None:
            check_distillation(self.distillation, self.model)
            self._check_second_stage(self.distillation)

    def _check_second_stage(self, distillation: Distillation) -> None:
        if distillation.stage == "stage2" and set(self.frozen) != {"backbone", "neck"}:
            raise InputError(
                "stage2 of a distillation trains the head alone: frozen must be "
                f"('backbone', 'neck'), got {self.frozen}"
            )

    def bone_weight_at(self, step: int) -> float:
        """Weight of the bone loss at a step."""
        return self.bone_weight if step >= self.bone_from_share * self.schedule.steps else 0.0

    def augmentation(self, stage: int) -> Augmentation:
        """Of stage 1 or 2."""
        return self.stage1 if stage == 1 else self.stage2
