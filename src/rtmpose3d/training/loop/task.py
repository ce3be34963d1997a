"""`TrainingTask`: the interface between the training loop and what is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from torch import Tensor, nn

from rtmpose3d.structures import Image
from rtmpose3d.training.data.batches import Batch
from rtmpose3d.training.loop.checkpoint import TrainingState
from rtmpose3d.training.loop.curves import Panel

B_contra = TypeVar("B_contra", bound=Batch, contravariant=True)


class TrainingTask(Protocol[B_contra]):
    """A model in training, with its losses and its validation."""

    @property
    def state(self) -> TrainingState:
        """Everything that changes during the training, as checkpoints store it."""
        ...

    @property
    def model(self) -> nn.Module:
        """Module that computes the losses' inputs, as wrapped by the engine."""
        ...

    @property
    def panels(self) -> Sequence[Panel]:
        """Panels of the curves image."""
        ...

    def losses(self, batch: B_contra) -> Mapping[str, Tensor]:
        """Losses of the model in training mode: "loss" is minimised, the others are logged."""
        ...

    def validate(
        self, batches: Sequence[B_contra], title: str
    ) -> tuple[Mapping[str, float], Image]:
        """Metrics of the averaged weights, and an image of their predictions."""
        ...
