"""`PoseTask`: a pose model in training, built from a recipe by `prepare_pose`."""

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
from rtmpose3d.training.data.pose_batches import PoseBatch
from rtmpose3d.training.loop.checkpoint import TrainingState
from rtmpose3d.training.loop.curves import LEARNING_RATE, SPEED, Panel
from rtmpose3d.training.loop.ema import WeightAverage
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.optimizer import optimizer_groups
from rtmpose3d.training.pose.criterion import PoseCriterion, to_device
from rtmpose3d.training.pose.distillation import Teacher
from rtmpose3d.training.pose.heatmaps import HeatmapHead
from rtmpose3d.training.pose.initialization import (
    InitialWeights,
    freeze,
    init_weights,
    load_network,
)
from rtmpose3d.training.pose.model import AuxiliaryHeads, TrainedModel
from rtmpose3d.training.pose.sheet import draw_predictions
from rtmpose3d.training.pose.validation import validate_pose
from rtmpose3d.training.recipes.pose import HEATMAP_STRIDES, NetworkPart, PoseRecipe
from rtmpose3d.zoo import PoseSpec

_PARTS = ("body", "feet", "face", "hands")
POSE_PANELS = (
    Panel(
        title="loss",
        columns={
            "loss": "all",
            "keypoint_loss": "keypoints",
            "bone_loss": "bones",
            "logit_loss": "teacher's logits",
            "feature_loss": "teacher's features",
        },
        from_steps=True,
        logarithmic=True,
    ),
    LEARNING_RATE,
    Panel(title="PCK@0.1 (validation)", columns={f"pck10_{part}": part for part in _PARTS}),
    Panel(title="PCK@0.05 (validation)", columns={f"pck05_{part}": part for part in _PARTS}),
    Panel(title="MPJPE, mm (validation)", columns={"mpjpe_mm": "all", "mpjpe_body_mm": "body"}),
    SPEED,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseTask:
    """A pose model in training: a `TrainingTask`.

    Attributes:
        model: a `TrainedModel` as wrapped by the engine.
        criterion: losses of the recipe.
        state: state that checkpoints store.
        average: network for the averaged weights.
        spec: row of the model table.
        engine: device and processes.
        panels: panels of the curves image.
    """

    model: nn.Module
    criterion: PoseCriterion
    state: TrainingState
    average: PoseNetwork
    spec: PoseSpec
    engine: Engine
    panels: Sequence[Panel] = POSE_PANELS

    def losses(self, batch: PoseBatch) -> dict[str, Tensor]:
        """Losses of the model in training mode (`PoseCriterion`)."""
        return self.criterion(self.model, to_device(batch, self.engine.device), self.state.step)

    def validate(self, batches: Sequence[PoseBatch], title: str) -> tuple[dict[str, float], Image]:
        """Metrics of the averaged weights, and a sheet of their predictions."""
        self.state.average.copy_to(self.average)
        graph = PoseGraph(self.average, self.spec).to(self.engine.device).eval()
        metrics, predictions = validate_pose(graph, self.spec, batches)
        return metrics, draw_predictions(batches, predictions, title)


def prepare_pose(
    recipe: PoseRecipe,
    engine: Engine,
    initial: InitialWeights | None = None,
    teacher: Path | None = None,
) -> PoseTask:
    """Build network, teacher, weight average and optimizer, seeded by the recipe.

    Everything is built in the same order, so equal seeds give equal initial weights for any number
    of processes.

    Args:
        recipe: recipe of the training.
        engine: device and processes.
        initial: weights to initialize from.
        teacher: weights of the recipe's teacher.

    Raises:
        InputError: a distillation without a teacher or the reverse; nothing is left to train.
        WeightsError: a file does not fit its model.
    """
    spec = recipe.model
    torch.manual_seed(recipe.seed)
    network, average = PoseNetwork(spec), PoseNetwork(spec)
    teacher_model = _load_teacher(recipe, engine, teacher)
    for weights in _initial_weights(recipe, initial, teacher):
        init_weights(network, spec, weights)
    freeze(network, recipe.frozen)
    auxiliary = _auxiliary_heads(recipe, network, teacher_model)
    for module in (average, network, auxiliary):
        engine.setup(module)
    groups = [
        *optimizer_groups(network, recipe.weight_decay),
        *optimizer_groups(auxiliary, recipe.weight_decay),
    ]
    state = TrainingState(
        network=network,
        average=WeightAverage(network, momentum=recipe.ema_momentum, gamma=recipe.ema_gamma),
        optimizer=torch.optim.AdamW(groups, lr=recipe.learning_rate),
        auxiliary=auxiliary,
    )
    if engine.rank:  # each process has its own dropout
        torch.manual_seed(recipe.seed + engine.rank)
    return PoseTask(
        model=engine.wrap(TrainedModel(network, auxiliary, recipe.frozen)),
        criterion=PoseCriterion(recipe, engine, teacher_model),
        state=state,
        average=average,
        spec=spec,
        engine=engine,
    )


def _auxiliary_heads(
    recipe: PoseRecipe, network: PoseNetwork, teacher: Teacher | None
) -> AuxiliaryHeads:
    channels = network.backbone.channels
    level = HEATMAP_STRIDES.index(recipe.heatmap_stride)
    heatmaps = None
    if recipe.heatmap_weight:
        depth = recipe.model.codec.has_depth
        heatmaps = HeatmapHead(channels[level], recipe.model.keypoints, depth=depth)
    align = None if teacher is None else teacher.align(channels[2])
    return AuxiliaryHeads(heatmaps, level, align)


def _load_teacher(recipe: PoseRecipe, engine: Engine, path: Path | None) -> Teacher | None:
    """Load the teacher of the recipe's distillation."""
    distillation = recipe.distillation
    if (distillation is None) != (path is None):
        raise InputError(
            "a distillation needs the teacher's weights, and those need a distillation; got "
            f"{'none' if path is None else path} with "
            f"{'no distillation' if distillation is None else distillation.stage}"
        )
    if distillation is None or path is None:
        return None
    network = load_network(distillation.teacher, path)
    engine.setup(network)
    return Teacher(network, distillation, recipe.model, engine.device)


def _initial_weights(
    recipe: PoseRecipe, initial: InitialWeights | None, teacher: Path | None
) -> list[InitialWeights]:
    """Weights to initialize from; in stage 2 of a distillation, the teacher's except its head."""
    if recipe.distillation is None or recipe.distillation.stage == "stage1":
        return [] if initial is None else [initial]
    assert teacher is not None
    if initial is not None and set(initial.parts) != {"head"}:
        raise InputError(
            "stage2 of a distillation is initialized from the teacher's backbone and neck; "
            f"initial weights may be those of the head, got {', '.join(initial.parts)}"
        )
    parts: list[NetworkPart] = ["backbone", *(["neck"] if recipe.model.pafpn else [])]
    own = InitialWeights(path=teacher, parts=parts)
    return [own] if initial is None else [own, initial]
