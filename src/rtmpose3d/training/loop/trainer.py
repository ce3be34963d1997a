"""The training loop, for any task: `run_training`.

In: a recipe, a `TrainingTask`, data, a folder. Out: in that folder checkpoints, logs, curves,
images of predictions, and at the end the model's .pth file. A training may be stopped at any step
and resumed; it then continues bit for bit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic

import numpy as np
import torch
from torch import nn

from rtmpose3d.errors import InputError, RTMPose3DError
from rtmpose3d.progress import ProgressBar, progress_bar
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.training.data.batches import B, TrainingData, open_part
from rtmpose3d.training.data.loading import load_batches
from rtmpose3d.training.loop.checkpoint import TrainingState, load_checkpoint, random_state
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.log import SkippedLog
from rtmpose3d.training.loop.progress import Meter, StopSignals
from rtmpose3d.training.loop.run_log import CHECKPOINTS, RunLogger
from rtmpose3d.training.loop.task import TrainingTask
from rtmpose3d.training.recipes.base import Recipe

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """Result of a training, or of a piece of it.

    Attributes:
        weights: the last checkpoint, or the file of the finished model.
        step: number of finished steps.
        finished: whether all steps of the recipe are finished.
        new_steps: number of steps of this piece; 0 if the training was finished before.
        metrics: metrics of the last validation.
    """

    weights: Path
    step: int
    finished: bool
    new_steps: int
    metrics: Mapping[str, float]


def run_training(
    recipe: Recipe,
    task: TrainingTask[B],
    data: TrainingData[B],
    out: Path,
    *,
    engine: Engine,
    minutes: float | None = None,
    resume: bool = False,
    progress: bool = False,
    tensorboard: bool = False,
) -> TrainingResult:
    """Train, from the start or from the checkpoint in `out`.

    Args:
        recipe: recipe of the training.
        task: what is trained, in its initial state.
        data: batches to train and to validate on.
        out: folder of all output; opened with `open_run`.
        engine: device and processes.
        minutes: time limit, after which the training stops with a checkpoint. The learning rate
            schedule depends on the recipe's steps only.
        resume: continue from the checkpoint in `out`, if there is one.
        progress: whether to draw a progress bar on the terminal.
        tensorboard: whether to write the metrics for TensorBoard, too.

    Returns:
        The result; with several processes only the main one has the final file and the metrics.

    Raises:
        OutputError: the folder cannot be written.
        WeightsError: the checkpoint in `out` does not fit the recipe.
        RTMPose3DError: the loss is not finite, and the batch has been saved; or another process
            failed, which the message names.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint of the last finished step.
    """
    if resume:
        _resume(task.state, out, engine)
    trainer = _Trainer(recipe, task, data, out, engine, tensorboard)
    try:
        return trainer.run(minutes, progress)
    finally:
        if trainer.run_log is not None:
            trainer.run_log.close()


def _resume(state: TrainingState, out: Path, engine: Engine) -> None:
    """Continue from the checkpoint in a folder, if there is one.

    Raises:
        InputError: the processes have different checkpoints.
        WeightsError: the checkpoint does not fit.
    """
    if load_checkpoint(out / CHECKPOINTS, state, engine.rank):
        logger.info("resumed at step %d", state.step)
    steps = [int(step) for step in engine.all_gather(torch.tensor([state.step]))]
    if len(set(steps)) > 1:
        raise InputError(
            f"the processes would resume at different steps, {steps}: all machines must have "
            f"access to the same folder {out}"
        )


class _Trainer(Generic[B]):
    def __init__(
        self,
        recipe: Recipe,
        task: TrainingTask[B],
        data: TrainingData[B],
        out: Path,
        engine: Engine,
        tensorboard: bool,
    ) -> None:
        self.recipe, self.data, self.out, self.engine = recipe, data, out, engine
        self.task, self.state = task, task.state
        self.run_log: RunLogger[B] | None = None
        if engine.is_main:
            self.run_log = RunLogger(recipe, task, out, data.validation, tensorboard=tensorboard)
        labels = data.skipped if engine.is_main else ()
        self.skipped = SkippedLog(out, engine.rank, self.state.step, labels)
        self.stop_requested = self.time_over = False
        # Processes other than the main one load checkpoints and write none.
        self._saved_step = self.state.step if self.state.saved else None

    def run(self, minutes: float | None, progress: bool) -> TrainingResult:
        """Train until the last step, the time limit or a stop signal."""
        total = self.recipe.schedule.steps
        first = self.state.step
        clock = _Clock(self.state.minutes, minutes)
        visible = progress and self.engine.is_main
        with (
            progress_bar(total, "training", done=self.state.step, visible=visible) as bar,
            StopSignals() as stop,
        ):
            while self.state.step < total and not self._stopping:
                self._run_stage(bar, stop, clock)
        path = self._checkpoint()
        finished = self.state.step >= total
        if finished and first >= total:
            logger.warning("the training in %s is finished; no step is left to train", self.out)
        if finished and not self.stop_requested and self.run_log is not None:
            path = self.run_log.finish()
        self.engine.barrier()  # no process exits while the main one writes
        if self.stop_requested:
            raise KeyboardInterrupt
        return TrainingResult(
            weights=path,
            step=self.state.step,
            finished=finished,
            new_steps=self.state.step - first,
            metrics={} if self.run_log is None else self.run_log.metrics,
        )

    @property
    def _stopping(self) -> bool:
        return self.stop_requested or self.time_over

    def _run_stage(self, bar: ProgressBar, stop: StopSignals, clock: _Clock) -> None:
        """Train until the end of the stage, or until the training is to stop."""
        recipe, state = self.recipe, self.state
        stage = recipe.stage_at(state.step)
        end = recipe.stage2_start if stage == 1 else recipe.schedule.steps
        part = (self.engine.rank, self.engine.world_size, recipe.batch_size)
        open_source = partial(open_part, self.data.open_stage, stage, part)
        batches = load_batches(open_source, start=state.step, workers=self.data.workers)
        meter = Meter()
        try:
            while state.step < end and not self._stopping:
                batch = self._next(batches)
                meter.end_wait()
                metrics = self._step(batch)
                self._agree_to_stop(stop, clock)
                state.minutes = clock.minutes
                meter.add(metrics, len(batch) * self.engine.world_size)
                bar.update(state.step, note=f"loss {metrics['loss']:.4g}")
                self._after_step(meter)
        finally:
            batches.close()

    def _next(self, batches: Iterator[B]) -> B:
        """The next batch; an error in one process is raised in all."""
        failure: Exception | None = None
        batch: B | None = None
        try:
            batch = next(batches)
        except Exception as error:
            failure = error
        if self.engine.world_size > 1:
            failure = self._share_failure(failure)
        if failure is not None:
            raise failure
        assert batch is not None
        self.skipped.add(self.state.step, batch.skipped)
        return batch

    def _share_failure(self, failure: Exception | None) -> Exception | None:
        """This process's error, or one that reports another's."""
        failed = self.engine.all_reduce_sum(torch.tensor([0.0 if failure is None else 1.0]))
        if not failed.item():
            return None
        own = "" if failure is None else str(failure) or repr(failure)
        texts = self.engine.gather_strings(own)
        if failure is not None:
            return failure
        rank, text = next((rank, text) for rank, text in enumerate(texts) if text)
        return RTMPose3DError(f"process {rank} of {len(texts)} stopped: {text}")

    def _agree_to_stop(self, stop: StopSignals, clock: _Clock) -> None:
        """Let all processes stop after the same step."""
        own = torch.tensor([stop.requested, clock.over], dtype=torch.float32)
        requested, over = self.engine.all_reduce_sum(own).tolist()
        self.stop_requested, self.time_over = requested > 0, over > 0

    def _after_step(self, meter: Meter) -> None:
        recipe, step = self.recipe, self.state.step
        if self.run_log is not None:
            last = step == recipe.schedule.steps or self._stopping
            if step % recipe.log_every == 0 or last:
                self.run_log.log_step(meter.means())
            if step % recipe.validate_every == 0 and step < recipe.schedule.steps:
                self.run_log.validate()
        if step % recipe.checkpoint_every == 0:
            self._checkpoint()

    def _checkpoint(self) -> Path:
        """Write a checkpoint in the main process, with the random state of all.

        Not if this step has one already.
        """
        if self.state.step == self._saved_step:
            saved = self.state.saved
            return saved[0].weights if saved else self.out / CHECKPOINTS
        self._saved_step = self.state.step
        own = random_state(self.engine.device)
        gathered = {name: self.engine.all_gather(value) for name, value in own.items()}
        if self.run_log is None:
            return self.out / CHECKPOINTS
        others = [
            {name: values[rank] for name, values in gathered.items()}
            for rank in range(1, self.engine.world_size)
        ]
        return self.run_log.checkpoint(others)

    def _step(self, batch: B) -> dict[str, float]:
        """One optimizer step; returns losses, gradient norm and learning rate."""
        state, recipe, task = self.state, self.recipe, self.task
        learning_rate = recipe.learning_rate * recipe.schedule.factor(state.step)
        for group in state.optimizer.param_groups:
            group["lr"] = learning_rate
        task.model.train()
        losses = task.losses(batch)
        self.engine.backward(losses["loss"] * recipe.loss_scale)
        limit = float("inf") if recipe.clip_norm is None else recipe.clip_norm
        norm = nn.utils.clip_grad_norm_((parameter for _, parameter in state.trained()), limit)
        metrics = {**losses, "gradient_norm": norm}
        own = torch.stack([value.detach().float() for value in metrics.values()])
        means = self.engine.all_reduce_mean(own)
        values = dict(zip(metrics, means.tolist(), strict=True))
        if not np.isfinite([values["loss"], values["gradient_norm"]]).all():
            self._stop_at_bad_batch(batch, dict(zip(metrics, own.tolist(), strict=True)))
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        state.average.update(state.network)
        state.step += 1
        return {**values, "learning_rate": learning_rate}

    def _stop_at_bad_batch(self, batch: B, values: Mapping[str, float]) -> None:
        """Save the batch of a loss that is not finite, and stop before it reaches the weights.

        With several processes, those with such a loss of their own save; if none has, all do.
        """
        bad = torch.tensor([0.0 if np.isfinite(values["loss"]) else 1.0])
        none_bad = not self.engine.all_reduce_sum(bad).item()
        responsible = none_bad or bool(bad.item())
        text = ""
        if responsible:
            listed = ", ".join(f"{name} {value:g}" for name, value in values.items())
            path = self._save_bad_batch(batch)
            text = (
                f"training stopped at step {self.state.step}: {listed}. The batch is in {path}; "
                f"the last checkpoint is in {self.out / CHECKPOINTS}. Inspect the batch; if its "
                "labels are correct, resume with a lower learning rate, a lower clip_norm or "
                "precision fp32"
            )
        texts = self.engine.gather_strings(text)
        if responsible:
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
    """Minutes trained over all pieces, and whether the time limit of this piece is over."""

    def __init__(self, before: float, limit: float | None) -> None:
        self._before, self._limit = before, limit
        self._start = time.monotonic()

    @property
    def minutes(self) -> float:
        return self._before + (time.monotonic() - self._start) / 60

    @property
    def over(self) -> bool:
        return self._limit is not None and self.minutes - self._before >= self._limit
