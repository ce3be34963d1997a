"""The training loop, whatever is trained: `train`.

In: a recipe, a `Task`, sources of batches, a folder. Out: in that folder checkpoints, logs, curves,
sheets of predictions, and at the end the model's .pth file. A training may be stopped at any step
and resumed; it then continues bit for bit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic

import numpy as np
import torch
from torch import nn

from rtmpose3d.errors import InputError, RTMPose3DError
from rtmpose3d.progress import ProgressBar, progress_bar
from rtmpose3d.structures.atomic import atomic_write, output_errors
from rtmpose3d.training.data.loading import load_batches
from rtmpose3d.training.loop.checkpoint import TrainingState, load_checkpoint, random_numbers
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.log import SkippedLog
from rtmpose3d.training.loop.progress import Meter, StopSignals
from rtmpose3d.training.loop.run_log import CHECKPOINTS, Journal
from rtmpose3d.training.loop.task import B, BatchSource, PartSource, Task
from rtmpose3d.training.recipes.base import Recipe

logger = logging.getLogger(__name__)

OpenStage = Callable[[int], BatchSource[B]]


@dataclass(frozen=True, kw_only=True)
class TrainingData(Generic[B]):
    """Where batches come from.

    Attributes:
        open_stage: makes the source of stage 1 or 2, where it runs (see `load_batches`).
        validation: fixed batches, the same through the whole training.
        workers: processes that make batches; 0: a thread.
    """

    open_stage: OpenStage[B]
    validation: Sequence[B]
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


def train(
    recipe: Recipe,
    task: Task[B],
    data: TrainingData[B],
    out: Path,
    *,
    engine: Engine,
    minutes: float | None = None,
    resume: bool = False,
    progress: bool = False,
    tensorboard: bool = False,
) -> TrainingResult:
    """Train, from the start or from where a training in `out` stopped.

    Args:
        recipe: what to do.
        task: what is trained, as it begins.
        data: sources of batches.
        out: folder of everything that is written; see `check`.
        engine: where it runs.
        minutes: stop after so long, with a checkpoint; the schedule goes by the recipe's steps.
        resume: continue the training in `out`; without one there, begin.
        progress: draw a bar on the terminal.
        tensorboard: also write the figures for TensorBoard.

    Returns:
        How it ended. Of several processes the first knows the file and the figures.

    Raises:
        OutputError: the folder cannot be written.
        WeightsError: the checkpoint in `out` does not fit the recipe.
        RTMPose3DError: the loss is no longer a number; the batch has been saved. Or another
            process stopped; the text says which, and why.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint of the last whole step.
    """
    if resume:
        _resume(task.state, out, engine)
    trainer = _Trainer(recipe, task, data, out, engine, tensorboard)
    try:
        return trainer.run(minutes, progress)
    finally:
        if trainer.journal is not None:
            trainer.journal.close()


def check(recipe: Recipe, out: Path, engine: Engine, resume: bool) -> None:
    """Whether a training can begin, before anything costly is made; makes its folder.

    Raises:
        InputError: there is a training in `out`, and it is not to be resumed; the processes cannot
            share a batch.
        OutputError: the folder cannot be made.
    """
    if recipe.batch_size % engine.world_size:
        raise InputError(
            f"{engine.world_size} processes cannot share a batch of {recipe.batch_size} images "
            "equally; choose a batch size that can be divided among them"
        )
    checkpoints = out / CHECKPOINTS
    with output_errors(checkpoints):
        checkpoints.mkdir(parents=True, exist_ok=True)
    if not resume and any(checkpoints.iterdir()):
        raise InputError(
            f"there is a training in {out}; continue it with resume (--resume), or choose another "
            "folder"
        )


def _resume(state: TrainingState, out: Path, engine: Engine) -> None:
    """Go on from the checkpoint in a folder, if there is one.

    Raises:
        InputError: the processes find different ones.
        WeightsError: it does not fit.
    """
    if load_checkpoint(out / CHECKPOINTS, state, engine.rank):
        logger.info("resumed at step %d", state.step)
    steps = [int(step) for step in engine.gather(torch.tensor([state.step]))]
    if len(set(steps)) > 1:
        raise InputError(
            f"the processes would resume at different steps, {steps}: all machines must see the "
            f"same folder {out}"
        )


def open_part(open_stage: OpenStage[B], stage: int, part: tuple[int, int, int]) -> BatchSource[B]:
    """The source of a stage, or the part of it for one of several processes.

    Args:
        open_stage: makes the whole source.
        stage: 1 or 2.
        part: rank, number of processes, images of a whole batch.
    """
    source = open_stage(stage)
    rank, world_size, batch_size = part
    if world_size == 1:
        return source
    return PartSource(source=source, rank=rank, world_size=world_size, batch_size=batch_size)


class _Trainer(Generic[B]):
    def __init__(
        self,
        recipe: Recipe,
        task: Task[B],
        data: TrainingData[B],
        out: Path,
        engine: Engine,
        tensorboard: bool,
    ) -> None:
        self.recipe, self.data, self.out, self.engine = recipe, data, out, engine
        self.task, self.state = task, task.state
        self.journal: Journal[B] | None = None
        if engine.first:
            self.journal = Journal(recipe, task, out, data.validation, tensorboard=tensorboard)
        self.skipped = SkippedLog(out, engine.rank, self.state.step)
        self.asked = self.over = False

    # -- beginning and end ---------------------------------------------------------------------

    def run(self, minutes: float | None, progress: bool) -> TrainingResult:
        """Steps until all are done, the time is over or somebody stops it."""
        total = self.recipe.schedule.steps
        clock = _Clock(self.state.minutes, minutes)
        shown = progress and self.engine.first
        with (
            progress_bar(total, "training", done=self.state.step, visible=shown) as bar,
            StopSignals() as stop,
        ):
            while self.state.step < total and not (self.asked or self.over):
                self._run_stage(bar, stop, clock)
        path = self._checkpoint()
        finished = self.state.step >= total
        if finished and not self.asked and self.journal is not None:
            path = self.journal.finish()
        self.engine.wait()  # none leaves while the first one writes
        if self.asked:
            raise KeyboardInterrupt
        return TrainingResult(
            weights=path,
            step=self.state.step,
            finished=finished,
            figures={} if self.journal is None else self.journal.figures,
        )

    def _run_stage(self, bar: ProgressBar, stop: StopSignals, clock: _Clock) -> None:
        """The steps up to the end of this stage, or until it is time to stop."""
        recipe, state = self.recipe, self.state
        stage = recipe.stage_at(state.step)
        end = recipe.stage2_from if stage == 1 else recipe.schedule.steps
        open_source = partial(
            open_part,
            self.data.open_stage,
            stage,
            (self.engine.rank, self.engine.world_size, recipe.batch_size),
        )
        batches = load_batches(open_source, start=state.step, workers=self.data.workers)
        meter = Meter()
        try:
            while state.step < end and not (self.asked or self.over):
                batch = self._next(batches)
                meter.waited()
                figures = self._step(batch)
                self._agree_to_stop(stop, clock)
                state.minutes = clock.minutes
                meter.add(figures, len(batch) * self.engine.world_size)
                bar.update(state.step, note=f"loss {figures['loss']:.4g}")
                self._after_step(meter)
        finally:
            batches.close()

    def _next(self, batches: Iterator[B]) -> B:
        """The next batch; an error of one process is an error of all."""
        failure: Exception | None = None
        batch: B | None = None
        try:
            batch = next(batches)
        except Exception as error:
            failure = error
        if self.engine.world_size > 1:
            failure = self._shared_failure(failure)
        if failure is not None:
            raise failure
        assert batch is not None
        self.skipped.add(self.state.step, batch.skipped)
        return batch

    def _shared_failure(self, failure: Exception | None) -> Exception | None:
        """This process's error, or one that tells of another's."""
        failed = self.engine.sum(torch.tensor([0.0 if failure is None else 1.0]))
        if not failed.item():
            return None
        texts = self.engine.texts("" if failure is None else str(failure) or repr(failure))
        if failure is not None:
            return failure
        rank, text = next((rank, text) for rank, text in enumerate(texts) if text)
        return RTMPose3DError(f"process {rank} of {len(texts)} stopped: {text}")

    def _agree_to_stop(self, stop: StopSignals, clock: _Clock) -> None:
        """Stop all processes after the same step."""
        wanted = torch.tensor([stop.asked, clock.over], dtype=torch.float32)
        asked, over = self.engine.sum(wanted).tolist()
        self.asked, self.over = asked > 0, over > 0

    def _after_step(self, meter: Meter) -> None:
        recipe, step = self.recipe, self.state.step
        if self.journal is not None:
            if step % recipe.log_every == 0 or step == recipe.schedule.steps:
                self.journal.log_step(meter.means())
            if step % recipe.validate_every == 0 and step < recipe.schedule.steps:
                self.journal.validate()
        if step % recipe.checkpoint_every == 0:
            self._checkpoint()

    def _checkpoint(self) -> Path:
        """Let the first process write a checkpoint; all tell it their random numbers."""
        own = random_numbers(self.engine.device)
        gathered = {name: self.engine.gather(value) for name, value in own.items()}
        if self.journal is None:
            return self.out / CHECKPOINTS
        others = [
            {name: values[rank] for name, values in gathered.items()}
            for rank in range(1, self.engine.world_size)
        ]
        return self.journal.checkpoint(others)

    # -- one step ------------------------------------------------------------------------------

    def _step(self, batch: B) -> dict[str, float]:
        state, recipe, task = self.state, self.recipe, self.task
        rate = recipe.learning_rate * recipe.schedule.factor(state.step)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        task.model.train()
        losses = task.losses(batch)
        self.engine.backward(losses["loss"] * recipe.loss_scale)
        limit = float("inf") if recipe.clip_norm is None else recipe.clip_norm
        norm = nn.utils.clip_grad_norm_((parameter for _, parameter in state.trained()), limit)
        figures = {**losses, "gradient_norm": norm}
        own = torch.stack([value.detach().float() for value in figures.values()])
        means = self.engine.sum(own) / self.engine.world_size
        values = dict(zip(figures, means.tolist(), strict=True))
        if not np.isfinite([values["loss"], values["gradient_norm"]]).all():
            self._stop_at_bad_batch(batch, dict(zip(figures, own.tolist(), strict=True)))
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        state.average.update(state.network)
        state.step += 1
        return {**values, "learning_rate": rate}

    def _stop_at_bad_batch(self, batch: B, values: Mapping[str, float]) -> None:
        """Save what made the loss no number, and stop before it reaches the weights.

        Of several processes, those whose own loss is no number; all, if no loss is to blame.
        """
        bad = torch.tensor([0.0 if np.isfinite(values["loss"]) else 1.0])
        nobody = not self.engine.sum(bad).item()
        to_blame = nobody or bool(bad.item())
        text = ""
        if to_blame:
            shown = ", ".join(f"{name} {value:g}" for name, value in values.items())
            path = self._save_bad_batch(batch)
            text = (
                f"training stopped at step {self.state.step}: {shown}. The batch is in {path}; "
                f"the last checkpoint is in {self.out / CHECKPOINTS}. Look at the batch; if its "
                "labels are right, resume with a lower learning rate, a lower clip_norm or "
                "precision fp32"
            )
        texts = self.engine.texts(text)
        if to_blame:
            raise RTMPose3DError(text)
        rank, text = next((rank, text) for rank, text in enumerate(texts) if text)
        raise RTMPose3DError(f"process {rank} of {len(texts)}: {text}")

    def _save_bad_batch(self, batch: B) -> Path:
        part = f"_process{self.engine.rank}" if self.engine.world_size > 1 else ""
        path = self.out / f"bad_batch_{self.state.step:08d}{part}.npz"
        with atomic_write(path) as file:
            np.savez_compressed(file, allow_pickle=False, **batch.arrays())
        return path


class _Clock:
    """Minutes trained, of all pieces together, and whether this piece is over."""

    def __init__(self, before: float, limit: float | None) -> None:
        self._before, self._limit = before, limit
        self._begun = time.monotonic()

    @property
    def minutes(self) -> float:
        return self._before + (time.monotonic() - self._begun) / 60

    @property
    def over(self) -> bool:
        return self._limit is not None and self.minutes - self._before >= self._limit
