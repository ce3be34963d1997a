"""What a detector's training starts from: network, averages, optimiser, made of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from rtmpose3d.models.graph import DetectorGraph, Normalise
from rtmpose3d.models.rtmdet import RTMDet
from rtmpose3d.structures import Image
from rtmpose3d.training.detector.images import DetectorBatch
from rtmpose3d.training.detector.losses import detector_losses, pad_people
from rtmpose3d.training.detector.validation import (
    draw_detections,
    graph_session,
    validate_detector,
)
from rtmpose3d.training.loop.checkpoint import TrainingState
from rtmpose3d.training.loop.curves import LEARNING_RATE, SPEED, Panel
from rtmpose3d.training.loop.ema import WeightAverage
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.pose.initialization import load_whole
from rtmpose3d.training.recipes.detector import DetectorRecipe
from rtmpose3d.training.recipes.schedule import optimizer_groups
from rtmpose3d.zoo import DetectorSpec

PANELS = (
    Panel(
        title="loss",
        columns={"loss": "all", "score_loss": "scores", "box_loss": "boxes"},
        of_steps=True,
        logarithmic=True,
    ),
    Panel(title="IoU of the cells that learn", columns={"mean_iou": ""}, of_steps=True),
    LEARNING_RATE,
    SPEED,
    Panel(title="AP (validation)", columns={"ap": "AP", "ap50": "AP@.5"}),
    Panel(title="score 0.3 (validation)", columns={"recall": "recall", "precision": "precision"}),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectorTask:
    """A detector that is trained: a `Task`.

    Attributes:
        model: the network, with what the engine put around it.
        normalise: of the network's input.
        state: what checkpoints hold.
        average: a network to put the averaged weights into.
        spec: of the network.
        engine: where it runs.
        panels: see `Task`.
    """

    model: nn.Module
    normalise: Normalise
    state: TrainingState
    average: RTMDet
    spec: DetectorSpec
    engine: Engine
    panels: Sequence[Panel] = PANELS

    def losses(self, batch: DetectorBatch) -> dict[str, Tensor]:
        """See `Task`."""
        engine = self.engine
        pixels = torch.from_numpy(batch.images).to(engine.device, non_blocking=True)
        images = self.normalise(pixels).contiguous(memory_format=engine.memory_format)
        with engine.autocast():
            logits, distances = self.model(images)
        people = pad_people(
            [torch.from_numpy(boxes) for boxes in batch.boxes_xyxy],
            [torch.from_numpy(ignored) for ignored in batch.ignored],
        )
        losses = detector_losses(logits, distances, people.to(engine.device), engine.mean)
        return {
            "loss": losses.total,
            "score_loss": losses.score,
            "box_loss": losses.box,
            "positives": losses.positives,
            "mean_iou": losses.mean_iou,
        }

    def validate(
        self, batches: Sequence[DetectorBatch], title: str
    ) -> tuple[dict[str, float], Image]:
        """See `Task`."""
        self.state.average.copy_to(self.average)
        graph = DetectorGraph(self.average, self.spec).to(self.engine.device).eval()
        figures, found = validate_detector(graph_session(self.spec, graph), batches)
        return figures, draw_detections(batches, found, title)


def prepare_detector(recipe: DetectorRecipe, engine: Engine, initial: Path | None) -> DetectorTask:
    """Build everything, seeded by the recipe.

    Args:
        recipe: of the training.
        engine: where it runs.
        initial: weights to begin with.

    Raises:
        WeightsError: a file that does not fit the model.
    """
    spec = recipe.model
    torch.manual_seed(recipe.seed)
    network, average = RTMDet(spec), RTMDet(spec)
    if initial is not None:
        load_whole(network, spec.name, initial)
    engine.setup(network)
    engine.setup(average)
    state = TrainingState(
        network=network,
        average=WeightAverage(network, momentum=recipe.ema_momentum, gamma=recipe.ema_gamma),
        optimizer=torch.optim.AdamW(
            optimizer_groups(network, recipe.weight_decay), lr=recipe.learning_rate
        ),
    )
    return DetectorTask(
        model=engine.wrap(network),
        normalise=Normalise(spec).to(engine.device),
        state=state,
        average=average,
        spec=spec,
        engine=engine,
    )
