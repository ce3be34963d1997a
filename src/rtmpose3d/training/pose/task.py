"""What a pose model's training starts from: network, teacher, averages, optimiser, of a recipe.

`prepare` builds all of it on the engine's device, always in the same order, so that equal seeds
begin alike whatever the number of processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from rtmpose3d.errors import InputError
from rtmpose3d.models.graph import PoseGraph
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.structures import Image
from rtmpose3d.training.data.batches import PoseBatch
from rtmpose3d.training.data.loading import to_device
from rtmpose3d.training.loop.checkpoint import TrainingState
from rtmpose3d.training.loop.curves import LEARNING_RATE, SPEED, Panel
from rtmpose3d.training.loop.ema import WeightAverage
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.pose.distillation import Teacher
from rtmpose3d.training.pose.heatmaps import MapHead
from rtmpose3d.training.pose.initialization import (
    InitialWeights,
    NetworkPart,
    freeze,
    load_initial,
    trained_network,
)
from rtmpose3d.training.pose.sheets import draw_sheet
from rtmpose3d.training.pose.step import Beside, PoseLosses, TrainedModel
from rtmpose3d.training.pose.validation import validate
from rtmpose3d.training.recipes.base import MAP_STRIDES, PoseRecipe
from rtmpose3d.training.recipes.schedule import optimizer_groups
from rtmpose3d.zoo import PoseSpec

_PARTS = ("body", "feet", "face", "hands")
PANELS = (
    Panel(
        title="loss",
        columns={
            "loss": "all",
            "keypoint_loss": "keypoints",
            "bone_loss": "bones",
            "logit_loss": "teacher's logits",
            "feature_loss": "and features",
        },
        of_steps=True,
        logarithmic=True,
    ),
    LEARNING_RATE,
    Panel(title="PCK@0.1 (validation)", columns={f"pck10_{part}": part for part in _PARTS}),
    Panel(title="PCK@0.05 (validation)", columns={f"pck05_{part}": part for part in _PARTS}),
    Panel(title="MPJPE, mm (validation)", columns={"mpjpe_mm": "whole", "mpjpe_body_mm": "body"}),
    SPEED,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseTask:
    """A pose model that is trained: a `Task`.

    Attributes:
        model: a `TrainedModel`, with what the engine put around it.
        pose_losses: of the recipe.
        state: what checkpoints hold.
        average: a network to put the averaged weights into.
        spec: of the network.
        engine: where it runs.
        panels: see `Task`.
    """

    model: nn.Module
    pose_losses: PoseLosses
    state: TrainingState
    average: PoseNetwork
    spec: PoseSpec
    engine: Engine
    panels: Sequence[Panel] = PANELS

    def losses(self, batch: PoseBatch) -> dict[str, Tensor]:
        """See `Task`."""
        return self.pose_losses(self.model, to_device(batch, self.engine.device), self.state.step)

    def validate(self, batches: Sequence[PoseBatch], title: str) -> tuple[dict[str, float], Image]:
        """See `Task`."""
        self.state.average.copy_to(self.average)
        graph = PoseGraph(self.average, self.spec).to(self.engine.device).eval()
        figures, found = validate(graph, self.spec, batches)
        return figures, draw_sheet(batches, found, title)


def prepare(
    recipe: PoseRecipe, engine: Engine, initial: InitialWeights | None, teacher_file: Path | None
) -> PoseTask:
    """Build everything, seeded by the recipe.

    Args:
        recipe: of the training.
        engine: where it runs.
        initial: weights to begin with.
        teacher_file: of the recipe's distillation.

    Raises:
        InputError: a distillation without a teacher, or the other way round; nothing left to
            train.
        WeightsError: a file that does not fit its model.
    """
    spec = recipe.model
    torch.manual_seed(recipe.seed)
    network, average = PoseNetwork(spec), PoseNetwork(spec)
    teacher = _teacher(recipe, engine, teacher_file)
    for weights in _beginning(recipe, initial, teacher_file):
        load_initial(network, spec, weights)
    freeze(network, recipe.frozen)
    channels = network.backbone.channels
    level = MAP_STRIDES.index(recipe.map_stride)
    beside = Beside(
        MapHead(channels[level], spec.keypoints, depth=spec.codec.has_depth)
        if recipe.map_weight
        else None,
        level,
        None if teacher is None else teacher.align(channels[2]),
    )
    for module in (average, network, beside):
        engine.setup(module)
    groups = [
        *optimizer_groups(network, recipe.weight_decay),
        *optimizer_groups(beside, recipe.weight_decay),
    ]
    state = TrainingState(
        network=network,
        average=WeightAverage(network, momentum=recipe.ema_momentum, gamma=recipe.ema_gamma),
        optimizer=torch.optim.AdamW(groups, lr=recipe.learning_rate),
        beside=beside,
    )
    if engine.rank:  # dropout of each process its own
        torch.manual_seed(recipe.seed + engine.rank)
    return PoseTask(
        model=engine.wrap(TrainedModel(network, beside, recipe.frozen)),
        pose_losses=PoseLosses(recipe, engine, teacher),
        state=state,
        average=average,
        spec=spec,
        engine=engine,
    )


def _teacher(recipe: PoseRecipe, engine: Engine, path: Path | None) -> Teacher | None:
    """The teacher of the recipe's distillation, with the weights of a file."""
    distillation = recipe.distillation
    if (distillation is None) != (path is None):
        raise InputError(
            "a distillation needs the teacher's weights, and they need a distillation; got "
            f"{'none' if path is None else path} with "
            f"{'no distillation' if distillation is None else distillation.stage}"
        )
    if distillation is None or path is None:
        return None
    network = trained_network(distillation.teacher, path)
    engine.setup(network)
    return Teacher(network, distillation, recipe.model, engine.device)


def _beginning(
    recipe: PoseRecipe, initial: InitialWeights | None, teacher_file: Path | None
) -> list[InitialWeights]:
    """What the network begins with; in stage 2 of a distillation, the teacher but its head."""
    if recipe.distillation is None or recipe.distillation.stage == "stage1":
        return [] if initial is None else [initial]
    assert teacher_file is not None
    if initial is not None and set(initial.parts) != {"head"}:
        raise InputError(
            "stage2 of a distillation begins with the teacher's backbone and neck; initial "
            f"weights may be those of the head, got {', '.join(initial.parts)}"
        )
    parts: list[NetworkPart] = ["backbone", *(["neck"] if recipe.model.pafpn else [])]
    own = InitialWeights(path=teacher_file, parts=parts)
    return [own] if initial is None else [own, initial]
