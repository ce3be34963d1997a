"""`rtmpose3d train`: train a model on datasets, or on people rendered while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rtmpose3d.cli import train_options as options
from rtmpose3d.cli.terminal import DebugOption, reports_errors
from rtmpose3d.errors import InputError, import_extra

if TYPE_CHECKING:
    from rtmpose3d.cli.train_plan import PoseJob
    from rtmpose3d.synth import WorldSettings
    from rtmpose3d.training.data.batches import PoseBatch
    from rtmpose3d.training.loop.engine import Engine
    from rtmpose3d.training.loop.trainer import TrainingData, TrainingResult
    from rtmpose3d.training.recipes.base import Recipe
    from rtmpose3d.training.recipes.detector import DetectorRecipe

TRAIN_EXAMPLES = """
Examples:

- rtmpose3d train rtmw3d-l --data data/ --out runs/l --init dwpose-l.pth --init-parts backbone
- rtmpose3d train dwpose-m-256x192 --data data/ --out runs/s1 --distill stage1 --teacher l.pth --teacher-model rtmpose-l-256x192
- rtmpose3d train rtmw-l-384x288 --data data/ --out runs/w --dry-run
- rtmpose3d train rtmw3d-n --assets makehuman/ --backdrops photos/ --out runs/n --minutes 60 --resume
- torchrun --nproc-per-node 8 -m rtmpose3d train rtmw3d-l --data data/ --out runs/l
"""  # noqa: E501


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """What is rendered while a training runs."""

    assets: Path
    backdrops: Path | None
    fresh: int
    pool: int
    workers: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a training runs."""

    out: Path
    minutes: float | None
    resume: bool
    tensorboard: bool
    device: str
    threads: int | None

    def engine(self, recipe: Recipe) -> Engine:
        """Where it runs.

        Raises:
            BackendError: the device is not there.
        """
        import torch

        from rtmpose3d.training.loop.engine import open_engine

        engine = open_engine(
            self.device, precision=recipe.precision, channels_last=recipe.channels_last
        )
        if self.threads is not None:
            torch.set_num_threads(self.threads)  # after accelerate has set its own number
        return engine


@reports_errors
def train(
    recipe: options.Recipe,
    out: options.Out,
    data: options.Data = None,
    datasets: options.Datasets = None,
    validation_sets: options.ValidationSets = None,
    allow_missing: options.AllowMissing = False,
    bad_samples: options.BadSamples = "raise",
    workers: options.Workers = 2,
    assets: options.Assets = None,
    backdrops: options.Backdrops = None,
    fresh: options.Fresh = 4,
    pool: options.Pool = 100_000,
    render_workers: options.RenderWorkers = 1,
    steps: options.Steps = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    precision: options.Precision = None,
    seed: options.Seed = None,
    every: options.Every = None,
    init: options.Initial = None,
    init_parts: options.InitialParts = "backbone,neck,head",
    freeze: options.Freeze = None,
    distill: options.Distill = None,
    teacher: options.TeacherFile = None,
    teacher_model: options.TeacherModel = None,
    minutes: options.Minutes = None,
    resume: options.Resume = False,
    device: options.Device = "auto",
    threads: options.Threads = None,
    tensorboard: options.Tensorboard = False,
    dry_run: options.DryRun = False,
    debug: DebugOption = False,
) -> None:
    """Train a model on datasets, or on people rendered while it runs; on one device or many.

    Writes into OUT: checkpoints to resume from, steps.csv and validation.csv, curves.png,
    sheets/ with predictions beside the truth, and at the end the model's .pth file. Ctrl-C stops
    after the step at hand, with a checkpoint. With torchrun, several processes share each batch.
    Needs the extra `torch`, for --assets also `synth`, for several processes and --tensorboard
    also `train`.
    """
    import_extra("torch", "train", "training")
    from rtmpose3d.cli.train_plan import Changes, Files, Weights, detector_recipe, pose_job
    from rtmpose3d.training.recipes.detector import DETECTOR_RECIPES

    if (data is None) == (assets is None):
        raise InputError("a training needs --data (files) or --assets (rendered), one of the two")
    changes = Changes(
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        precision=precision,
        seed=seed,
        every=every,
    )
    rendering = None
    if assets is not None:
        rendering = Rendering(
            assets=assets, backdrops=backdrops, fresh=fresh, pool=pool, workers=render_workers
        )
    run = Run(
        out=out,
        minutes=minutes,
        resume=resume,
        tensorboard=tensorboard,
        device=device,
        threads=threads,
    )
    weights = Weights(
        initial=init,
        initial_parts=init_parts,
        frozen=freeze,
        distill=distill,
        teacher=teacher,
        teacher_model=teacher_model,
    )
    if recipe in DETECTOR_RECIPES:
        if rendering is None:
            raise InputError(f"{recipe} is trained with --assets")
        chosen = detector_recipe(recipe, changes, weights)
        _run_detector(chosen, init, rendering, run, dry_run)
        return
    files = None
    if data is not None:
        files = Files(
            folder=data,
            datasets=datasets,
            validation_sets=validation_sets,
            allow_missing=allow_missing,
            bad_samples=bad_samples,
            workers=workers,
        )
    job = pose_job(recipe, changes, files, weights, listing_only=dry_run)
    _run_pose(job, rendering, run, dry_run)


def _run_pose(job: PoseJob, rendering: Rendering | None, run: Run, dry_run: bool) -> None:
    from rtmpose3d.cli.train_plan import lines_of_job
    from rtmpose3d.training.pose.loop import train_pose

    def plan(engine: Engine) -> list[str]:
        return lines_of_job(job, engine)

    def work(engine: Engine) -> TrainingResult:
        data = job.data(engine) if rendering is None else _rendered(job, rendering, run, engine)
        return train_pose(
            job.recipe,
            data,
            run.out,
            engine=engine,
            initial=job.initial,
            teacher=job.teacher,
            minutes=run.minutes,
            resume=run.resume,
            progress=True,
            tensorboard=run.tensorboard,
        )

    _carry_out(job.recipe, run, plan, partial(job.check, listing_only=dry_run), work, dry_run)


def _carry_out(
    recipe: Recipe,
    run: Run,
    plan: Callable[[Engine], list[str]],
    ready: Callable[[], None],
    work: Callable[[Engine], TrainingResult],
    dry_run: bool,
) -> None:
    """Say what is going to happen, do it, and say how it ended; the first process speaks.

    Args:
        recipe: of the training.
        run: how it runs.
        plan: lines of what is going to happen.
        ready: raises if something for it is missing.
        work: trains.
        dry_run: whether to stop before that.
    """
    from rtmpose3d.training.loop.trainer import check

    engine = run.engine(recipe)
    try:
        if engine.first:
            typer.echo("\n".join([*plan(engine), *_lines_of_run(run)]))
        ready()
        if dry_run:
            return
        check(recipe, run.out, engine, run.resume)  # before minutes of rendering
        result = work(engine)
        if engine.first:
            typer.echo(_result_text(result))
    finally:
        engine.close()


def _rendered(
    job: PoseJob, rendering: Rendering, run: Run, engine: Engine
) -> TrainingData[PoseBatch]:
    """Batches of people rendered while the training runs.

    Raises:
        InputError: a folder is not there; a pool that is too small.
    """
    from rtmpose3d.training.data import rendered

    recipe = job.recipe
    if min(rendering.fresh, recipe.batch_size) > max(rendering.pool, 1) and (
        rendering.fresh < recipe.batch_size
    ):
        raise InputError(
            f"--pool {rendering.pool} holds not even the {rendering.fresh} crops of --fresh"
        )
    train_world, validation_world = _worlds(rendering, recipe.seed)
    return rendered.streamed_data(
        recipe,
        train_world,
        validation_world,
        run.out,
        plan=rendered.PoolPlan(
            fresh=rendering.fresh, crops=rendering.pool, start=min(2_000, rendering.pool)
        ),
        render_workers=rendering.workers,
        validation_crops=rendered.VALIDATION_CROPS if engine.first else 0,
    )


def _run_detector(
    recipe: DetectorRecipe, initial: Path | None, rendering: Rendering, run: Run, dry_run: bool
) -> None:
    from rtmpose3d.cli.train_plan import lines_of_recipe
    from rtmpose3d.training.detector import rendered
    from rtmpose3d.training.detector.loop import train_detector

    def plan(engine: Engine) -> list[str]:
        begins = [] if initial is None else [f"begins     with {initial}"]
        return [*lines_of_recipe(recipe, engine), *begins]

    def work(engine: Engine) -> TrainingResult:
        train_world, validation_world = _worlds(rendering, recipe.seed)
        data = rendered.streamed_data(
            recipe,
            train_world,
            validation_world,
            render_workers=rendering.workers,
            validation_images=rendered.VALIDATION_IMAGES if engine.first else 0,
        )
        return train_detector(
            recipe,
            data,
            run.out,
            engine=engine,
            initial=initial,
            minutes=run.minutes,
            resume=run.resume,
            progress=True,
            tensorboard=run.tensorboard,
        )

    _carry_out(recipe, run, plan, lambda: None, work, dry_run)


def _worlds(rendering: Rendering, seed: int) -> tuple[WorldSettings, WorldSettings]:
    """What is rendered to train on, and to validate on.

    Raises:
        InputError: a folder is not there.
        MissingDependencyError: the extra `synth` is not installed.
    """
    folders = (("--assets", rendering.assets), ("--backdrops", rendering.backdrops))
    for option, folder in folders:
        if folder is not None and not folder.is_dir():
            raise InputError(f"{option} {folder} is no folder")
    import_extra("moderngl", "synth", "rendering")
    from rtmpose3d.synth import WorldSettings, makehuman_people

    train_world = WorldSettings(
        assets=rendering.assets,
        make_people=makehuman_people,
        backdrops=rendering.backdrops,
        seed=seed,
    )
    return train_world, replace(train_world, split="val", seed=0)


def _lines_of_run(run: Run) -> list[str]:
    minutes = "when done" if run.minutes is None else f"when done or after {run.minutes:g} min"
    return [
        f"out        {run.out}" + (", resumed if it holds a training" if run.resume else ""),
        f"stops      {minutes}",
    ]


def _result_text(result: TrainingResult) -> str:
    how = "finished" if result.finished else "stopped; go on with --resume"
    figures = ", ".join(
        f"{name} {value:.3g}"
        for name, value in result.figures.items()
        if name.startswith(("pck10", "mpjpe", "ap", "recall", "precision")) and value == value
    )
    return f"{how} at step {result.step:,}: {result.weights}" + (f"\n{figures}" if figures else "")
