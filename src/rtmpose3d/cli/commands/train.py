"""`rtmpose3d train`: trains a model on datasets, or on people rendered during the training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from rtmpose3d.cli.commands import train_options as options
from rtmpose3d.cli.options import expand_options
from rtmpose3d.cli.terminal import DebugOption, echo, reports_errors
from rtmpose3d.errors import InputError, import_extra
from rtmpose3d.zoo import PoseSpec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rtmpose3d.training import TrainingResult
    from rtmpose3d.training.recipes.mixtures import DatasetEntry
    from rtmpose3d.training.recipes.pose import NetworkPart
    from rtmpose3d.zoo import DetectorSpec

TRAIN_EXAMPLES = """
Examples:

- rtmpose3d train rtmw3d-l --data data/ --out runs/l --init dwpose-l.pth --init-parts backbone
- rtmpose3d train dwpose-m-256x192 --data data/ --out runs/s1 --distill stage1 --teacher l.pth --teacher-model rtmpose-l-256x192
- rtmpose3d train rtmw-l-384x288 --data data/ --out runs/w --dry-run
- rtmpose3d train rtmw3d-n --annotations mine.json --images photos/ --out runs/mine --init rtmw3d-n
- rtmpose3d train rtmw3d-n --assets makehuman/ --backdrops photos/ --out runs/n --minutes 60 --resume
- torchrun --nproc-per-node 8 -m rtmpose3d train rtmw3d-l --data data/ --out runs/l
"""  # noqa: E501
_NO_DATASETS = "none"


@reports_errors
@expand_options
def train(
    recipe: options.RecipeOption,
    out: options.OutOption,
    data: options.DataOption = None,
    annotations: options.AnnotationsOption = None,
    images: options.ImagesOption = None,
    validation_annotations: options.ValidationAnnotationsOption = None,
    datasets: options.DatasetsOption = None,
    validation_datasets: options.ValidationDatasetsOption = None,
    allow_missing: options.AllowMissingOption = False,
    on_bad: options.OnBadSampleOption = "raise",
    workers: options.WorkersOption = 2,
    assets: options.AssetsOption = None,
    backdrops: options.BackdropsOption = None,
    rendered_fraction: options.RenderedFractionOption = 0.4,
    rendered_per_batch: options.RenderedPerBatchOption = 4,
    pool_size: options.PoolSizeOption = 100_000,
    render_workers: options.RenderWorkersOption = 1,
    steps: options.StepsOption = None,
    batch_size: options.BatchSizeOption = None,
    learning_rate: options.LearningRateOption = None,
    precision: options.PrecisionOption = None,
    seed: options.SeedOption = None,
    checkpoint_every: options.CheckpointEveryOption = None,
    init: options.InitialOption = None,
    init_parts: options.InitialPartsOption = "backbone,neck,head",
    freeze: options.FreezeOption = None,
    distill: options.DistillOption = None,
    teacher: options.TeacherFileOption = None,
    teacher_model: options.TeacherModelOption = None,
    minutes: options.MinutesOption = None,
    resume: options.ResumeOption = False,
    device: options.DeviceOption = "auto",
    threads: options.ThreadsOption = None,
    tensorboard: options.TensorboardOption = False,
    dry_run: options.DryRunOption = False,
    debug: DebugOption = False,
) -> None:
    """Train a model on datasets, or on people rendered during the training.

    Writes to OUT: checkpoints to resume from, steps.csv and validation.csv, curves.png, sheets/ of
    predictions next to the ground truth, and at the end the model's .pth file. Ctrl-C stops after
    the current step, with a checkpoint. With torchrun, several processes share each batch. Needs
    the extra `torch`, for --assets also `synth`, for --tensorboard also `train`.
    """
    import_extra("torch", "train", "training")
    from rtmpose3d.training import InitialWeights, planning

    if data is None and annotations is None and assets is None:
        raise InputError(
            "a training needs --data (datasets), --annotations (your own) or --assets (rendering); "
            "they may be combined"
        )
    if annotations is None and (images is not None or validation_annotations is not None):
        raise InputError("--images and --validation-annotations need --annotations")
    in_files, rendering = None, None
    if data is not None or annotations is not None:
        entries, own = _with_own(_entries(datasets, "train"), annotations, images)
        held_out, own_held_out = _with_own(
            _entries(validation_datasets, "val"), validation_annotations, images, "val"
        )
        in_files = planning.DataOptions(
            folder=data,
            datasets=entries,
            validation=held_out,
            own=own,
            own_validation=own_held_out,
            allow_missing=allow_missing,
            on_bad=on_bad,
            workers=workers,
        )
    if assets is not None:
        rendering = planning.RenderOptions(
            assets=assets,
            backdrops=backdrops,
            rendered_per_batch=rendered_per_batch,
            pool_size=pool_size,
            workers=render_workers,
        )
    if in_files is not None and rendering is not None:
        source = planning.JointOptions(
            data=in_files, rendering=rendering, rendered_fraction=rendered_fraction
        )
    else:
        source = in_files or rendering
        assert source is not None
    parts = _parts(init_parts)
    plan = planning.plan_training(
        recipe,
        source,
        overrides=planning.RecipeOverrides(
            steps=steps,
            batch_size=batch_size,
            learning_rate=learning_rate,
            precision=precision,
            seed=seed,
            checkpoint_every=checkpoint_every,
        ),
        weights=planning.WeightOptions(
            initial=None if init is None else InitialWeights(path=_weights_file(init), parts=parts),
            frozen=None if freeze is None else _parts(freeze),
            distillation_stage=distill,
            teacher=teacher,
            teacher_model=teacher_model,
        ),
        dry_run=dry_run,
    )
    run = planning.TrainingOptions(
        out=out,
        minutes=minutes,
        resume=resume,
        tensorboard=tensorboard,
        device=device,
        threads=threads,
    )
    result = planning.run_plan(plan, run, typer.echo, dry_run=dry_run)
    if result is not None and result.weights.is_file():
        _print_next_steps(plan.recipe.model, result)


def _print_next_steps(model: PoseSpec | DetectorSpec, result: TrainingResult) -> None:
    """Prints what can be done with the file of a training, finished or not."""
    role = "model" if isinstance(model, PoseSpec) else "detector"
    prefix = "pose" if role == "model" else role
    options = f"--{role} {model.name} --{prefix}-checkpoint {result.weights}"
    echo(f"use it now: rtmpose3d predict IMAGE {options}")
    if not result.finished:
        echo("continue:   the same command with --resume")


def _entries(text: str | None, split: str) -> Sequence[DatasetEntry] | None:
    """Datasets of a comma-separated list.

    Raises:
        InputError: a repeat that is not a number.
    """
    from rtmpose3d.training.recipes.mixtures import parse_entry

    if text is None:
        return None
    names = [] if text == _NO_DATASETS else text.split(",")
    return [parse_entry(name.strip(), split) for name in names if name.strip()]


def _with_own(
    entries: Sequence[DatasetEntry] | None,
    annotations: Path | None,
    images: Path | None,
    split: str = "train",
) -> tuple[Sequence[DatasetEntry] | None, Sequence[DatasetEntry]]:
    """Datasets, and the entries of one's own file that is not among them.

    An entry `coco-style` stands for the file, so that it may be given a REPEAT.
    """
    if annotations is None:
        return entries, ()
    from rtmpose3d.data.own import COCO_STYLE
    from rtmpose3d.training.recipes.mixtures import DatasetEntry

    own = DatasetEntry(dataset=COCO_STYLE.name, split=split, annotations=annotations, images=images)
    if not any(entry.dataset == own.dataset for entry in entries or ()):
        return entries, (own,)
    return [
        replace(own, repeat=entry.repeat) if entry.dataset == own.dataset else entry
        for entry in entries or ()
    ], ()


def _parts(text: str) -> tuple[NetworkPart, ...]:
    """Network parts of a comma-separated list.

    Raises:
        UnknownNameError: there is no such part.
    """
    from rtmpose3d.training.recipes.pose import parse_parts

    return parse_parts(part.strip() for part in text.split(",") if part.strip())


def _weights_file(given: Path) -> Path:
    """The file that --init names: itself, or that of a model of the table.

    Raises:
        DownloadError: the model's file cannot be downloaded.
    """
    from rtmpose3d.weights import fetch
    from rtmpose3d.zoo import ALIASES, MODELS, resolve

    name = str(given).lower()
    if given.exists() or (name not in MODELS and name not in ALIASES):
        return given
    return fetch(resolve(name).file)
