"""Training of pose models: `train_pose`."""

from __future__ import annotations

from pathlib import Path

from rtmpose3d.training.data.batches import PoseBatch
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.trainer import TrainingData, TrainingResult, check, train
from rtmpose3d.training.pose.initialization import InitialWeights
from rtmpose3d.training.pose.task import prepare
from rtmpose3d.training.recipes.base import PoseRecipe


def train_pose(
    recipe: PoseRecipe,
    data: TrainingData[PoseBatch],
    out: Path,
    *,
    engine: Engine,
    initial: InitialWeights | None = None,
    teacher: Path | None = None,
    minutes: float | None = None,
    resume: bool = False,
    progress: bool = False,
    tensorboard: bool = False,
) -> TrainingResult:
    """Train a pose model, from the start or from where a training in `out` stopped.

    Args:
        recipe: what to do.
        data: sources of batches.
        out: folder of everything that is written; made if it is not there.
        engine: where it runs.
        initial: weights to begin with; a resumed training goes on with its own.
        teacher: file of the weights of the recipe's distillation, also needed to resume.
        minutes: stop after so long, with a checkpoint; the schedule goes by the recipe's steps.
        resume: continue the training in `out`; without one there, begin.
        progress: draw a bar on the terminal.
        tensorboard: also write the figures for TensorBoard.

    Returns:
        See `train`.

    Raises:
        InputError: there is a training in `out` and `resume` is not set; see `check`, `prepare`.
        WeightsError: a given file does not fit its model.
        OutputError, RTMPose3DError, KeyboardInterrupt: see `train`.
    """
    check(recipe, out, engine, resume)
    return train(
        recipe,
        prepare(recipe, engine, initial, teacher),
        data,
        out,
        engine=engine,
        minutes=minutes,
        resume=resume,
        progress=progress,
        tensorboard=tensorboard,
    )
