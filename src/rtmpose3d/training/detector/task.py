"""`DetectorTask`: a detector in training, built from a recipe by `prepare_detector`."""

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
from rtmpose3d.training.detector.losses import detector_losses, pad_boxes
from rtmpose3d.training.detector.validation import (
    draw_detections,
    graph_session,
    validate_detector,
)
from rtmpose3d.training.loop.checkpoint import TrainingState, load_network_weights
from rtmpose3d.training.loop.curves import LEARNING_RATE, SPEED, Panel
from rtmpose3d.training.loop.ema import WeightAverage
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.optimizer import optimizer_groups
from rtmpose3d.training.recipes.detector import DetectorRecipe
from rtmpose3d.zoo import DetectorSpec

DETECTOR_PANELS = (
    Panel(
        title="loss",
        columns={"loss": "all", "score_loss": "scores", "box_loss": "boxes"},
        from_steps=True,
        logarithmic=True,
    ),
    Panel(title="IoU of the positive cells", columns={"mean_iou": ""}, from_steps=True),
    LEARNING_RATE,
    SPEED,
    Panel(title="AP (validation)", columns={"ap": "AP", "ap50": "AP@.5"}),
    Panel(title="score 0.3 (validation)", columns={"recall": "recall", "precision": "precision"}),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectorTask:
    """A detector in training: a `TrainingTask`.

    Attributes:
        model: the network as wrapped by the engine.
        normalise: normalisation of the network's input.
        state: state that checkpoints store.
        average: network for the averaged weights.
        spec: row of the model table.
        engine: device and processes.
        panels: panels of the curves image.
    """

    model: nn.Module
    normalise: Normalise
    state: TrainingState
    average: RTMDet
    spec: DetectorSpec
    engine: Engine
    panels: Sequence[Panel] = DETECTOR_PANELS

    def losses(self, batch: DetectorBatch) -> dict[str, Tensor]:
        """Losses of the model in training mode (`detector_losses`)."""
        engine = self.engine
        pixels = torch.from_numpy(batch.images).to(engine.device, non_blocking=True)
        images = self.normalise(pixels).contiguous(memory_format=engine.memory_format)
        with engine.autocast():
            logits, distances = self.model(images)
        people = pad_boxes(
            [torch.from_numpy(boxes) for boxes in batch.boxes_xyxy],
            [torch.from_numpy(ignored) for ignored in batch.ignored],
        )
        people = people.to(engine.device)
        losses = detector_losses(logits, distances, people, engine.all_reduce_mean)
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
        """Metrics of the averaged weights, and a sheet of their detections."""
        self.state.average.copy_to(self.average)
        graph = DetectorGraph(self.average, self.spec).to(self.engine.device).eval()
        metrics, detections = validate_detector(graph_session(self.spec, graph), batches)
        return metrics, draw_detections(batches, detections, title)


def prepare_detector(
    recipe: DetectorRecipe, engine: Engine, initial: Path | None = None
) -> DetectorTask:
    """Build network, weight average and optimizer, seeded by the recipe.

    Args:
        recipe: recipe of the training.
        engine: device and processes.
        initial: file of the weights to initialize from.

    Raises:
        WeightsError: the file does not fit the model.
    """
    spec = recipe.model
    torch.manual_seed(recipe.seed)
    network, average = RTMDet(spec), RTMDet(spec)
    if initial is not None:
        load_network_weights(network, spec.name, initial)
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
