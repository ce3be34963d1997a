"""Training of detectors: `train_detector`."""

from __future__ import annotations

from pathlib import Path

from rtmpose3d.training.detector.images import DetectorBatch
from rtmpose3d.training.detector.task import prepare_detector
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.trainer import TrainingData, TrainingResult, check, train
from rtmpose3d.training.recipes.detector import DetectorRecipe


def train_detector(
    recipe: DetectorRecipe,
    data: TrainingData[DetectorBatch],
    out: Path,
    *,
    engine: Engine,
    initial: Path | None = None,
    minutes: float | None = None,
    resume: bool = False,
    progress: bool = False,
    tensorboard: bool = False,
) -> TrainingResult:
    """Train a detector, from the start or from where a training in `out` stopped.

    Args:
        recipe: what to do.
        data: sources of batches.
        out: folder of everything that is written; made if it is not there.
        engine: where it runs.
        initial: .pth or .safetensors file of the weights to begin with, of any input size; a
            resumed training goes on with its own.
        minutes: stop after so long, with a checkpoint; the schedule goes by the recipe's steps.
        resume: continue the training in `out`; without one there, begin.
        progress: draw a bar on the terminal.
        tensorboard: also write the figures for TensorBoard.

    Returns:
        See `train`.

    Raises:
        InputError: there is a training in `out` and `resume` is not set; see `check`.
        WeightsError: the given file does not fit the model.
        OutputError, RTMPose3DError, KeyboardInterrupt: see `train`.
    """
    check(recipe, out, engine, resume)
    return train(
        recipe,
        prepare_detector(recipe, engine, initial),
        data,
        out,
        engine=engine,
        minutes=minutes,
        resume=resume,
        progress=progress,
        tensorboard=tensorboard,
    )
