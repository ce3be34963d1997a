"""What a training starts from: network, teacher, averages, optimiser, made of a recipe.

`prepare` builds all of it on the engine's device, always in the same order, so that equal seeds
begin alike whatever the number of processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from rtmpose3d.errors import InputError
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.training.beginning import (
    InitialWeights,
    NetworkPart,
    freeze,
    load_initial,
    trained_network,
)
from rtmpose3d.training.checkpointing import TrainingState
from rtmpose3d.training.distillation import Teacher
from rtmpose3d.training.ema import WeightAverage
from rtmpose3d.training.engine import Engine
from rtmpose3d.training.maps import MapHead
from rtmpose3d.training.recipe import MAP_STRIDES, PoseRecipe
from rtmpose3d.training.schedule import optimizer_groups
from rtmpose3d.training.step import Beside, PoseLosses, TrainedModel


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """All that a training works with.

    Attributes:
        model: a `TrainedModel`, with what the engine put around it.
        losses: of the recipe.
        state: what checkpoints hold.
        average: a network to put the averaged weights into.
    """

    model: nn.Module
    losses: PoseLosses
    state: TrainingState
    average: PoseNetwork


def prepare(
    recipe: PoseRecipe, engine: Engine, initial: InitialWeights | None, teacher_file: Path | None
) -> Prepared:
    """Build everything, seeded by the recipe.

    Args:
        recipe: of the training.
        engine: where it runs.
        initial: weights to begin with.
        teacher_file: of the recipe's distillation.

    Raises:
        InputError: a batch that the processes cannot share; a distillation without a teacher, or
            the other way round; nothing left to train.
        WeightsError: a file that does not fit its model.
    """
    if recipe.batch_size % engine.world_size:
        raise InputError(
            f"{engine.world_size} processes cannot share a batch of {recipe.batch_size} crops "
            "equally; choose a batch size that can be divided among them"
        )
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
    return Prepared(
        model=engine.wrap(TrainedModel(network, beside, recipe.frozen)),
        losses=PoseLosses(recipe, engine, teacher),
        state=state,
        average=average,
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
