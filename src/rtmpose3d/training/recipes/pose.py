"""`PoseRecipe`: configuration of the training of a pose model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.skeletons import Part
from rtmpose3d.training.recipes.augmentation import STAGE1, STAGE2, Augmentation
from rtmpose3d.training.recipes.base import Recipe
from rtmpose3d.training.recipes.distillation import Distillation, check_distillation
from rtmpose3d.zoo import PoseSpec

NetworkPart = Literal["backbone", "neck", "head"]
NETWORK_PARTS: tuple[NetworkPart, ...] = get_args(NetworkPart)
HEATMAP_STRIDES = (8, 16, 32)  # of the features that auxiliary heatmaps can be predicted from


@dataclass(frozen=True, kw_only=True)
class PoseRecipe(Recipe):
    """Configuration of the training of a pose model, without its data.

    Attributes:
        model: row of the model table that is trained.
        part_weights: loss weight of the keypoints of each part; 1 for parts not named.
        heatmap_weight: weight of the loss of the auxiliary heatmaps (`training.pose.heatmaps`)
            relative to the keypoint loss, both in nats; 0: no heatmaps.
        heatmap_stride: pixels of the crop per heatmap cell: 8, 16 or 32.
        bone_weight: weight of the bone length loss in metres relative to the keypoint loss per
            person; 0: no bone loss. It acts on the mean of a distribution, so it destroys
            distributions that have no peak yet: see `bone_start_fraction`.
        bone_start_fraction: fraction of all steps after which the bone loss starts.
        loss_scale: as in `Recipe`; also sets the weights of a distillation relative to the
            labels. The reference sums over the people of a device; this is their number.
        distillation: losses against a teacher; None: labels only.
        frozen: parts of the network that are not trained.
        stage1, stage2: augmentation of the two stages.
    """

    model: PoseSpec
    part_weights: Mapping[Part, float] = field(default_factory=dict)
    heatmap_weight: float = 0.0
    heatmap_stride: int = 16
    bone_weight: float = 0.0
    bone_start_fraction: float = 0.5
    loss_scale: float = 64.0  # rtmw3d-l configuration: people per device
    distillation: Distillation | None = None
    frozen: tuple[NetworkPart, ...] = ()
    stage1: Augmentation = STAGE1
    stage2: Augmentation = STAGE2
    stage2_fraction: float = 10 / 270  # rtmw3d configurations: the last 10 of 270 epochs

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = {
            "bone_weight": self.bone_weight,
            "heatmap_weight": self.heatmap_weight,
            **{f"part_weights[{part!r}]": weight for part, weight in self.part_weights.items()},
        }
        for name, weight in weights.items():
            if not weight >= 0:
                raise InputError(f"{name} must be 0 or more, got {weight}")
        if self.heatmap_stride not in HEATMAP_STRIDES:
            raise InputError(f"heatmap_stride must be 8, 16 or 32, got {self.heatmap_stride}")
        check_parts(self.frozen)
        if self.distillation is not None:
            check_distillation(self.distillation, self.model)
            if self.distillation.stage == "stage2" and set(self.frozen) != {"backbone", "neck"}:
                raise InputError(
                    "stage2 of a distillation trains the head alone: frozen must be "
                    f"('backbone', 'neck'), got {self.frozen}"
                )

    def bone_weight_at(self, step: int) -> float:
        """Weight of the bone loss at a step, counted from 0."""
        return self.bone_weight if step >= self.bone_start_fraction * self.schedule.steps else 0.0

    def augmentation(self, stage: int) -> Augmentation:
        """Augmentation of stage 1 or 2."""
        return self.stage1 if stage == 1 else self.stage2


def check_parts(parts: Sequence[str]) -> None:
    """Check the names of network parts.

    Raises:
        UnknownNameError: a name that is not in `NETWORK_PARTS`.
    """
    for part in parts:
        if part not in NETWORK_PARTS:
            raise UnknownNameError("part of the network", part, NETWORK_PARTS)


def parse_parts(names: Iterable[str]) -> tuple[NetworkPart, ...]:
    """Network parts of their names.

    Raises:
        UnknownNameError: a name that is not in `NETWORK_PARTS`.
    """
    names = tuple(names)
    check_parts(names)
    return tuple(part for part in NETWORK_PARTS if part in names)
