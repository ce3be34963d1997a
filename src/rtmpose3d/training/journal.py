"""What a training writes: logs, curves, sheets of predictions, checkpoints, the finished model.

One process writes; the others have no `Journal`. With `tensorboard` the figures also go where
TensorBoard reads them (extra `train`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rtmpose3d.errors import import_extra
from rtmpose3d.models.graph import PoseGraph
from rtmpose3d.structures.atomic import atomic_write, output_errors
from rtmpose3d.training.checkpointing import (
    RandomNumbers,
    save_checkpoint,
    save_weights,
)
from rtmpose3d.training.curves import draw_curves
from rtmpose3d.training.data import PoseBatch
from rtmpose3d.training.log import STEP_LOG, VALIDATION_LOG, CsvLog, read_log
from rtmpose3d.training.preparation import Prepared
from rtmpose3d.training.recipe import PoseRecipe
from rtmpose3d.training.sheets import draw_sheet, write_picture
from rtmpose3d.training.validation import Predictions, validate

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

CHECKPOINTS = "checkpoints"  # folder within that of the training
TENSORBOARD = "tensorboard"  # likewise


class Journal:
    """The files of one training, from the step that it stands at.

    Args:
        recipe: of the training.
        prepared: what it works with.
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
        recipe: PoseRecipe,
        prepared: Prepared,
        out: Path,
        validation: Sequence[PoseBatch],
        *,
        tensorboard: bool = False,
    ) -> None:
        self.recipe, self.prepared, self.out = recipe, prepared, out
        self.spec, self.state = recipe.model, prepared.state
        self.validation = validation
        self.graph = PoseGraph(prepared.average, self.spec).to(prepared.losses.engine.device).eval()
        self.figures: dict[str, float] = {}
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
        path = self.out / f"{self.spec.name}.pth"
        save_weights(path, self.state.average, self._about())
        return path

    def validate(self) -> None:
        """Measure the averaged weights, log it, draw curves and a sheet of predictions."""
        if not self.validation:
            return
        self.state.average.copy_to(self.prepared.average)
        self.figures, found = validate(self.graph, self.spec, self.validation)
        step = self.state.step
        self._validations.add({"step": step, "minutes": self.state.minutes, **self.figures})
        self._show("validation", self.figures)
        self._draw(found)

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
            "model": self.spec.name,
            "step": self.state.step,
            "steps": self.recipe.schedule.steps,
            "batch_size": self.recipe.batch_size,
            "minutes": self.state.minutes,
            "seed": self.recipe.seed,
            **self.figures,
        }

    def _draw(self, found: Sequence[Predictions]) -> None:
        title = f"{self.spec.name}, step {self.state.step:,}"
        sheets = self.out / "sheets"
        with output_errors(sheets):
            sheets.mkdir(exist_ok=True)
        sheet = draw_sheet(self.validation, found, title)
        write_picture(sheets / f"step_{self.state.step:08d}.jpg", sheet)
        logs = [self.out / STEP_LOG, self.out / VALIDATION_LOG]
        steps, validations = (read_log(path) if path.exists() else [] for path in logs)
        write_picture(self.out / "curves.png", draw_curves(steps, validations, title))
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
