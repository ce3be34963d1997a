"""Training recipes: each a function that returns a whole, frozen configuration.

`nano` is the bundled model's; a recipe's docstring states its paper or purpose, command, time and
expected scores. Variants come from `dataclasses.replace`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.skeletons import Part
from rtmpose3d.training.augment import STAGE1, STAGE2, Augmentation, Geometry, Jitter, Look
from rtmpose3d.training.engine import PRECISIONS, Precision
from rtmpose3d.training.schedule import FlatCosine
from rtmpose3d.zoo import PoseSpec, resolve_pose


@dataclass(frozen=True, kw_only=True)
class PoseRecipe:
    """Everything that a training of a pose model needs, except where its data lie.

    Attributes:
        model: what is trained.
        schedule: number of steps, and the learning rate over them.
        batch_size: crops a step, of all devices together.
        learning_rate: base of the schedule.
        weight_decay: of AdamW, where it applies.
        clip_norm: greatest norm of all gradients; None: as they are.
        ema_momentum, ema_gamma: of the averaged weights (`training.ema`).
        part_weights: what the keypoints of each part count; 1 for parts that are not named.
        map_weight: of the loss of keypoint maps beside the head (`training.maps`) against the
            keypoint loss, both in nats; 0 for none.
        bone_weight: of the bone length loss in metres, beside the keypoint loss per person; 0
            for none. It pulls at whole distributions, so before those have peaks it destroys
            them: see `bone_from_share`.
        bone_from_share: of all steps after which the bone loss begins.
        loss_scale: on the loss before gradients are taken. Adam's steps do not depend on it but
            for its epsilon; the reference sums over the people of a device.
        precision: of the network's arithmetic.
        channels_last: memory order.
        stage1, stage2: augmentation before and after the switch.
        stage2_share: of the steps at the end that are stage 2.
        seed: of weights, order and chance.
        log_every, validate_every, checkpoint_every: steps between.
    """

    model: PoseSpec
    schedule: FlatCosine
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.05
    clip_norm: float | None = 35.0
    ema_momentum: float = 0.0002
    ema_gamma: int = 2000
    part_weights: Mapping[Part, float] = field(default_factory=dict)
    map_weight: float = 0.0
    bone_weight: float = 0.0
    bone_from_share: float = 0.5
    loss_scale: float = 64.0  # rtmw3d-l configuration: people a device
    precision: Precision = "fp32"
    channels_last: bool = True
    stage1: Augmentation = STAGE1
    stage2: Augmentation = STAGE2
    stage2_share: float = 10 / 270  # rtmw3d configurations: the last 10 of 270 epochs
    seed: int = 2024  # rtmw3d configurations
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
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate must be above 0, got {self.learning_rate}")
        weights = {
            "weight_decay": self.weight_decay,
            "bone_weight": self.bone_weight,
            "map_weight": self.map_weight,
            **{f"part_weights[{part!r}]": weight for part, weight in self.part_weights.items()},
        }
        for name, weight in weights.items():
            if not weight >= 0:
                raise InputError(f"{name} must be 0 or more, got {weight}")
        if not 0 <= self.stage2_share <= 1:
            raise InputError(f"stage2_share must lie in 0 to 1, got {self.stage2_share}")
        if self.precision not in PRECISIONS:
            raise UnknownNameError("precision", self.precision, PRECISIONS)

    @property
    def stage2_from(self) -> int:
        """The first step of stage 2."""
        return self.schedule.steps - round(self.schedule.steps * self.stage2_share)

    def bone_weight_at(self, step: int) -> float:
        """Weight of the bone loss at a step."""
        return self.bone_weight if step >= self.bone_from_share * self.schedule.steps else 0.0

    def stage_at(self, step: int) -> int:
        """1 or 2."""
        return 1 if step < self.stage2_from else 2

    def augmentation(self, stage: int) -> Augmentation:
        """Of stage 1 or 2."""
        return self.stage1 if stage == 1 else self.stage2


def nano(steps: int = 60_000, batch_size: int = 32) -> PoseRecipe:
    """The bundled `rtmw3d-n`, trained on rendered people only.

    `rtmpose3d train rtmw3d-n --assets DIR --backdrops DIR --out DIR`. Made for some hours of two
    CPU cores or some minutes of one GPU. A rendered crop is seen several times, so it is turned
    and scaled anew each time. Keypoint maps beside the head and more weight on the body make the
    most of a short training (docs/results.md). The average of weights follows faster than the
    published one, whose horizon of 5,000 steps suits 270 epochs.
    """
    look = Look(hue=8, dropout_share=0.3)
    seen_again = Jitter()
    return PoseRecipe(
        model=resolve_pose("rtmw3d-n"),
        schedule=FlatCosine(steps=steps, warmup_steps=min(500, max(steps // 20, 2))),
        batch_size=batch_size,
        learning_rate=1e-3,
        clip_norm=10.0,
        part_weights={"body": 3.0, "feet": 2.0, "face": 0.5},
        map_weight=1.0,
        ema_momentum=0.001,
        ema_gamma=1000,
        precision="bf16",
        stage1=Augmentation(geometry=Geometry(), look=look, jitter=seen_again),
        stage2=Augmentation(
            geometry=Geometry(), look=Look(hue=0, saturation=0, value=0, dropout_share=0.0)
        ),
        stage2_share=0.05,
    )


RECIPES: Mapping[str, Callable[..., PoseRecipe]] = {"rtmw3d-n": nano}


def recipe_of(name: str) -> Callable[..., PoseRecipe]:
    """The recipe of a model's name.

    Raises:
        UnknownNameError: there is none; the message lists all.
    """
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name]
