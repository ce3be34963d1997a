"""The detector's training recipes: each a function that returns a whole, frozen configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.training.detector.augment import STAGE1, STAGE2, PictureAugmentation
from rtmpose3d.training.engine import PRECISIONS, Precision
from rtmpose3d.training.schedule import FlatCosine
from rtmpose3d.zoo import DetectorSpec, resolve_detector


@dataclass(frozen=True, kw_only=True)
class DetectorRecipe:
    """Everything that a training of a detector needs, except where its data lie.

    Attributes:
        model: what is trained.
        schedule: number of steps, and the learning rate over them.
        batch_size: pictures a step, of all devices together.
        learning_rate: base of the schedule.
        weight_decay: of AdamW, where it applies.
        clip_norm: greatest norm of all gradients; None: as they are.
        ema_momentum, ema_gamma: of the averaged weights (`training.ema`).
        precision: of the network's arithmetic; assignment and losses stay float32.
        channels_last: memory order.
        stage1, stage2: how pictures vary before and after the switch.
        stage2_share: of the steps at the end that are stage 2.
        seed: of weights, order and chance.
        log_every, validate_every, checkpoint_every: steps between.
    """

    model: DetectorSpec
    schedule: FlatCosine
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.05  # RTMDet configurations
    clip_norm: float | None = 35.0
    ema_momentum: float = 0.0002
    ema_gamma: int = 2000
    precision: Precision = "fp32"
    channels_last: bool = True
    stage1: PictureAugmentation = STAGE1
    stage2: PictureAugmentation = STAGE2
    stage2_share: float = 20 / 300  # RTMDet configurations: the last 20 of 300 epochs
    seed: int = 2024
    log_every: int = 20
    validate_every: int = 1000
    checkpoint_every: int = 500

    def __post_init__(self) -> None:
        counts = {
            "batch_size": self.batch_size,
            "log_every": self.log_every,
            "validate_every": self.validate_every,
            "checkpoint_every": self.checkpoint_every,
        }
        for name, count in counts.items():
            if count < 1:
                raise InputError(f"{name} must be at least 1, got {count}")
        if not self.learning_rate > 0 or self.weight_decay < 0:
            raise InputError(
                "learning_rate must be above 0 and weight_decay not below, got "
                f"{self.learning_rate} and {self.weight_decay}"
            )
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

    def augmentation(self, stage: int) -> PictureAugmentation:
        """Of stage 1 or 2."""
        return self.stage1 if stage == 1 else self.stage2


def detector_nano(steps: int = 30_000, batch_size: int = 32) -> DetectorRecipe:
    """The bundled `rtmdet-n`, trained on rendered people only.

    `rtmpose3d train rtmdet-n --assets DIR --backdrops DIR --out DIR`. The published learning rate
    is 0.004 at batch 256; this is its square root rule. The average of weights follows faster
    than the published one, whose horizon of 5,000 steps suits 300 epochs.
    """
    return DetectorRecipe(
        model=resolve_detector("rtmdet-n"),
        schedule=FlatCosine(steps=steps, warmup_steps=min(500, max(steps // 20, 2))),
        batch_size=batch_size,
        learning_rate=1.4e-3,
        ema_momentum=0.001,
        ema_gamma=1000,
        precision="bf16",
        stage2_share=0.1,
    )


def detector_nano_small(steps: int = 20_000, batch_size: int = 32) -> DetectorRecipe:
    """The first part of a short training: `detector_nano` on pictures of 224x224.

    `rtmpose3d train rtmdet-n-224 --assets DIR --backdrops DIR --out runs/small`, then
    `rtmpose3d train rtmdet-n --init runs/small/rtmdet-n-224.pth ...`. A step takes little more
    than a third of the time; people who fill a picture of 320x320 are learnt in the second part.
    """
    recipe = detector_nano(steps=steps, batch_size=batch_size)
    model = replace(recipe.model, name="rtmdet-n-224", input_size_wh=(224, 224))
    return replace(recipe, model=model, stage2_share=0.0)


DETECTOR_RECIPES: Mapping[str, Callable[..., DetectorRecipe]] = {
    "rtmdet-n": detector_nano,
    "rtmdet-n-224": detector_nano_small,
}
