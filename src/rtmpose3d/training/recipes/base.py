"""`Recipe`: the part of a training configuration that pose models and detectors share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.zoo import ModelSpec

Precision = Literal["fp32", "bf16"]
TRAINING_PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Configuration of a training, without its data.

    Attributes:
        model: row of the model table that is trained.
        schedule: number of steps, and learning rate factor at each.
        batch_size: images per step, over all processes.
        learning_rate: base learning rate of the schedule.
        weight_decay: AdamW's, on the parameters that decay.
        clip_norm: maximum norm of all gradients; None: no clipping.
        ema_momentum, ema_gamma: parameters of the weight average (`training.loop.ema`).
        loss_scale: factor on the loss before backpropagation. Adam's steps depend on it through
            epsilon only, but `clip_norm` depends on it fully.
        precision: of the network's arithmetic; losses are computed in float32.
        channels_last: memory order of images and convolutions.
        stage2_fraction: fraction of the steps, at the end, with the weaker augmentation of stage 2.
        seed: random seed of weights, sample order and augmentation.
        log_every, validate_every, checkpoint_every: intervals in steps.
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
    stage2_fraction: float = 0.0
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
        if not 0 <= self.stage2_fraction <= 1:
            raise InputError(f"stage2_fraction must be between 0 and 1, got {self.stage2_fraction}")
        if self.precision not in TRAINING_PRECISIONS:
            raise UnknownNameError("precision", self.precision, TRAINING_PRECISIONS)

    @property
    def stage2_start(self) -> int:
        """First step of stage 2."""
        return self.schedule.steps - round(self.schedule.steps * self.stage2_fraction)

    def stage_at(self, step: int) -> int:
        """Stage of a step: 1 or 2."""
        return 1 if step < self.stage2_start else 2
