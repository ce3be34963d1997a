"""Recipes of the published trainings, one for every published row of the model table.

Values come from the configurations of mmpose (`configs/wholebody_2d_keypoint/rtmpose`,
`.../dwpose`, `projects/rtmpose3d/configs`). `PublishedRecipe` holds one as configured;
`PublishedRecipe.recipe` makes a `PoseRecipe` of it for a number of samples per epoch and a batch
size. Training time and machines are not published, except for the number of GPUs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from rtmpose3d.errors import InputError
from rtmpose3d.skeletons import Part
from rtmpose3d.training.recipes.augmentation import (
    RTMPOSE_STAGE2,
    RTMPOSE_WIDE_STAGE1,
    RTMPOSE_WIDE_STAGE2,
    RTMW_STAGE1,
    STAGE1,
    STAGE2,
    Augmentation,
)
from rtmpose3d.training.recipes.mixtures import (
    COCKTAIL14,
    COCKTAIL_3D,
    COCO_MIXTURE,
    UCOCO_MIXTURE,
    VALIDATION_2D,
    VALIDATION_3D,
    DatasetEntry,
)
from rtmpose3d.training.recipes.pose import PoseRecipe
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.zoo import resolve_pose

WARMUP_STEPS = 1000  # all configurations: LinearLR, end
RTMW_PART_WEIGHTS: Mapping[Part, float] = MappingProxyType({"face": 0.5})  # RTMW: mask_weight


@dataclass(frozen=True, kw_only=True)
class PublishedRecipe:
    """Configuration of a published training.

    Attributes:
        model: row of the model table.
        configuration: mmpose's configuration file.
        datasets: training mixture.
        gpus, people_per_gpu: they give the published batch size.
        learning_rate, weight_decay, clip_norm, seed: as configured.
        epochs, stage2_epochs: number of all epochs, and of those in stage 2 of the augmentation.
        stage1, stage2: augmentation.
        backbone: weights that the backbone was initialized from.
        part_weights, bone_weight, bone_start_fraction: fields of `PoseRecipe`.
        teacher: of the first stage of the published distillation; "" if there was none.
        distillation_stage2_epochs: number of epochs of its second stage.
    """

    model: str
    configuration: str
    datasets: tuple[DatasetEntry, ...]
    gpus: int = 8
    people_per_gpu: int
    learning_rate: float
    weight_decay: float = 0.05
    clip_norm: float | None = None
    seed: int = 21
    epochs: int = 270
    stage2_epochs: int = 30
    stage1: Augmentation
    stage2: Augmentation
    backbone: str
    part_weights: Mapping[Part, float] = field(default_factory=lambda: MappingProxyType({}))
    bone_weight: float = 0.0
    bone_start_fraction: float = 0.5
    teacher: str = ""
    distillation_stage2_epochs: int = 60

    @property
    def batch_size(self) -> int:
        """Images per step, over all GPUs."""
        return self.gpus * self.people_per_gpu

    @property
    def validation(self) -> tuple[DatasetEntry, ...]:
        """Validation mixture."""
        return VALIDATION_3D if resolve_pose(self.model).codec.has_depth else VALIDATION_2D

    def recipe(
        self,
        samples: int,
        *,
        batch_size: int | None = None,
        steps: int | None = None,
        second_stage: bool = False,
    ) -> PoseRecipe:
        """Recipe for a number of samples per epoch, without distillation and frozen parts.

        Args:
            samples: number of samples per epoch, over all datasets.
            batch_size: over all processes; None: the published one. The learning rate scales
                linearly with it, as mmengine's auto_scale_lr does.
            steps: number of steps; None: the published number of epochs.
            second_stage: the second stage of a distillation, with its own number of epochs, a
                flat learning rate and one augmentation, as published.

        Raises:
            InputError: there are no samples.
        """
        if samples < 1:
            raise InputError(
                f"{self.model} is trained for {self.epochs} epochs of at least one sample, got "
                f"{samples}; without samples to count, the number of steps must be given"
            )
        batch = self.batch_size if batch_size is None else batch_size
        epoch_steps = -(-samples // batch)
        epochs = self.distillation_stage2_epochs if second_stage else self.epochs
        total = epochs * epoch_steps if steps is None else steps
        return PoseRecipe(
            model=resolve_pose(self.model),
            schedule=FlatCosine(
                steps=total,
                warmup_steps=min(WARMUP_STEPS, max(total // 10, 1)),  # shorter in short trials
                # In full epochs: max_epochs // 2
                flat_fraction=1.0 if second_stage else (epochs // 2) / epochs,
            ),
            batch_size=batch,
            learning_rate=self.learning_rate * batch / self.batch_size,
            weight_decay=self.weight_decay,
            clip_norm=self.clip_norm,
            part_weights=self.part_weights,
            bone_weight=self.bone_weight,
            bone_start_fraction=self.bone_start_fraction,
            loss_scale=float(self.people_per_gpu),
            stage1=self.stage1,
            stage2=self.stage2,
            stage2_fraction=0.0 if second_stage else self.stage2_epochs / epochs,
            seed=self.seed,
            log_every=50,
            validate_every=epoch_steps,
            checkpoint_every=max(min(epoch_steps, 2000), 1),
        )


_WHOLEBODY = "configs/wholebody_2d_keypoint"


def _size(model: str) -> tuple[str, str]:
    """Split a model's name into its letter and its input size."""
    _, letter, size = model.split("-")
    return letter, size


def rtmpose(model: str) -> PublishedRecipe:
    """RTMPose on COCO-WholeBody (arXiv:2303.07399).

    `rtmpose3d train rtmpose-m-256x192 --data DIR --out DIR --init CSPNEXT.pth --init-parts
    backbone`. AP 58.2 (m), 61.1 (l), 64.8 (l, 384x288), 65.3 (x, 384x288). x clips gradients and
    has stronger augmentation. The backbones are initialized from CSPNeXt trained on AI Challenger
    and COCO (x: on seven body datasets).
    """
    letter, size = _size(model)
    large, wide = size == "384x288", letter == "x"
    people = 32 if large else 64
    return PublishedRecipe(
        model=model,
        configuration=f"{_WHOLEBODY}/rtmpose/coco-wholebody/"
        f"rtmpose-{letter}_8xb{people}-270e_coco-wholebody-{size}.py",
        datasets=COCO_MIXTURE,
        people_per_gpu=people,
        learning_rate=4e-3,
        clip_norm=35.0 if wide else None,
        stage1=RTMPOSE_WIDE_STAGE1 if wide else STAGE1,
        stage2=RTMPOSE_WIDE_STAGE2 if wide else RTMPOSE_STAGE2,
        backbone="cspnext-x_udp-body7" if wide else f"cspnext-{letter}_udp-aic-coco",
    )


def dwpose(model: str) -> PublishedRecipe:
    """DWPose: RTMPose on COCO-WholeBody and UBody, distilled twice (arXiv:2307.15880).

    Stage 1: `rtmpose3d train dwpose-m-256x192 --data DIR --out S1 --distill stage1 --teacher
    TEACHER.pth --teacher-model dwpose-l-256x192`; stage 2, 60 epochs: `... --out S2 --distill
    stage2 --teacher S1/dwpose-m-256x192.pth`. AP 48.5 (t), 53.8 (s), 60.6 (m), 63.1 (l), 66.5 (l,
    384x288). Teachers: RTMPose-l on the same data for t, s and m, RTMPose-x for l; that x is not
    in the model table at 256x192. The second stage keeps a flat learning rate, as the schedule of
    the first one would fall only from epoch 135 on.
    """
    letter, size = _size(model)
    large = size == "384x288"
    people = 32 if large else 64
    stage1 = {
        ("l", "256x192"): "dwpose_x_dis_l_coco-ubody-256x192",
        ("l", "384x288"): "rtmpose_x_dis_l_coco-ubody-384x288",
    }.get((letter, size), f"dwpose_l_dis_{letter}_coco-ubody-256x192")
    return PublishedRecipe(
        model=model,
        configuration=f"{_WHOLEBODY}/dwpose/ubody/s1_dis/{stage1}.py",
        datasets=UCOCO_MIXTURE,
        people_per_gpu=people,
        learning_rate=4e-3,
        clip_norm=1.0,
        stage1=RTMPOSE_WIDE_STAGE1,
        stage2=RTMPOSE_WIDE_STAGE2,
        backbone=f"cspnext-{'tiny' if letter == 't' else letter}_udp-aic-coco",
        teacher=f"rtmpose-{'x' if letter == 'l' else 'l'} on COCO-WholeBody and UBody, {size}",
    )


def rtmw(model: str) -> PublishedRecipe:
    """RTMW on fourteen datasets (arXiv:2407.08634, Table 1).

    `rtmpose3d train rtmw-l-384x288 --data DIR --out DIR --init DWPOSE.pth --init-parts backbone`.
    AP 58.2 (m), 66.0 (l), 67.2 (x), 70.1 (l, 384x288), 70.2 (x, 384x288). Faces have half the
    weight. m and l were distilled from l and x (`rtmw-dw-l-m`, `rtmw-dw-x-l`); the weights of
    that distillation are not published, so DWPose's are used here.
    """
    letter, size = _size(model)
    people = {"384x288": 320}.get(size, 704 if letter == "x" else 1024)
    teacher = {"m": f"rtmw-l-{size}", "l": f"rtmw-x-{size}"}.get(letter, "")
    return PublishedRecipe(
        model=model,
        configuration=f"{_WHOLEBODY}/rtmpose/cocktail14/"
        f"rtmw-{letter}_8xb{people}-270e_cocktail14-{size}.py",
        datasets=COCKTAIL14,
        people_per_gpu=people,
        learning_rate=5e-4,
        weight_decay=0.05 if letter == "m" else 0.1,
        clip_norm=35.0,
        stage2_epochs=10,
        stage1=RTMW_STAGE1,
        stage2=STAGE2,
        backbone={"m": "dwpose-m-256x192", "l": "dwpose-l-256x192"}.get(
            letter, f"rtmpose-x on COCO-WholeBody and UBody, {size}"
        ),
        part_weights=RTMW_PART_WEIGHTS,
        teacher=teacher,
    )


def rtmw3d(model: str) -> PublishedRecipe:
    """RTMW3D on 2D and 3D datasets together (arXiv:2407.08634, Table 2).

    `rtmpose3d train rtmw3d-l --data DIR --out DIR --init DWPOSE.pth --init-parts backbone`. AP
    67.8 (l), 68.0 (x); MPJPE on H3WB 56 and 57 mm. The paper counts seventeen datasets; the
    published configurations read thirteen: DNA-Rendering is not among them, Human-Art and
    InterHand2.6M are defined but not used, and UBody comes with its 3D fits only. The published
    bone loss has no gradient; ours starts after half of the steps. Its weight is our own choice.
    """
    letter = model.rsplit("-", 1)[1]
    people = 64 if letter == "l" else 32
    return PublishedRecipe(
        model=model,
        configuration=f"projects/rtmpose3d/configs/rtmw3d-{letter}_8xb{people}_cocktail14-384x288.py",
        datasets=COCKTAIL_3D,
        people_per_gpu=people,
        learning_rate=5e-4,
        seed=2024,
        stage2_epochs=10,
        stage1=STAGE1,
        stage2=STAGE2,
        backbone="dwpose-l-256x192"
        if letter == "l"
        else "rtmpose-x on COCO-WholeBody and UBody, 384x288",
        bone_weight=0.1,
    )


_FAMILIES = {
    rtmpose: ("rtmpose-m-256x192", "rtmpose-l-256x192", "rtmpose-l-384x288", "rtmpose-x-384x288"),
    dwpose: (
        *("dwpose-t-256x192", "dwpose-s-256x192", "dwpose-m-256x192"),
        *("dwpose-l-256x192", "dwpose-l-384x288"),
    ),
    rtmw: (
        *("rtmw-m-256x192", "rtmw-l-256x192", "rtmw-x-256x192"),
        *("rtmw-l-384x288", "rtmw-x-384x288"),
    ),
    rtmw3d: ("rtmw3d-l", "rtmw3d-x"),
}
PUBLISHED_RECIPES: Mapping[str, PublishedRecipe] = MappingProxyType(
    {model: family(model) for family, models in _FAMILIES.items() for model in models}
)
