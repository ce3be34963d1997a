"""What a training writes: logs, curves, sheets of predictions, checkpoints, the finished model.

One process writes; the others have no `Journal`. With `tensorboard` the figures also go where
TensorBoard reads them (extra `train`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Generic

from rtmpose3d.errors import import_extra
from rtmpose3d.sinks.images import write_image
from rtmpose3d.structures import Image
from rtmpose3d.structures.atomic import atomic_write, output_errors
from rtmpose3d.training.loop.checkpoint import (
    RandomNumbers,
    save_checkpoint,
    save_weights,
)
from rtmpose3d.training.loop.curves import draw_curves
from rtmpose3d.training.loop.log import STEP_LOG, VALIDATION_LOG, CsvLog, read_log
from rtmpose3d.training.loop.task import B, Task
from rtmpose3d.training.recipes.base import Recipe

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

CHECKPOINTS = "checkpoints"  # folder within that of the training
TENSORBOARD = "tensorboard"  # likewise


class Journal(Generic[B]):
    """The files of one training, from the step that it stands at.

    Args:
        recipe: of the training.
        task: what is trained.
        out: folder of all files; it must exist.
        validation: fixed batches.
        tensorboard: whether to write for TensorBoard, too.

    Attributes:
        figures: of the last validation.

    Raises:
        OutputError: a file cannot be written.
        MissingDependencyError: TensorBoard is not installed.
    """

    def __init__(
        self,
        recipe: Recipe,
        task: Task[B],
        out: Path,
        validation: Sequence[B],
        *,
        tensorboard: bool = False,
    ) -> None:
        self.recipe, self.task, self.out = recipe, task, out
        self.name, self.state = recipe.model.name, task.state
        self.validation = validation
        self.figures: Mapping[str, float] = {}
        step = self.state.step
        self._steps = CsvLog(out / STEP_LOG, step)
        self._validations = CsvLog(out / VALIDATION_LOG, step)
        self._board = _open_board(out / TENSORBOARD, step) if tensorboard else None
        with atomic_write(out / "recipe.txt", "w") as file:
            file.write(f"{recipe}\n")

    def log_step(self, means: Mapping[str, float]) -> None:
        """Add a row of figures to the log of steps."""
        step = self.state.step
        self._steps.add({"step": step, "minutes": self.state.minutes, **means})
        self._show("train", means)

    def checkpoint(self, others: Sequence[RandomNumbers]) -> Path:
        """Save all that a resumed training needs; see `save_checkpoint`."""
        return save_checkpoint(self.out / CHECKPOINTS, self.state, self._about(), others)

    def finish(self) -> Path:
        """Validate, and write the model's file."""
        self.validate()
        path = self.out / f"{self.name}.pth"
        save_weights(path, self.state.average, self._about())
        return path

    def validate(self) -> None:
        """Measure the averaged weights, log it, draw curves and a sheet of predictions."""
        if not self.validation:
            return
        step = self.state.step
        title = f"{self.name}, step {step:,}"
        self.figures, sheet = self.task.validate(self.validation, title)
        self._validations.add({"step": step, "minutes": self.state.minutes, **self.figures})
        self._show("validation", self.figures)
        self._draw(sheet, title)

    def close(self) -> None:
        """End what is still being written."""
        if self._board is not None:
            self._board.close()

    def _show(self, group: str, figures: Mapping[str, float]) -> None:
        if self._board is not None:
            for name, value in figures.items():
                self._board.add_scalar(f"{group}/{name}", value, self.state.step)
            self._board.flush()

    def _about(self) -> dict[str, str | float]:
        return {
            "model": self.name,
            "step": self.state.step,
            "steps": self.recipe.schedule.steps,
            "batch_size": self.recipe.batch_size,
            "minutes": self.state.minutes,
            "seed": self.recipe.seed,
            **self.figures,
        }

    def _draw(self, sheet: Image, title: str) -> None:
        sheets = self.out / "sheets"
        with output_errors(sheets):
            sheets.mkdir(exist_ok=True)
        write_image(sheets / f"step_{self.state.step:08d}.jpg", sheet)
        logs = [self.out / STEP_LOG, self.out / VALIDATION_LOG]
        steps, validations = (read_log(path) if path.exists() else [] for path in logs)
        write_image(
            self.out / "curves.png", draw_curves(self.task.panels, steps, validations, title)
        )
        if self._board is not None:
            self._board.add_image(
                "predictions", sheet[..., ::-1].copy(), self.state.step, dataformats="HWC"
            )


def _open_board(folder: Path, step: int) -> SummaryWriter:
    """TensorBoard's writer; what it was told of later steps is dropped.

    Raises:
        MissingDependencyError: it is not installed.
        OutputError: the folder cannot be made.
    """
    import_extra("tensorboard", "train", "--tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    with output_errors(folder):
        return SummaryWriter(str(folder), purge_step=step + 1)
