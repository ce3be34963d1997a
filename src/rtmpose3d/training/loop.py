"""The training loop of pose models: `train_pose`.

In: a recipe, sources of batches, a folder. Out: in that folder checkpoints, logs, curves, sheets
of predictions, and at the end the model's .pth file. A training may be stopped at any step and
resumed; it then continues bit for bit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from rtmpose3d.errors import InputError, RTMPose3DError
from rtmpose3d.models.graph import PoseGraph
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.structures.atomic import atomic_write, output_errors
from rtmpose3d.training.beginning import (
    InitialWeights,
    NetworkPart,
    freeze,
    load_initial,
    trained_network,
)
from rtmpose3d.training.checkpointing import (
    TrainingState,
    load_checkpoint,
    save_checkpoint,
    save_weights,
)
from rtmpose3d.training.curves import draw_curves
from rtmpose3d.training.data import BatchSource, PoseBatch
from rtmpose3d.training.distillation import Teacher
from rtmpose3d.training.ema import WeightAverage
from rtmpose3d.training.engine import Engine
from rtmpose3d.training.loading import load_batches, to_device
from rtmpose3d.training.log import STEP_LOG, VALIDATION_LOG, CsvLog, read_log
from rtmpose3d.training.maps import MapHead
from rtmpose3d.training.progress import Meter, Progress, StopSignals
from rtmpose3d.training.recipe import PoseRecipe
from rtmpose3d.training.schedule import optimizer_groups
from rtmpose3d.training.sheets import draw_sheet, write_picture
from rtmpose3d.training.step import Beside, PoseLosses, TrainedModel
from rtmpose3d.training.validation import Predictions, validate

logger = logging.getLogger(__name__)

OpenStage = Callable[[int], BatchSource]
CHECKPOINTS = "checkpoints"  # folder within that of the training


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Where batches come from.

    Attributes:
        open_stage: makes the source of stage 1 or 2, where it runs (see `load_batches`).
        validation: fixed batches, the same through the whole training.
        workers: processes that make batches; 0: a thread.
    """

    open_stage: OpenStage
    validation: Sequence[PoseBatch]
    workers: int = 0


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """How a training, or a piece of it, ended.

    Attributes:
        weights: the last checkpoint, or the finished model's file.
        step: how many steps are done.
        finished: whether all of the recipe's are.
        figures: of the last validation.
    """

    weights: Path
    step: int
    finished: bool
    figures: Mapping[str, float]


def train_pose(
    recipe: PoseRecipe,
    data: TrainingData,
    out: Path,
    *,
    engine: Engine,
    initial: InitialWeights | None = None,
    teacher: Path | None = None,
    minutes: float | None = None,
    resume: bool = False,
    progress: bool = False,
) -> TrainingResult:
    """Train, from the start or from where a training in `out` stopped.

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

    Raises:
        InputError: there is a training in `out` and `resume` is not set.
        OutputError: the folder cannot be written.
        WeightsError: the checkpoint in `out` does not fit the recipe, or a given file its model.
        RTMPose3DError: the loss is no longer a number; the batch has been saved.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint of the last whole step.
    """
    trainer = _Trainer(recipe, data, out, engine, initial, teacher)
    trainer.begin(resume)
    return trainer.run(minutes, progress)


def check_out(out: Path, resume: bool) -> None:
    """Make the folder of a training.

    Raises:
        InputError: there is a training in it, and it is not to be resumed.
        OutputError: it cannot be made.
    """
    checkpoints = out / CHECKPOINTS
    with output_errors(checkpoints):
        checkpoints.mkdir(parents=True, exist_ok=True)
    if not resume and any(checkpoints.iterdir()):
        raise InputError(
            f"there is a training in {out}; continue it with resume (--resume), or choose another "
            "folder"
        )


class _Trainer:
    def __init__(
        self,
        recipe: PoseRecipe,
        data: TrainingData,
        out: Path,
        engine: Engine,
        initial: InitialWeights | None,
        teacher: Path | None,
    ) -> None:
        self.recipe, self.data, self.out, self.engine = recipe, data, out, engine
        self.spec = recipe.model
        self.checkpoints = out / CHECKPOINTS
        torch.manual_seed(recipe.seed)
        network = PoseNetwork(self.spec)
        self.average = PoseNetwork(self.spec)
        self.teacher = self._teacher(teacher)
        for weights in self._initial(initial, teacher):
            load_initial(network, self.spec, weights)
        freeze(network, recipe.frozen)
        channels = network.backbone.channels
        beside = Beside(
            MapHead(channels[1], self.spec.keypoints) if recipe.map_weight else None,
            None if self.teacher is None else self.teacher.align(channels[2]),
        )
        for module in (self.average, network, beside):
            engine.setup(module)
        self.model = TrainedModel(network, beside, recipe.frozen)
        groups = [
            *optimizer_groups(network, recipe.weight_decay),
            *optimizer_groups(beside, recipe.weight_decay),
        ]
        self.state = TrainingState(
            network=network,
            average=WeightAverage(network, momentum=recipe.ema_momentum, gamma=recipe.ema_gamma),
            optimizer=torch.optim.AdamW(groups, lr=recipe.learning_rate),
            beside=beside,
        )
        self.losses = PoseLosses(recipe, engine, self.teacher)
        self.graph = PoseGraph(self.average, self.spec).to(engine.device).eval()
        self.figures: dict[str, float] = {}

    def _teacher(self, path: Path | None) -> Teacher | None:
        """The teacher of the recipe's distillation, with the weights of a file.

        Raises:
            InputError: there is one without the other.
        """
        distillation = self.recipe.distillation
        if (distillation is None) != (path is None):
            raise InputError(
                "a distillation needs the teacher's weights, and they need a distillation; got "
                f"{'none' if path is None else path} with "
                f"{'no distillation' if distillation is None else distillation.stage}"
            )
        if distillation is None or path is None:
            return None
        network = trained_network(distillation.teacher, path)
        self.engine.setup(network)
        return Teacher(network, distillation, self.spec, self.engine.device)

    def _initial(
        self, initial: InitialWeights | None, teacher: Path | None
    ) -> list[InitialWeights]:
        """What the network begins with; in stage 2 of a distillation, the teacher but its head."""
        if self.recipe.distillation is None or self.recipe.distillation.stage == "stage1":
            return [] if initial is None else [initial]
        assert teacher is not None
        if initial is not None and set(initial.parts) != {"head"}:
            raise InputError(
                "stage2 of a distillation begins with the teacher's backbone and neck; initial "
                f"weights may be those of the head, got {', '.join(initial.parts)}"
            )
        parts: list[NetworkPart] = ["backbone", *(["neck"] if self.spec.pafpn else [])]
        own = InitialWeights(path=teacher, parts=parts)
        return [own] if initial is None else [own, initial]

    # -- beginning and end ---------------------------------------------------------------------

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
        begun, before = time.monotonic(), self.state.minutes
        with Progress(total, self.state.step, shown=progress) as bar, StopSignals() as stop:
            while self.state.step < total and not stop.asked:
                self._run_stage(bar, stop, begun, before, minutes)
                if minutes is not None and time.monotonic() - begun >= minutes * 60:
                    break
        path = self._checkpoint()
        if stop.asked:
            raise KeyboardInterrupt
        finished = self.state.step >= total
        if finished:
            self._validate()
            path = self.out / f"{self.spec.name}.pth"
            save_weights(path, self.state.average, self._about())
        return TrainingResult(
            weights=path, step=self.state.step, finished=finished, figures=self.figures
        )

    def _run_stage(
        self, bar: Progress, stop: StopSignals, begun: float, before: float, minutes: float | None
    ) -> None:
        """The steps up to the end of this stage, or until it is time to stop."""
        recipe, state = self.recipe, self.state
        stage = recipe.stage_at(state.step)
        end = recipe.stage2_from if stage == 1 else recipe.schedule.steps
        batches = load_batches(
            partial(self.data.open_stage, stage), start=state.step, workers=self.data.workers
        )
        meter = Meter()
        try:
            while state.step < end and not stop.asked:
                batch = next(batches)
                meter.waited()
                figures = self._step(batch)
                state.minutes = before + (time.monotonic() - begun) / 60
                meter.add(figures, len(batch))
                bar.advance(state.step, figures["loss"])
                self._after_step(meter)
                if minutes is not None and time.monotonic() - begun >= minutes * 60:
                    return
        finally:
            batches.close()

    def _after_step(self, meter: Meter) -> None:
        recipe, step = self.recipe, self.state.step
        if step % recipe.log_every == 0:
            self.step_log.add({"step": step, "minutes": self.state.minutes, **meter.means()})
        if step % recipe.validate_every == 0 and step < recipe.schedule.steps:
            self._validate()
        if step % recipe.checkpoint_every == 0:
            self._checkpoint()

    # -- one step ------------------------------------------------------------------------------

    def _step(self, batch: PoseBatch) -> dict[str, float]:
        state, recipe = self.state, self.recipe
        rate = recipe.learning_rate * recipe.schedule.factor(state.step)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        losses = self.losses(self.model, to_device(batch, self.engine.device), state.step)
        loss = losses["loss"]
        self.engine.backward(loss * recipe.loss_scale)
        limit = float("inf") if recipe.clip_norm is None else recipe.clip_norm
        norm = nn.utils.clip_grad_norm_((parameter for _, parameter in state.trained()), limit)
        figures = {**losses, "gradient_norm": norm}
        values = {name: float(value.detach()) for name, value in figures.items()}
        if not np.isfinite([values["loss"], values["gradient_norm"]]).all():
            self._stop_at_bad_batch(batch, values)
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        state.average.update(state.network)
        state.step += 1
        return {**values, "learning_rate": rate}

    def _stop_at_bad_batch(self, batch: PoseBatch, values: Mapping[str, float]) -> None:
        """Save what made the loss no number, and stop before it reaches the weights."""
        step = self.state.step
        path = self.out / f"bad_batch_{step:08d}.npz"
        with atomic_write(path) as file:
            np.savez_compressed(
                file,
                crops=batch.crops,
                keypoints_px=batch.keypoints_px,
                visible=batch.visible,
                keypoints_camera_m=batch.keypoints_camera_m,
            )
        shown = ", ".join(f"{name} {value:g}" for name, value in values.items())
        raise RTMPose3DError(
            f"training stopped at step {step}: {shown}. The batch is in {path}; the last "
            f"checkpoint is in {self.checkpoints}. Look at the batch; if its labels are right, "
            "resume with a lower learning rate, a lower clip_norm or precision fp32"
        )

    # -- what is written -----------------------------------------------------------------------

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

    def _checkpoint(self) -> Path:
        return save_checkpoint(self.checkpoints, self.state, self._about())

    def _validate(self) -> None:
        if not self.data.validation:
            return
        self.state.average.copy_to(self.average)
        self.figures, found = validate(self.graph, self.spec, self.data.validation)
        step = self.state.step
        self.validation_log.add({"step": step, "minutes": self.state.minutes, **self.figures})
        self._draw(found)

    def _draw(self, found: Sequence[Predictions]) -> None:
        title = f"{self.spec.name}, step {self.state.step:,}"
        sheets = self.out / "sheets"
        with output_errors(sheets):
            sheets.mkdir(exist_ok=True)
        sheet = draw_sheet(self.data.validation, found, title)
        write_picture(sheets / f"step_{self.state.step:08d}.jpg", sheet)
        logs = [self.out / STEP_LOG, self.out / VALIDATION_LOG]
        steps, validations = (read_log(path) if path.exists() else [] for path in logs)
        write_picture(self.out / "curves.png", draw_curves(steps, validations, title))
