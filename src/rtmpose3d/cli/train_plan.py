"""What `rtmpose3d train` is going to do: the recipe, its datasets, given weights; and as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, cast

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.models import build_network
from rtmpose3d.training.data.batches import PoseBatch
from rtmpose3d.training.data.datasets import FoundShare, find_share, mixture_data
from rtmpose3d.training.data.mixture import ON_BAD, OnBadSample, Share
from rtmpose3d.training.loop.engine import PRECISIONS, Engine
from rtmpose3d.training.loop.trainer import TrainingData
from rtmpose3d.training.pose.distillation import STAGES, first_stage, second_stage
from rtmpose3d.training.pose.initialization import NETWORK_PARTS, InitialWeights, NetworkPart
from rtmpose3d.training.recipes.base import PoseRecipe, Recipe
from rtmpose3d.training.recipes.detector import DETECTOR_RECIPES, DetectorRecipe
from rtmpose3d.training.recipes.published import COCKTAIL14, PLANS, Plan
from rtmpose3d.training.recipes.small import RECIPES
from rtmpose3d.zoo import resolve_pose

AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)
_ALL_PARTS = ",".join(NETWORK_PARTS)
_RENDERED = (Share(dataset="rendered"),)
_PART_SETS = {share.dataset: share.enlarge for share in COCKTAIL14 if share.enlarge}
_NO_SETS = "none"


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What the user changes of a recipe; None: nothing."""

    steps: int | None
    batch_size: int | None
    learning_rate: float | None
    precision: str | None
    seed: int | None
    every: int | None

    def applied(self, recipe: AnyRecipe) -> AnyRecipe:
        """The recipe with all but its length and batch changed.

        Raises:
            UnknownNameError: no such precision.
        """
        return replace(recipe, **self._others())

    def lengths(self) -> dict[str, int]:
        """Steps and batch size, where they are changed."""
        lengths = {"steps": self.steps, "batch_size": self.batch_size}
        return {name: value for name, value in lengths.items() if value is not None}

    def _others(self) -> dict[str, float | str | int]:
        if self.precision is not None and self.precision not in PRECISIONS:
            raise UnknownNameError("precision", self.precision, PRECISIONS)
        others = {
            "learning_rate": self.learning_rate,
            "precision": self.precision,
            "seed": self.seed,
            "validate_every": self.every,
            "checkpoint_every": self.every,
        }
        return {name: value for name, value in others.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Files:
    """Datasets in files, as the options name them."""

    folder: Path
    datasets: str | None
    validation_sets: str | None
    allow_missing: bool
    bad_samples: str
    workers: int


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Given weights and teachers, as the options name them."""

    initial: Path | None
    initial_parts: str
    frozen: str | None
    distill: str | None
    teacher: Path | None
    teacher_model: str | None


@dataclass(frozen=True, kw_only=True)
class PoseJob:
    """A training of a pose model.

    Attributes:
        recipe: what to do.
        plan: the published training that it follows, if any.
        initial, teacher: given weights.
        files: datasets in files; None: rendered people.
        found, validation: the datasets, read or missing.
    """

    recipe: PoseRecipe
    plan: Plan | None
    initial: InitialWeights | None
    teacher: Path | None
    files: Files | None
    found: Sequence[FoundShare] = ()
    validation: Sequence[FoundShare] = ()

    def check(self, *, listing_only: bool = False) -> None:
        """Whether all that the training needs is there.

        Args:
            listing_only: whether the user only wants to know what would happen.

        Raises:
            InputError: a dataset is missing.
        """
        if listing_only or self.files is None or self.files.allow_missing:
            return
        missing = [f.missing for f in (*self.found, *self.validation) if f.missing]
        if missing:
            raise InputError(
                f"{len(missing)} of the datasets are not there: {'; '.join(missing)}. Train "
                "without them with --allow-missing, or name others with --datasets and "
                "--validation-sets"
            )

    def data(self, engine: Engine) -> TrainingData[PoseBatch]:
        """The batches of the datasets.

        Raises:
            InputError: see `mixture_data`.
        """
        assert self.files is not None
        return mixture_data(
            self.recipe,
            self.found,
            self.validation if engine.first else (),
            on_bad=cast("OnBadSample", self.files.bad_samples),
            workers=self.files.workers,
        )


def detector_recipe(name: str, changes: Changes, weights: Weights) -> DetectorRecipe:
    """A detector's recipe with what the user changed.

    Raises:
        UnknownNameError: no such precision.
        InputError: an option that only a pose model's training has.
    """
    of_poses = {
        "--init-parts": weights.initial_parts != _ALL_PARTS,
        "--freeze": weights.frozen is not None,
        "--distill": weights.distill is not None,
        "--teacher": weights.teacher is not None,
        "--teacher-model": weights.teacher_model is not None,
    }
    given = [option for option, is_given in of_poses.items() if is_given]
    if given:
        raise InputError(f"{', '.join(given)}: only in trainings of pose models, not of {name}")
    return changes.applied(DETECTOR_RECIPES[name](**changes.lengths()))


def pose_job(
    name: str, changes: Changes, files: Files | None, weights: Weights, *, listing_only: bool
) -> PoseJob:
    """The training that the options ask for; datasets are looked for and read.

    With `listing_only`, labels that cannot be used are counted, whatever the user chose.

    Raises:
        UnknownNameError: no recipe, dataset, part or stage of that name.
        InputError: options that do not fit each other; a label that cannot be used.
    """
    if name not in RECIPES and name not in PLANS:
        raise UnknownNameError("recipe", name, [*RECIPES, *PLANS, *DETECTOR_RECIPES])
    if files is not None and files.bad_samples not in ON_BAD:
        raise UnknownNameError("choice for --bad-samples", files.bad_samples, ON_BAD)
    if weights.distill is not None and weights.distill not in STAGES:
        raise UnknownNameError("stage of distillation", weights.distill, STAGES)
    plan = PLANS.get(name)
    found: list[FoundShare] = []
    validation: list[FoundShare] = []
    if files is not None:
        found = _find(_shares(files, plan), files, listing_only)
        validation = _find(_validation(files, plan), files, listing_only)
    if plan is None:
        recipe = RECIPES[name](**changes.lengths())
    else:
        recipe = _published(plan, changes, sum(f.samples for f in found), files, weights)
    recipe = _with_weights(changes.applied(recipe), weights)
    initial = None
    if weights.initial is not None:
        parts = cast("tuple[NetworkPart, ...]", _names(weights.initial_parts))
        initial = InitialWeights(path=weights.initial, parts=parts)
    return PoseJob(
        recipe=recipe,
        plan=plan,
        initial=initial,
        teacher=weights.teacher,
        files=files,
        found=found,
        validation=validation,
    )


def _find(shares: Sequence[Share], files: Files, listing_only: bool) -> list[FoundShare]:
    """Read the labels of datasets.

    Raises:
        InputError: there is no folder, or a label that cannot be used.
    """
    if not files.folder.is_dir():
        raise InputError(f"--data {files.folder} is no folder")
    on_bad = "skip" if listing_only else cast("OnBadSample", files.bad_samples)
    try:
        return [find_share(share, files.folder, on_bad=on_bad) for share in shares]
    except InputError as error:
        if on_bad == "skip":
            raise
        raise InputError(f"{error} (leave such labels out: --bad-samples skip)") from error


def _published(
    plan: Plan, changes: Changes, samples: int, files: Files | None, weights: Weights
) -> PoseRecipe:
    """The published recipe, for the samples that are there."""
    if not samples and changes.steps is None:
        where = "rendered people have no epochs" if files is None else "no dataset was found"
        raise InputError(
            f"{plan.model} is trained {plan.epochs} epochs, and {where}; say how many --steps"
        )
    return plan.recipe(
        max(samples, 1), second_stage=weights.distill == "stage2", **changes.lengths()
    )


def _with_weights(recipe: PoseRecipe, weights: Weights) -> PoseRecipe:
    """The recipe with its teacher and frozen parts.

    Raises:
        InputError: options that do not fit each other.
    """
    frozen = recipe.frozen
    if weights.frozen is not None:
        frozen = cast("tuple[NetworkPart, ...]", _names(weights.frozen))
    if weights.distill is None:
        if weights.teacher is not None or weights.teacher_model is not None:
            raise InputError("--teacher and --teacher-model need --distill stage1 or stage2")
        return replace(recipe, frozen=frozen)
    if weights.teacher is None:
        raise InputError(f"--distill {weights.distill} needs the teacher's weights: --teacher FILE")
    if weights.distill == "stage2":
        own = recipe.model if weights.teacher_model is None else resolve_pose(weights.teacher_model)
        return replace(recipe, frozen=("backbone", "neck"), distillation=second_stage(own))
    if weights.teacher_model is None:
        raise InputError("--distill stage1 needs to know what the teacher is: --teacher-model NAME")
    distillation = first_stage(resolve_pose(weights.teacher_model))
    return replace(recipe, frozen=frozen, distillation=distillation)


def _shares(files: Files, plan: Plan | None) -> Sequence[Share]:
    """Datasets to train on."""
    if files.datasets is not None:
        return [_share(text, "train") for text in _names(files.datasets)]
    return _RENDERED if plan is None else plan.shares


def _validation(files: Files, plan: Plan | None) -> Sequence[Share]:
    """Datasets to validate on."""
    if files.validation_sets == _NO_SETS:
        return ()
    if files.validation_sets is not None:
        return [_share(text, "val") for text in _names(files.validation_sets)]
    return () if plan is None else plan.validation


def _share(text: str, split: str) -> Share:
    """NAME[@SPLIT][:REPEAT].

    Raises:
        InputError: REPEAT is no number.
    """
    named, _, repeat = text.partition(":")
    name, _, own_split = named.partition("@")
    try:
        times = float(repeat) if repeat else 1.0
    except ValueError:
        raise InputError(f"{text!r} in --datasets: {repeat!r} is no number") from None
    return Share(dataset=name, split=own_split or split, repeat=times, enlarge=_PART_SETS.get(name))


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


# -- as text -----------------------------------------------------------------------------------


def lines_of_job(job: PoseJob, engine: Engine) -> list[str]:
    """What is going to happen, datasets first."""
    lines = [_line_of_share("data", f) for f in job.found]
    lines += [_line_of_share("validation", f) for f in job.validation]
    if job.found:
        lines.append(f"epoch      {sum(f.samples for f in job.found):,} people")
    lines += lines_of_recipe(job.recipe, engine)
    if job.plan is not None:
        plan = job.plan
        lines.append(
            f"published  {plan.configuration}: {plan.epochs} epochs of {plan.batch_size} people "
            f"({plan.gpus} x {plan.people_per_gpu}), rate {plan.learning_rate:g}"
        )
        if job.initial is None and job.recipe.distillation is None:
            lines.append(f"           its backbone began with {plan.backbone} (--init)")
    if job.initial is not None:
        lines.append(f"begins     with {', '.join(job.initial.parts)} of {job.initial.path}")
    if job.recipe.frozen:
        lines.append(f"frozen     {', '.join(job.recipe.frozen)}")
    distillation = job.recipe.distillation
    if distillation is not None:
        lines.append(
            f"teacher    {distillation.teacher.name}, {job.teacher}: {distillation.stage}, weights "
            f"{distillation.feature_weight:g} (features), {distillation.logit_weight:g} (logits), "
            f"{distillation.label_weight:g} (labels)"
        )
    return lines


def lines_of_recipe(recipe: Recipe, engine: Engine) -> list[str]:
    """Model, length, rate and device, a line each."""
    spec = recipe.model
    parameters = sum(p.numel() for p in build_network(spec).parameters())
    width, height = spec.input_size_wh
    schedule = recipe.schedule
    falls = int(schedule.steps * schedule.flat_share)
    then = f"cosine from step {falls:,}" if falls < schedule.steps else "then flat"
    device = f"{engine.device}, {recipe.precision}"
    if engine.world_size > 1:
        part = recipe.batch_size // engine.world_size
        device = f"{engine.world_size} processes on {engine.device.type}, {part} images each"
        device += f", {recipe.precision}"
    return [
        f"model      {spec.name}, {parameters / 1e6:.2f} M parameters, input {width}x{height}",
        f"steps      {schedule.steps:,} of {recipe.batch_size} images; the last "
        f"{schedule.steps - recipe.stage2_from:,} are stage 2",
        f"rate       {recipe.learning_rate:g} after {schedule.warmup_steps:,} steps of warm-up, "
        f"{then}",
        f"device     {device}",
    ]


def _line_of_share(title: str, found: FoundShare) -> str:
    share = found.share
    name = f"{share.dataset}@{share.split}"
    if found.records is None:
        return f"{title:<10} {name}: MISSING: {found.missing}"
    bad = f", {found.bad:,} bad ones left out" if found.bad else ""
    counted = f"{len(found.records):,} people{bad}"
    if title == "data":
        counted += f", {found.samples:,} an epoch"
    return f"{title:<10} {name}: {counted}; {found.folder}"
