"""The published trainings: a recipe of every row of the model table, as a function.

Figures come from the configurations of mmpose (`configs/wholebody_2d_keypoint/rtmpose`,
`.../dwpose`, `projects/rtmpose3d/configs`); `Plan` holds one as it stands there, `recipe` turns it
into a `PoseRecipe` for a number of samples an epoch and a batch. Hours and machines are not
published but for the number of GPUs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.skeletons import Part
from rtmpose3d.training.data.augment import (
    RTMPOSE_STAGE2,
    RTMPOSE_WIDE_STAGE1,
    RTMPOSE_WIDE_STAGE2,
    RTMW_STAGE1,
    STAGE1,
    STAGE2,
    Augmentation,
)
from rtmpose3d.training.data.mixture import Share
from rtmpose3d.training.pose.losses import RTMW_PART_WEIGHTS
from rtmpose3d.training.recipes.base import PoseRecipe
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.zoo import resolve_pose

WARMUP_STEPS = 1000  # all configurations: LinearLR, end

# Boxes of faces and hands, times this, are what crops are cut around: RandomBBoxTransform's 1.5 to
# 2.0, and 1.25 because both of their GetBBoxCenterScale pad.
PART_ENLARGE = (1.875, 2.5)

COCO = (Share(dataset="coco-wholebody"),)
UCOCO = (*COCO, Share(dataset="ubody", every=10))
FACES = tuple(
    Share(dataset=name, split=split, enlarge=PART_ENLARGE)
    for name, split in (
        ("wflw", "train"),
        ("300w", "train"),
        ("cofw", "train"),
        ("lapa", "trainval"),
    )
)
BODIES = (
    Share(dataset="aic"),
    Share(dataset="crowdpose", split="trainval"),
    Share(dataset="mpii"),
    Share(dataset="sub-jhmdb", split="train1"),
    Share(dataset="posetrack18"),
)
HALPE = Share(dataset="halpe")
COCKTAIL14 = (
    *(*COCO, HALPE, Share(dataset="ubody", every=10)),
    *(*BODIES, Share(dataset="human-art")),
    *FACES,
    Share(dataset="interhand2.6m", every=10, enlarge=PART_ENLARGE),
)
COCKTAIL_3D = (
    *(*COCO, HALPE),
    *BODIES,
    *FACES,
    Share(dataset="ubody3d", repeat=0.1),  # configurations: subset_frac
    Share(dataset="h3wb"),
)
VALIDATION_2D = (Share(dataset="coco-wholebody", split="val"),)
VALIDATION_3D = (*VALIDATION_2D, Share(dataset="h3wb", split="val"))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A published training.

    Attributes:
        model: row of the model table.
        configuration: file that it comes from.
        shares: datasets; validation: those to validate on.
        gpus, people_per_gpu: of the published batch.
        learning_rate, weight_decay, clip_norm, seed: as there.
        epochs, stage2_epochs: of all, and of the second stage of augmentation at their end.
        stage1, stage2: augmentation.
        backbone: what its backbone began with; give it with --init FILE --init-parts backbone.
        part_weights: see `PoseRecipe`.
        bone_weight, bone_from_share: likewise.
        teacher: of the first stage of a distillation, as published; "" if there was none.
        second_stage_epochs: of the second one.
    """

    model: str
    configuration: str
    shares: tuple[Share, ...]
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
    bone_from_share: float = 0.5
    teacher: str = ""
    second_stage_epochs: int = 60

    @property
    def batch_size(self) -> int:
        """Of all GPUs together."""
        return self.gpus * self.people_per_gpu

    @property
    def validation(self) -> tuple[Share, ...]:
        """Datasets to validate on."""
        return VALIDATION_3D if resolve_pose(self.model).codec.has_depth else VALIDATION_2D

    def recipe(
        self,
        samples: int,
        *,
        batch_size: int | None = None,
        steps: int | None = None,
        second_stage: bool = False,
    ) -> PoseRecipe:
        """The recipe for so many samples an epoch; distillation and frozen parts not yet in it.

        Args:
            samples: of an epoch, all datasets together.
            batch_size: of all devices together; None: the published one. With another one the
                rate is in proportion, as mmengine's auto_scale_lr has it.
            steps: of the whole training; None: the published epochs.
            second_stage: of a distillation: `second_stage_epochs` at a flat rate, one
                augmentation, as published.

        Raises:
            InputError: there are no samples.
        """
        if samples < 1:
            raise InputError(f"an epoch of {self.model} needs at least one sample, got {samples}")
        batch = self.batch_size if batch_size is None else batch_size
        an_epoch = -(-samples // batch)
        epochs = self.second_stage_epochs if second_stage else self.epochs
        total = epochs * an_epoch if steps is None else steps
        return PoseRecipe(
            model=resolve_pose(self.model),
            schedule=FlatCosine(
                steps=total,
                warmup_steps=min(WARMUP_STEPS, max(total // 10, 1)),  # of tries that are short
                # by whole epochs: max_epochs // 2
                flat_share=1.0 if second_stage else (epochs // 2) / epochs,
            ),
            batch_size=batch,
            learning_rate=self.learning_rate * batch / self.batch_size,
            weight_decay=self.weight_decay,
            clip_norm=self.clip_norm,
            part_weights=self.part_weights,
            bone_weight=self.bone_weight,
            bone_from_share=self.bone_from_share,
            loss_scale=float(self.people_per_gpu),
            stage1=self.stage1,
            stage2=self.stage2,
            stage2_share=0.0 if second_stage else self.stage2_epochs / epochs,
            seed=self.seed,
            log_every=50,
            validate_every=an_epoch,
            checkpoint_every=max(min(an_epoch, 2000), 1),
        )


_WHOLEBODY = "configs/wholebody_2d_keypoint"


def _size(model: str) -> tuple[str, str]:
    """Letter, and input height and width, of a model's name."""
    _, letter, size = model.split("-")
    return letter, size


def rtmpose(model: str) -> Plan:
    """RTMPose on COCO-WholeBody (arXiv:2303.07399).

    `rtmpose3d train rtmpose-m-256x192 --data DIR --out DIR --init CSPNEXT.pth --init-parts
    backbone`. AP 58.2 (m), 61.1 (l), 64.8 (l, 384x288), 65.3 (x, 384x288). x clips gradients and
    varies boxes more. The backbones begin with CSPNeXt trained on AI Challenger and COCO (x: on
    seven body datasets).
    """
    letter, size = _size(model)
    large, wide = size == "384x288", letter == "x"
    people = 32 if large else 64
    return Plan(
        model=model,
        configuration=f"{_WHOLEBODY}/rtmpose/coco-wholebody/"
        f"rtmpose-{letter}_8xb{people}-270e_coco-wholebody-{size}.py",
        shares=COCO,
        people_per_gpu=people,
        learning_rate=4e-3,
        clip_norm=35.0 if wide else None,
        stage1=RTMPOSE_WIDE_STAGE1 if wide else STAGE1,
        stage2=RTMPOSE_WIDE_STAGE2 if wide else RTMPOSE_STAGE2,
        backbone="cspnext-x_udp-body7" if wide else f"cspnext-{letter}_udp-aic-coco",
    )


def dwpose(model: str) -> Plan:
    """DWPose: RTMPose on COCO-WholeBody and UBody, distilled twice (arXiv:2307.15880).

    Stage 1: `rtmpose3d train dwpose-m-256x192 --data DIR --out S1 --distill stage1 --teacher
    TEACHER.pth --teacher-model dwpose-l-256x192`; stage 2, 60 epochs: `... --out S2 --distill
    stage2 --teacher S1/dwpose-m-256x192.pth`. AP 48.5 (t), 53.8 (s), 60.6 (m), 63.1 (l), 66.5 (l,
    384x288). Teachers: RTMPose-l on the same data for t, s and m, RTMPose-x for l; that x is no
    row of the table at 256x192. The second stage keeps the first one's rate flat, as its schedule
    would fall only from epoch 135 on.
    """
    letter, size = _size(model)
    large = size == "384x288"
    people = 32 if large else 64
    stage1 = {
        ("l", "256x192"): "dwpose_x_dis_l_coco-ubody-256x192",
        ("l", "384x288"): "rtmpose_x_dis_l_coco-ubody-384x288",
    }.get((letter, size), f"dwpose_l_dis_{letter}_coco-ubody-256x192")
    return Plan(
        model=model,
        configuration=f"{_WHOLEBODY}/dwpose/ubody/s1_dis/{stage1}.py",
        shares=UCOCO,
        people_per_gpu=people,
        learning_rate=4e-3,
        clip_norm=1.0,
        stage1=RTMPOSE_WIDE_STAGE1,
        stage2=RTMPOSE_WIDE_STAGE2,
        backbone=f"cspnext-{'tiny' if letter == 't' else letter}_udp-aic-coco",
        teacher=f"rtmpose-{'x' if letter == 'l' else 'l'} on COCO-WholeBody and UBody, {size}",
    )


def rtmw(model: str) -> Plan:
    """RTMW on fourteen datasets (arXiv:2407.08634, Table 1).

    `rtmpose3d train rtmw-l-384x288 --data DIR --out DIR --init DWPOSE.pth --init-parts backbone`.
    AP 58.2 (m), 66.0 (l), 67.2 (x), 70.1 (l, 384x288), 70.2 (x, 384x288). Faces count half. m and
    l were distilled from l and x (`rtmw-dw-l-m`, `rtmw-dw-x-l`); with which weights is not
    published, DWPose's are the choice here.
    """
    letter, size = _size(model)
    people = {"384x288": 320}.get(size, 704 if letter == "x" else 1024)
    teacher = {"m": f"rtmw-l-{size}", "l": f"rtmw-x-{size}"}.get(letter, "")
    return Plan(
        model=model,
        configuration=f"{_WHOLEBODY}/rtmpose/cocktail14/"
        f"rtmw-{letter}_8xb{people}-270e_cocktail14-{size}.py",
        shares=COCKTAIL14,
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


def rtmw3d(model: str) -> Plan:
    """RTMW3D on 2D and 3D datasets together (arXiv:2407.08634, Table 2).

    `rtmpose3d train rtmw3d-l --data DIR --out DIR --init DWPOSE.pth --init-parts backbone`. AP
    67.8 (l), 68.0 (x); MPJPE on H3WB 56 and 57 mm. The paper counts seventeen datasets; the
    published configurations read thirteen: DNA-Rendering is not among them, Human-Art and
    InterHand2.6M are defined and left out, and UBody comes with its 3D fits only. The published
    bone loss has no gradient; ours, of the weight here, begins when half is done. That weight is
    our own choice.
    """
    letter = model.rsplit("-", 1)[1]
    people = 64 if letter == "l" else 32
    return Plan(
        model=model,
        configuration=f"projects/rtmpose3d/configs/rtmw3d-{letter}_8xb{people}_cocktail14-384x288.py",
        shares=COCKTAIL_3D,
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
PLANS: Mapping[str, Plan] = MappingProxyType(
    {model: family(model) for family, models in _FAMILIES.items() for model in models}
)


def plan_of(model: str) -> Plan:
    """The published training of a model.

    Raises:
        UnknownNameError: there is none; the message lists all.
    """
    if model not in PLANS:
        raise UnknownNameError("published recipe", model, PLANS)
    return PLANS[model]
