"""`train`: one call that trains a pose model or a detector."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from rtmpose3d.errors import InputError
from rtmpose3d.training.data.batches import B, TrainingData
from rtmpose3d.training.detector.task import DetectorTask, prepare_detector
from rtmpose3d.training.loop.distributed import open_engine
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.run_folder import open_run
from rtmpose3d.training.loop.task import TrainingTask
from rtmpose3d.training.loop.trainer import TrainingResult, run_training
from rtmpose3d.training.pose.initialization import InitialWeights
from rtmpose3d.training.pose.task import PoseTask, prepare_pose
from rtmpose3d.training.recipes.detector import DetectorRecipe
from rtmpose3d.training.recipes.pose import NETWORK_PARTS, PoseRecipe


def train(
    recipe: PoseRecipe | DetectorRecipe,
    data: TrainingData[B],
    out: str | Path,
    *,
    engine: Engine | None = None,
    initial: InitialWeights | None = None,
    teacher: Path | None = None,
    minutes: float | None = None,
    resume: bool = False,
    progress: bool = False,
    tensorboard: bool = False,
) -> TrainingResult:
    """Train a pose model or a detector, from the start or from the checkpoint in `out`.

    Args:
        recipe: configuration of the training.
        data: batches to train and to validate on, e.g. from `load_datasets`.
        out: folder of all output; made if missing.
        engine: device and processes; None: opened for this training (`open_engine`).
        initial: weights to initialize from; ignored when resuming.
        teacher: weights of the teacher of the recipe's distillation; also needed to resume.
        minutes: time limit, after which the training stops with a checkpoint. The learning rate
            schedule depends on the recipe's steps only.
        resume: continue from the checkpoint in `out`, if there is one.
        progress: whether to draw a progress bar on the terminal.
        tensorboard: whether to write the metrics for TensorBoard, too (extra `train`).

    Returns:
        Result of the training, or of this piece of it.

    Raises:
        InputError: `out` has a training and `resume` is not set; the batch cannot be divided among
            the processes; a teacher without distillation or the reverse.
        WeightsError: a file does not fit its model.
        OutputError: the folder cannot be written.
        RTMPose3DError: the loss is not finite, and the batch has been saved; or another process
            failed, which the message names.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint of the last finished step.
    """
    own_engine = None
    if engine is None:
        engine = own_engine = open_engine(
            precision=recipe.precision, channels_last=recipe.channels_last
        )
    try:
        with open_run(recipe, Path(out), engine, resume=resume):
            task = prepare_task(recipe, engine, initial, teacher)
            return run_training(
                recipe,
                cast("TrainingTask[B]", task),
                data,
                Path(out),
                engine=engine,
                minutes=minutes,
                resume=resume,
                progress=progress,
                tensorboard=tensorboard,
            )
    finally:
        if own_engine is not None:
            own_engine.close()


def prepare_task(
    recipe: PoseRecipe | DetectorRecipe,
    engine: Engine,
    initial: InitialWeights | None = None,
    teacher: Path | None = None,
) -> PoseTask | DetectorTask:
    """Build the task of a recipe: network, weight average, optimizer, losses.

    Raises:
        InputError: weights of single parts, or a teacher, for a detector; see `prepare_pose`.
        WeightsError: a file does not fit its model.
    """
    if isinstance(recipe, PoseRecipe):
        return prepare_pose(recipe, engine, initial, teacher)
    if teacher is not None or (initial is not None and set(initial.parts) != set(NETWORK_PARTS)):
        raise InputError(
            f"{recipe.model.name}: distillation and weights of single parts are available for "
            "pose models only"
        )
    return prepare_detector(recipe, engine, None if initial is None else initial.path)
