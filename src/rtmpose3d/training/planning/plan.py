"""`TrainingPlan`: a recipe with its datasets and weights, resolved from options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias, TypeVar

from rtmpose3d.data import OnBad
from rtmpose3d.errors import InputError
from rtmpose3d.training.data.datasets import LoadedDataset, load_dataset
from rtmpose3d.training.pose.initialization import InitialWeights
from rtmpose3d.training.recipes import PUBLISHED_RECIPES, resolve_recipe
from rtmpose3d.training.recipes.base import Precision, Recipe
from rtmpose3d.training.recipes.detector import DetectorRecipe
from rtmpose3d.training.recipes.distillation import DistillationStage, first_stage, second_stage
from rtmpose3d.training.recipes.mixtures import REAL_BOXES, REAL_PEOPLE, DatasetEntry
from rtmpose3d.training.recipes.pose import NetworkPart, PoseRecipe
from rtmpose3d.training.recipes.published import PublishedRecipe
from rtmpose3d.zoo import resolve_pose

AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)
_RENDERED = (DatasetEntry(dataset="rendered"),)


@dataclass(frozen=True, kw_only=True)
class RecipeOverrides:
    """Changes to a recipe; None: the recipe's own value.

    `checkpoint_every` also sets the interval of validations.
    """

    steps: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    precision: Precision | None = None
    seed: int | None = None
    checkpoint_every: int | None = None

    def apply(self, recipe: AnyRecipe) -> AnyRecipe:
        """Change all but the number of steps and the batch size, which recipes are made with."""
        values = {
            "learning_rate": self.learning_rate,
            "precision": self.precision,
            "seed": self.seed,
            "validate_every": self.checkpoint_every,
            "checkpoint_every": self.checkpoint_every,
        }
        changes = {name: value for name, value in values.items() if value is not None}
        return replace(recipe, **changes)


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Datasets in files.

    Attributes:
        folder: folder that contains the datasets' folders; None: only `own` is used.
        datasets, validation: datasets to train and to validate on; None: the recipe's.
        own, own_validation: entries of one's own annotation files, in addition.
        allow_missing: whether to train without the datasets that are missing.
        on_bad: what happens at an invalid label or image: "raise", or "skip" it.
        workers: number of processes that make batches; 0: a thread.
    """

    folder: Path | None = None
    datasets: Sequence[DatasetEntry] | None = None
    validation: Sequence[DatasetEntry] | None = None
    own: Sequence[DatasetEntry] = ()
    own_validation: Sequence[DatasetEntry] = ()
    allow_missing: bool = False
    on_bad: OnBad = "raise"
    workers: int = 0

    def entries(
        self, published: PublishedRecipe | None, default: Sequence[DatasetEntry] = _RENDERED
    ) -> tuple[Sequence[DatasetEntry], Sequence[DatasetEntry]]:
        """Datasets to train and to validate on.

        Args:
            published: the recipe's own datasets.
            default: datasets without a published recipe.
        """
        mixture: Sequence[DatasetEntry] = ()
        held_out: Sequence[DatasetEntry] = ()
        if self.folder is not None:
            mixture = default if published is None else published.datasets
            held_out = () if published is None else published.validation
        mixture = mixture if self.datasets is None else self.datasets
        held_out = held_out if self.validation is None else self.validation
        return (*mixture, *self.own), (*held_out, *self.own_validation)


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """Rendering during the training.

    Attributes:
        assets: MakeHuman's folder.
        backdrops: folder of photographs without people; None: painted backdrops.
        rendered_per_batch: crops of a batch that are new; pose models only.
        pool_size: maximum number of rendered crops kept on disk; pose models only.
        workers: number of rendering processes; 0: a thread of this one.
    """

    assets: Path
    backdrops: Path | None = None
    rendered_per_batch: int = 4
    pool_size: int = 100_000
    workers: int = 1


@dataclass(frozen=True, kw_only=True)
class JointOptions:
    """Datasets in files and rendering at once.

    Attributes:
        data: datasets, a part of each batch.
        rendering: rendering, the other part.
        rendered_fraction: fraction of each batch that is rendered, new or kept; of a detector's
            images, on average.

    Raises:
        InputError: a fraction that leaves one of them nothing.
    """

    data: DataOptions
    rendering: RenderOptions
    rendered_fraction: float = 0.4

    def __post_init__(self) -> None:
        if not 0 < self.rendered_fraction < 1:
            raise InputError(
                f"rendered_fraction must be between 0 and 1, got {self.rendered_fraction}"
            )

    def rendered_crops(self, batch_size: int) -> int:
        """Number of crops of a batch that are rendered, at least 1 and not all."""
        return min(max(round(batch_size * self.rendered_fraction), 1), batch_size - 1)


TrainingSource: TypeAlias = DataOptions | RenderOptions | JointOptions


@dataclass(frozen=True, kw_only=True)
class WeightOptions:
    """Initial weights, frozen parts and distillation.

    Attributes:
        initial: weights to initialize from.
        frozen: parts that are not trained; None: the recipe's.
        distillation_stage: stage of a distillation; None: none.
        teacher: weights of its teacher.
        teacher_model: name of the teacher's model; in stage 2 None: the recipe's own.
    """

    initial: InitialWeights | None = None
    frozen: tuple[NetworkPart, ...] | None = None
    distillation_stage: DistillationStage | None = None
    teacher: Path | None = None
    teacher_model: str | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """A planned training.

    Attributes:
        recipe: configuration of the training.
        published: the published training that it follows, if any.
        source: where its data comes from.
        datasets, validation: datasets in files, read or missing.
        initial: weights to initialize from.
        teacher: weights of the teacher.
    """

    recipe: PoseRecipe | DetectorRecipe
    source: TrainingSource
    published: PublishedRecipe | None = None
    datasets: Sequence[LoadedDataset] = ()
    validation: Sequence[LoadedDataset] = ()
    initial: InitialWeights | None = None
    teacher: Path | None = None

    @property
    def data(self) -> DataOptions | None:
        """Datasets in files, if they are part of the training."""
        return _data(self.source)

    @property
    def rendering(self) -> RenderOptions | None:
        """Rendering, if it is part of the training."""
        if isinstance(self.source, JointOptions):
            return self.source.rendering
        return self.source if isinstance(self.source, RenderOptions) else None

    def check_data(self) -> None:
        """Check that all data is available.

        Raises:
            InputError: datasets or folders for rendering are missing, or labels are invalid.
        """
        rendering, data = self.rendering, self.data
        if rendering is not None:
            for name, folder in (("assets", rendering.assets), ("backdrops", rendering.backdrops)):
                if folder is not None and not folder.is_dir():
                    raise InputError(f"{name}: {folder} is not a folder")
        missing = [d for d in (*self.datasets, *self.validation) if d.missing]
        if missing and data is not None and not data.allow_missing:
            names = ", ".join(d.entry.title for d in missing)
            raise InputError(
                f"{len(missing)} of the datasets are missing: {names}. The first: "
                f"{missing[0].missing}. Allow missing datasets to train without them, or choose "
                "other datasets"
            )
        bad = [text for d in (*self.datasets, *self.validation) for text in d.bad]
        if (
            bad and data is not None and data.on_bad == "raise"
        ):  # counted for a dry run, which reads them all
            raise InputError(f"{len(bad)} labels are invalid, the first: {bad[0]}")


def plan_training(
    name: str,
    source: TrainingSource,
    *,
    overrides: RecipeOverrides | None = None,
    weights: WeightOptions | None = None,
    dry_run: bool = False,
) -> TrainingPlan:
    """Plan a training; reads the labels of datasets, but no image.

    Args:
        name: name of the recipe.
        source: where the data comes from.
        overrides: changes to the recipe.
        weights: initial weights, frozen parts and distillation.
        dry_run: whether to count invalid labels instead of raising.

    Raises:
        UnknownNameError: there is no such recipe, dataset, split or model.
        InputError: options that do not fit each other; an invalid label.
    """
    overrides, weights = overrides or RecipeOverrides(), weights or WeightOptions()
    published = PUBLISHED_RECIPES.get(name)
    lengths = {"steps": overrides.steps, "batch_size": overrides.batch_size}
    named: PoseRecipe | DetectorRecipe | None = None
    if published is None:  # an unknown name is an error before labels are read
        named = resolve_recipe(name, steps=overrides.steps, batch_size=overrides.batch_size)
    datasets: list[LoadedDataset] = []
    validation: list[LoadedDataset] = []
    data = _data(source)
    if data is not None:
        if data.folder is not None and not data.folder.is_dir():
            raise InputError(f"{data.folder} is not a folder")
        on_bad: OnBad = "skip" if dry_run else data.on_bad
        mixture = _RENDERED
        if isinstance(source, JointOptions):
            mixture = REAL_BOXES if isinstance(named, DetectorRecipe) else REAL_PEOPLE
        entries, held_out = data.entries(published, mixture)
        datasets = [load_dataset(entry, data.folder, on_bad=on_bad) for entry in entries]
        validation = [load_dataset(entry, data.folder, on_bad=on_bad) for entry in held_out]
    recipe = resolve_recipe(
        name,
        epoch_samples=sum(dataset.epoch_samples for dataset in datasets),
        distillation_stage=weights.distillation_stage,
        **lengths,
    )
    return TrainingPlan(
        recipe=_with_weights(overrides.apply(recipe), weights),
        source=source,
        published=published,
        datasets=datasets,
        validation=validation,
        initial=weights.initial,
        teacher=weights.teacher,
    )


def _data(source: TrainingSource) -> DataOptions | None:
    if isinstance(source, JointOptions):
        return source.data
    return source if isinstance(source, DataOptions) else None


def _with_weights(
    recipe: PoseRecipe | DetectorRecipe, weights: WeightOptions
) -> PoseRecipe | DetectorRecipe:
    """Recipe with its teacher and frozen parts.

    Raises:
        InputError: options that do not fit each other or the recipe.
    """
    stage, teacher_model = weights.distillation_stage, weights.teacher_model
    if stage is None and (weights.teacher is not None or teacher_model is not None):
        raise InputError("a teacher needs a distillation: stage1 or stage2")
    if isinstance(recipe, DetectorRecipe):
        if stage is not None or weights.frozen is not None:
            raise InputError(
                f"{recipe.model.name}: frozen parts and distillation are available for pose "
                "models only"
            )
        return recipe
    frozen = recipe.frozen if weights.frozen is None else weights.frozen
    if stage is None:
        return replace(recipe, frozen=frozen)
    if weights.teacher is None:
        raise InputError(f"{stage} of a distillation needs the weights of a teacher")
    if stage == "stage2":
        own = recipe.model if teacher_model is None else resolve_pose(teacher_model)
        return replace(recipe, frozen=("backbone", "neck"), distillation=second_stage(own))
    if teacher_model is None:
        raise InputError("stage1 of a distillation needs the name of the teacher's model")
    return replace(recipe, frozen=frozen, distillation=first_stage(resolve_pose(teacher_model)))
