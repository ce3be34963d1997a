"""The training loop of detectors: `train_detector`.

In: a recipe, sources of batches, a folder. Out: in that folder what `train_pose` writes, too:
checkpoints, logs, curves, sheets, at the end the model's .pth file. A training may be stopped at
any step and resumed; it then continues bit for bit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch

from rtmpose3d.errors import RTMPose3DError
from rtmpose3d.models.graph import DetectorGraph, Normalise
from rtmpose3d.models.rtmdet import RTMDet
from rtmpose3d.structures import Detections
from rtmpose3d.structures.atomic import atomic_write, output_errors
from rtmpose3d.training.beginning import load_whole
from rtmpose3d.training.checkpointing import (
    TrainingState,
    load_checkpoint,
    save_checkpoint,
    save_weights,
)
from rtmpose3d.training.curves import Panel, draw_panel
from rtmpose3d.training.detector.losses import DetectorLosses, detector_losses, pad_people
from rtmpose3d.training.detector.pictures import DetectorBatch
from rtmpose3d.training.detector.recipes import DetectorRecipe
from rtmpose3d.training.detector.validation import (
    GraphSession,
    draw_detections,
    validate_detector,
)
from rtmpose3d.training.ema import WeightAverage
from rtmpose3d.training.engine import Engine
from rtmpose3d.training.journal import CHECKPOINTS
from rtmpose3d.training.loading import OpenSource, load_batches
from rtmpose3d.training.log import STEP_LOG, VALIDATION_LOG, CsvLog, read_log
from rtmpose3d.training.loop import TrainingResult, check_out
from rtmpose3d.training.progress import Meter, Progress, StopSignals
from rtmpose3d.training.schedule import optimizer_groups
from rtmpose3d.training.sheets import write_picture

logger = logging.getLogger(__name__)

STEP_PANELS = (
    Panel(
        title="loss",
        columns={"loss": "all", "score_loss": "scores", "box_loss": "boxes"},
        logarithmic=True,
    ),
    Panel(title="IoU of the cells that learn", columns={"mean_iou": ""}),
    Panel(title="learning rate", columns={"learning_rate": ""}),
    Panel(title="pictures a second", columns={"images_per_s": ""}),
)
VALIDATION_PANELS = (
    Panel(title="AP (validation)", columns={"ap": "AP", "ap50": "AP@.5"}),
    Panel(title="score 0.3 (validation)", columns={"recall": "recall", "precision": "precision"}),
)


class DetectorBatchSource(Protocol):
    """Whatever makes batches. The same index gives the same batch."""

    def batch(self, index: int) -> DetectorBatch:
        """Batch number `index`, from 0."""
        ...


@dataclass(frozen=True, kw_only=True)
class DetectorData:
    """Where batches come from.

    Attributes:
        open_stage: makes the source of stage 1 or 2, where it runs (see `load_batches`).
        validation: fixed batches, the same through the whole training.
        workers: processes that make batches; 0: a thread.
    """

    open_stage: Callable[[int], DetectorBatchSource]
    validation: Sequence[DetectorBatch]
    workers: int = 0


def train_detector(
    recipe: DetectorRecipe,
    data: DetectorData,
    out: Path,
    *,
    engine: Engine,
    minutes: float | None = None,
    resume: bool = False,
    initial: Path | None = None,
    progress: bool = False,
) -> TrainingResult:
    """Train, from the start or from where a training in `out` stopped.

    Args:
        recipe: what to do.
        data: sources of batches.
        out: folder of everything that is written; made if it is not there.
        engine: where it runs.
        minutes: stop after so long, with a checkpoint; the schedule goes by the recipe's steps.
        resume: continue the training in `out`; without one there, begin.
        initial: .pth or .safetensors file of the weights to begin with, of any input size; a
            resumed training goes on with its own.
        progress: draw a bar on the terminal.

    Raises:
        InputError: there is a training in `out` and `resume` is not set.
        OutputError: the folder cannot be written.
        WeightsError: the checkpoint in `out` or `initial` does not fit the recipe.
        RTMPose3DError: the loss is no longer a number; the batch has been saved.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint of the last whole step.
    """
    trainer = _Trainer(recipe, data, out, engine, initial)
    trainer.begin(resume)
    return trainer.run(minutes, progress)


class _Trainer:
    def __init__(
        self,
        recipe: DetectorRecipe,
        data: DetectorData,
        out: Path,
        engine: Engine,
        initial: Path | None,
    ) -> None:
        self.recipe, self.data, self.out, self.engine = recipe, data, out, engine
        self.spec = recipe.model
        self.checkpoints = out / CHECKPOINTS
        torch.manual_seed(recipe.seed)
        network, self.average = RTMDet(self.spec), RTMDet(self.spec)
        if initial is not None:
            load_whole(network, self.spec.name, initial)
        engine.setup(network)
        engine.setup(self.average)
        self.state = TrainingState(
            network=network,
            average=WeightAverage(network, momentum=recipe.ema_momentum, gamma=recipe.ema_gamma),
            optimizer=torch.optim.AdamW(
                optimizer_groups(network, recipe.weight_decay), lr=recipe.learning_rate
            ),
        )
        self.normalise = Normalise(self.spec).to(engine.device)
        graph = DetectorGraph(self.average, self.spec).to(engine.device).eval()
        self.session = GraphSession(self.spec, graph)
        self.figures: dict[str, float] = {}

    def begin(self, resume: bool) -> None:
        """Make the folder, load what is there, open the logs."""
        check_out(self.out, resume)
        if resume and load_checkpoint(self.checkpoints, self.state):
            logger.info("resumed at step %d", self.state.step)
        self.step_log = CsvLog(self.out / STEP_LOG, self.state.step)
        self.validation_log = CsvLog(self.out / VALIDATION_LOG, self.state.step)
        with atomic_write(self.out / "recipe.txt", "w") as file:
            file.write(f"{self.recipe}\n")

    def run(self, minutes: float | None, progress: bool) -> TrainingResult:
        """Steps until all are done, the time is over or somebody stops it."""
        total = self.recipe.schedule.steps
        deadline = float("inf") if minutes is None else time.monotonic() + minutes * 60
        with Progress(total, self.state.step, shown=progress) as bar, StopSignals() as stop:
            while self.state.step < total and not stop.asked and time.monotonic() < deadline:
                self._run_stage(bar, stop, deadline)
        path = save_checkpoint(self.checkpoints, self.state, self._about())
        if stop.asked:
            raise KeyboardInterrupt
        if self.state.step >= total:
            self._validate()
            path = self.out / f"{self.spec.name}.pth"
            save_weights(path, self.state.average, self._about())
        return TrainingResult(
            weights=path,
            step=self.state.step,
            finished=self.state.step >= total,
            figures=self.figures,
        )

    def _run_stage(self, bar: Progress, stop: StopSignals, deadline: float) -> None:
        """The steps up to the end of this stage, or until it is time to stop."""
        recipe, state = self.recipe, self.state
        stage = recipe.stage_at(state.step)
        end = recipe.stage2_from if stage == 1 else recipe.schedule.steps
        open_source = cast("OpenSource", partial(self.data.open_stage, stage))
        batches = cast(
            "Generator[DetectorBatch, None, None]",
            load_batches(open_source, start=state.step, workers=self.data.workers),
        )
        begun, before = time.monotonic(), state.minutes
        meter = Meter()
        try:
            while state.step < end and not stop.asked and time.monotonic() < deadline:
                batch = next(batches)
                meter.waited()
                figures = self._step(batch)
                state.minutes = before + (time.monotonic() - begun) / 60
                meter.add(figures, len(batch))
                bar.advance(state.step, figures["loss"])
                self._after_step(meter)
        finally:
            batches.close()

    def _after_step(self, meter: Meter) -> None:
        recipe, step = self.recipe, self.state.step
        if step % recipe.log_every == 0:
            self.step_log.add({"step": step, "minutes": self.state.minutes, **meter.means()})
        if step % recipe.validate_every == 0 and step < recipe.schedule.steps:
            self._validate()
        if step % recipe.checkpoint_every == 0:
            save_checkpoint(self.checkpoints, self.state, self._about())

    def _step(self, batch: DetectorBatch) -> dict[str, float]:
        state, recipe = self.state, self.recipe
        rate = recipe.learning_rate * recipe.schedule.factor(state.step)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        losses = self.losses(batch)
        self.engine.backward(losses.total)
        limit = float("inf") if recipe.clip_norm is None else recipe.clip_norm
        norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), limit)
        values = {
            "loss": float(losses.total.detach()),
            "score_loss": float(losses.score.detach()),
            "box_loss": float(losses.box.detach()),
            "positives": float(losses.positives),
            "mean_iou": float(losses.mean_iou),
            "gradient_norm": float(norm),
        }
        if not np.isfinite([values["loss"], values["gradient_norm"]]).all():
            self._stop_at_bad_batch(batch, values)
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        state.average.update(state.network)
        state.step += 1
        return {**values, "learning_rate": rate}

    def losses(self, batch: DetectorBatch) -> DetectorLosses:
        """Forward pass and losses of a batch."""
        self.state.network.train()
        pixels = torch.from_numpy(batch.images).to(self.engine.device, non_blocking=True)
        pictures = self.normalise(pixels).contiguous(memory_format=self.engine.memory_format)
        with self.engine.autocast():
            logits, distances = self.state.network(pictures)
        people = pad_people(
            [torch.from_numpy(boxes) for boxes in batch.boxes_xyxy],
            [torch.from_numpy(ignored) for ignored in batch.ignored],
        )
        return detector_losses(logits, distances, people.to(self.engine.device))

    def _stop_at_bad_batch(self, batch: DetectorBatch, values: Mapping[str, float]) -> None:
        """Save what made the loss no number, and stop before it reaches the weights."""
        step = self.state.step
        path = self.out / f"bad_batch_{step:08d}.npz"
        counts = np.array([len(boxes) for boxes in batch.boxes_xyxy])
        boxes = np.concatenate(batch.boxes_xyxy)
        with atomic_write(path) as file:
            np.savez_compressed(file, images=batch.images, boxes_xyxy=boxes, counts=counts)
        shown = ", ".join(f"{name} {value:g}" for name, value in values.items())
        raise RTMPose3DError(
            f"training stopped at step {step}: {shown}. The batch is in {path}; the last "
            f"checkpoint is in {self.checkpoints}. Look at the batch; if its boxes are right, "
            "resume with a lower learning rate, a lower clip_norm or precision fp32"
        )

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

    def _validate(self) -> None:
        if not self.data.validation:
            return
        self.state.average.copy_to(self.average)
        self.figures, found = validate_detector(self.session, self.data.validation)
        step = self.state.step
        self.validation_log.add({"step": step, "minutes": self.state.minutes, **self.figures})
        self._draw(found)

    def _draw(self, found: Sequence[Sequence[Detections]]) -> None:
        sheets = self.out / "sheets"
        with output_errors(sheets):
            sheets.mkdir(exist_ok=True)
        sheet = draw_detections(self.data.validation, found)
        write_picture(sheets / f"step_{self.state.step:08d}.jpg", sheet)
        logs = [self.out / STEP_LOG, self.out / VALIDATION_LOG]
        steps, validations = (read_log(path) if path.exists() else [] for path in logs)
        panels = [draw_panel(panel, steps) for panel in STEP_PANELS]
        panels += [draw_panel(panel, validations) for panel in VALIDATION_PANELS]
        rows = [np.hstack(panels[i : i + 2]) for i in range(0, len(panels), 2)]
        write_picture(self.out / "curves.png", np.vstack(rows))
