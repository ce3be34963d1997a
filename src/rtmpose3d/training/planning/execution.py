"""Execution of a planned training: `run_plan`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch

from rtmpose3d.errors import InputError, import_extra
from rtmpose3d.training.data.batches import TrainingData
from rtmpose3d.training.data.datasets import mixture_data
from rtmpose3d.training.data.joint import joint_data
from rtmpose3d.training.data.pose_batches import VALIDATION_CROPS, PoseBatch
from rtmpose3d.training.detector.images import DetectorBatch
from rtmpose3d.training.loop.distributed import open_engine
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.run_folder import open_run
from rtmpose3d.training.loop.task import TrainingTask
from rtmpose3d.training.loop.trainer import TrainingResult, run_training
from rtmpose3d.training.planning.description import describe_plan
from rtmpose3d.training.planning.plan import (
    DataOptions,
    JointOptions,
    RenderOptions,
    TrainingPlan,
)
from rtmpose3d.training.recipes.detector import DetectorRecipe
from rtmpose3d.training.recipes.pose import PoseRecipe
from rtmpose3d.training.running import prepare_task

if TYPE_CHECKING:
    from rtmpose3d.synth import WorldSettings

_INITIAL_POOL = 2_000  # crops that are rendered before the first step
_INITIAL_JOINT_POOL = 640  # the same, where datasets are a part of the batches


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Output, limits and device of a training.

    Attributes:
        out: folder of all output.
        minutes: time limit, after which the training stops with a checkpoint.
        resume: continue from the checkpoint in `out`, if there is one.
        tensorboard: whether to write the metrics for TensorBoard, too.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        threads: number of CPU threads of the network; None: torch's choice.
    """

    out: Path
    minutes: float | None = None
    resume: bool = False
    tensorboard: bool = False
    device: str = "auto"
    threads: int | None = None


def run_plan(
    plan: TrainingPlan,
    run: TrainingOptions,
    report: Callable[[str], None],
    *,
    dry_run: bool = False,
) -> TrainingResult | None:
    """Describe a plan, check it, and train.

    Args:
        plan: planned training.
        run: output, limits and device.
        report: receives the description and the result, in the main process only.
        dry_run: whether to stop after the description.

    Returns:
        Result of the training; None for a dry run.

    Raises:
        InputError: data is missing; there is a training in the folder that is not to be resumed.
        BackendError: the device is not available.
        RTMPose3DError: errors of the training (`train`).
    """
    recipe = plan.recipe
    engine = open_engine(run.device, precision=recipe.precision, channels_last=recipe.channels_last)
    if run.threads is not None:
        torch.set_num_threads(run.threads)
    try:
        if engine.is_main:
            report("\n".join([*describe_plan(plan, engine), *_run_lines(run)]))
        plan.check_data()
        if dry_run:
            return None
        with open_run(recipe, run.out, engine, resume=run.resume):  # before minutes of rendering
            if engine.is_main and isinstance(plan.source, RenderOptions):
                report("           images to validate on are rendered first")
            result = _train(plan, run, engine)
        if engine.is_main:
            report(_result_text(result))
        return result
    finally:
        engine.close()


def _train(plan: TrainingPlan, run: TrainingOptions, engine: Engine) -> TrainingResult:
    skipped = [text for d in (*plan.datasets, *plan.validation) for text in d.skipped]
    data = replace(_load_data(plan, run.out, engine), skipped=skipped)
    task = prepare_task(plan.recipe, engine, plan.initial, plan.teacher)
    return run_training(
        plan.recipe,
        cast("TrainingTask[PoseBatch | DetectorBatch]", task),
        cast("TrainingData[PoseBatch | DetectorBatch]", data),
        run.out,
        engine=engine,
        minutes=run.minutes,
        resume=run.resume,
        progress=True,
        tensorboard=run.tensorboard,
    )


def _load_data(
    plan: TrainingPlan, out: Path, engine: Engine
) -> TrainingData[PoseBatch] | TrainingData[DetectorBatch]:
    """Data of the plan; only the main process validates.

    Raises:
        InputError: all datasets are missing; a pool that is too small.
        MissingDependencyError: the extra `synth` is not installed.
    """
    recipe, source = plan.recipe, plan.source
    if isinstance(recipe, DetectorRecipe):
        return _detector_images(recipe, plan, engine)
    crops = []
    batch_size = recipe.batch_size
    rendering = plan.rendering
    if rendering is not None:
        rendered = batch_size
        if isinstance(source, JointOptions):
            rendered = source.rendered_crops(batch_size)
        own = replace(recipe, batch_size=rendered)
        pool = _INITIAL_JOINT_POOL if isinstance(source, JointOptions) else _INITIAL_POOL
        crops.append(_rendered_crops(own, rendering, out, engine, pool))
        batch_size -= rendered
    data = plan.data
    if data is not None:
        crops.append(
            mixture_data(
                replace(recipe, batch_size=batch_size),
                plan.datasets,
                plan.validation,
                on_bad=data.on_bad,
                workers=data.workers if rendering is None else 0,  # a renderer is not shared
                validation_crops=VALIDATION_CROPS if engine.is_main else 0,
            )
        )
    patches = any(
        stage.photometric is not None and stage.photometric.patch_prob
        for stage in (recipe.stage1, recipe.stage2)
    )
    return joint_data(recipe, crops) if len(crops) > 1 or patches else crops[0]


def _detector_images(
    recipe: DetectorRecipe, plan: TrainingPlan, engine: Engine
) -> TrainingData[DetectorBatch]:
    """Images of datasets, rendered scenes, or both."""
    from rtmpose3d.training.detector.datasets import dataset_boxes, dataset_images

    source, rendering = plan.source, plan.rendering
    found = [dataset for dataset in plan.datasets if dataset.records is not None]
    labels = [one for dataset in found for one in dataset_boxes(dataset)]
    if rendering is None:
        workers = source.workers if isinstance(source, DataOptions) else 0
        return dataset_images(recipe, labels, workers=workers)
    from rtmpose3d.training.detector.rendered import VALIDATION_IMAGES, rendered_scenes

    train_world, validation_world = _worlds(rendering, recipe.seed)
    return rendered_scenes(
        recipe,
        train_world,
        validation_world,
        real=labels,
        rendered_fraction=source.rendered_fraction if isinstance(source, JointOptions) else 1.0,
        render_workers=rendering.workers,
        validation_images=VALIDATION_IMAGES if engine.is_main else 0,
    )


def _rendered_crops(
    recipe: PoseRecipe,
    source: RenderOptions,
    out: Path,
    engine: Engine,
    initial_pool: int = _INITIAL_POOL,
) -> TrainingData[PoseBatch]:
    from rtmpose3d.training.data.rendered import PoolSettings, rendered_crops

    new, size = source.rendered_per_batch, source.pool_size
    if new < recipe.batch_size and new > max(size, 1):
        raise InputError(f"a pool of {size} crops is too small for {new} rendered crops per batch")
    train_world, validation_world = _worlds(source, recipe.seed)
    return rendered_crops(
        recipe,
        train_world,
        validation_world,
        out,
        pool=PoolSettings(rendered_per_batch=new, size=size, initial_size=min(initial_pool, size)),
        render_workers=source.workers,
        validation_crops=VALIDATION_CROPS if engine.is_main else 0,
    )


def _worlds(source: RenderOptions, seed: int) -> tuple[WorldSettings, WorldSettings]:
    """Worlds to train and to validate on.

    Raises:
        MissingDependencyError: the extra `synth` is not installed.
    """
    import_extra("moderngl", "synth", "rendering")
    from rtmpose3d.synth import WorldSettings, makehuman_people

    world = WorldSettings(
        assets=source.assets,
        make_people=makehuman_people,
        backdrops=source.backdrops,
        seed=seed,
    )
    return world, replace(world, split="val", seed=0)


def _run_lines(run: TrainingOptions) -> list[str]:
    limit = "" if run.minutes is None else f" or after {run.minutes:g} min"
    resumed = ", resumed if it has a checkpoint" if run.resume else ""
    return [f"out        {run.out}{resumed}", f"stops      after the last step{limit}"]


def _result_text(result: TrainingResult) -> str:
    state = "finished" if result.finished else "stopped, to be resumed"
    if result.finished and not result.new_steps:
        state = "was finished already"
    metrics = ", ".join(
        f"{name} {value:.3g}"
        for name, value in result.metrics.items()
        if name.startswith(("pck10", "mpjpe", "ap", "recall", "precision")) and value == value
    )
    return f"{state} at step {result.step:,}: {result.weights}" + (
        f"\n{metrics}" if metrics else ""
    )
