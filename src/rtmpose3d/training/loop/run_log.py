"""`RunLogger`: writes logs, curves, sheets of predictions, checkpoints and the finished model.

Only the main process has one. With `tensorboard` the metrics are also written for TensorBoard
(extra `train`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Generic

from rtmpose3d.errors import import_extra
from rtmpose3d.sinks.images import write_image
from rtmpose3d.structures import Image
from rtmpose3d.structures.atomic import atomic_write, output_errors
from rtmpose3d.training.data.batches import B
from rtmpose3d.training.loop.checkpoint import RandomState, save_checkpoint, save_weights
from rtmpose3d.training.loop.curves import draw_curves
from rtmpose3d.training.loop.log import STEP_LOG, VALIDATION_LOG, CsvLog, read_log
from rtmpose3d.training.loop.task import TrainingTask
from rtmpose3d.training.recipes.base import Recipe
from rtmpose3d.training.recipes.document import recipe_json

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

# Names in the folder of a training.
CHECKPOINTS = "checkpoints"
SHEETS = "sheets"
TENSORBOARD = "tensorboard"
RECIPE = "recipe.json"
CURVES = "curves.png"


class RunLogger(Generic[B]):
    """Writer of all files of a training, from its current step on.

    Args:
        recipe: recipe of the training.
        task: what is trained.
        out: folder of all files; it must exist.
        validation: fixed batches to validate on.
        tensorboard: whether to write for TensorBoard, too.

    Attributes:
        metrics: metrics of the last validation.

    Raises:
        OutputError: a file cannot be written.
        MissingDependencyError: TensorBoard is not installed.
    """

    def __init__(
        self,
        recipe: Recipe,
        task: TrainingTask[B],
        out: Path,
        validation: Sequence[B],
        *,
        tensorboard: bool = False,
    ) -> None:
        self.recipe, self.task, self.out = recipe, task, out
        self.name, self.state = recipe.model.name, task.state
        self.validation = validation
        self.metrics: Mapping[str, float] = {}
        step = self.state.step
        self._steps = CsvLog(out / STEP_LOG, step)
        self._validations = CsvLog(out / VALIDATION_LOG, step)
        self._board = _open_board(out / TENSORBOARD, step) if tensorboard else None
        with atomic_write(out / RECIPE, "w") as file:
            file.write(recipe_json(recipe))

    def log_step(self, means: Mapping[str, float]) -> None:
        """Add a row of means to the log of steps."""
        step = self.state.step
        self._steps.add({"step": step, "minutes": self.state.minutes, **means})
        self._write_board("train", means)

    def checkpoint(self, others: Sequence[RandomState]) -> Path:
        """Write a checkpoint (`save_checkpoint`)."""
        return save_checkpoint(self.out / CHECKPOINTS, self.state, self._metadata(), others)

    def finish(self) -> Path:
        """Validate, and write the model's file."""
        self.validate()
        path = self.out / f"{self.name}.pth"
        save_weights(path, self.state.average, self._metadata())
        return path

    def validate(self) -> None:
        """Validate the averaged weights, log the metrics, draw curves and predictions."""
        if not self.validation:
            return
        step = self.state.step
        title = f"{self.name}, step {step:,}"
        self.metrics, sheet = self.task.validate(self.validation, title)
        self._validations.add({"step": step, "minutes": self.state.minutes, **self.metrics})
        self._write_board("validation", self.metrics)
        self._draw(sheet, title)

    def close(self) -> None:
        """Close TensorBoard's writer."""
        if self._board is not None:
            self._board.close()

    def _write_board(self, group: str, metrics: Mapping[str, float]) -> None:
        if self._board is not None:
            for name, value in metrics.items():
                self._board.add_scalar(f"{group}/{name}", value, self.state.step)
            self._board.flush()

    def _metadata(self) -> dict[str, str | float]:
        return {
            "model": self.name,
            "step": self.state.step,
            "steps": self.recipe.schedule.steps,
            "batch_size": self.recipe.batch_size,
            "minutes": self.state.minutes,
            "seed": self.recipe.seed,
            **self.metrics,
        }

    def _draw(self, sheet: Image, title: str) -> None:
        sheets = self.out / SHEETS
        with output_errors(sheets):
            sheets.mkdir(exist_ok=True)
        write_image(sheets / f"step_{self.state.step:08d}.jpg", sheet)
        logs = [self.out / STEP_LOG, self.out / VALIDATION_LOG]
        steps, validations = (read_log(path) if path.exists() else [] for path in logs)
        write_image(self.out / CURVES, draw_curves(self.task.panels, steps, validations, title))
        if self._board is not None:
            self._board.add_image(
                "predictions", sheet[..., ::-1].copy(), self.state.step, dataformats="HWC"
            )


def _open_board(folder: Path, step: int) -> SummaryWriter:
    """Open TensorBoard's writer; what it has of later steps is dropped.

    Raises:
        MissingDependencyError: TensorBoard is not installed.
        OutputError: the folder cannot be made.
    """
    import_extra("tensorboard", "train", "logging for TensorBoard")
    from torch.utils.tensorboard import SummaryWriter

    with output_errors(folder):
        return SummaryWriter(str(folder), purge_step=step + 1)
