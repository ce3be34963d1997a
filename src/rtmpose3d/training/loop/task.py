"""What the training loop needs of batches and of what is trained; poses and boxes both have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from torch import Tensor, nn

from rtmpose3d.structures import Image
from rtmpose3d.training.loop.checkpoint import TrainingState
from rtmpose3d.training.loop.curves import Panel


class Batch(Protocol):
    """Images with their labels."""

    @property
    def skipped(self) -> Sequence[str]:
        """What is wrong with samples that others took the place of."""
        ...

    def __len__(self) -> int: ...

    def part(self: B, rows: range) -> B:
        """Some of its images."""
        ...

    def arrays(self) -> Mapping[str, np.ndarray]:
        """All of it, to be looked at in a file."""
        ...


B = TypeVar("B", bound=Batch)
B_co = TypeVar("B_co", bound=Batch, covariant=True)
B_contra = TypeVar("B_contra", bound=Batch, contravariant=True)


class BatchSource(Protocol[B_co]):
    """Whatever makes batches. The same index gives the same batch."""

    def batch(self, index: int) -> B_co:
        """Batch number `index`, from 0."""
        ...


@runtime_checkable
class RowSource(Protocol[B_co]):
    """A `BatchSource` that can make a part of a batch without the rest."""

    def rows(self, index: int, rows: range) -> B_co:
        """Those rows of batch number `index`."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class PartSource(Generic[B]):
    """The part of every batch that one of several processes trains on.

    Attributes:
        source: of whole batches; one that has `rows` makes no more than the part.
        rank, world_size: number of the process, and of all.
        batch_size: of a whole batch; can be divided among them.
    """

    source: BatchSource[B]
    rank: int
    world_size: int
    batch_size: int

    def batch(self, index: int) -> B:
        """See `BatchSource`."""
        size = self.batch_size // self.world_size
        rows = range(self.rank * size, (self.rank + 1) * size)
        if isinstance(self.source, RowSource):
            part: B = self.source.rows(index, rows)
            return part
        return self.source.batch(index).part(rows)

    def close(self) -> None:
        """Close the source, if it can be closed."""
        close = getattr(self.source, "close", None)
        if close is not None:
            close()


class Task(Protocol[B_contra]):
    """What is trained, what is minimised, and how good it is."""

    @property
    def state(self) -> TrainingState:
        """All that changes, as checkpoints hold it."""
        ...

    @property
    def model(self) -> nn.Module:
        """What the losses are of, with what the engine put around it."""
        ...

    @property
    def panels(self) -> Sequence[Panel]:
        """Diagrams of its figures."""
        ...

    def losses(self, batch: B_contra) -> Mapping[str, Tensor]:
        """Of the model in training mode: "loss", which is minimised, and what is logged with it."""
        ...

    def validate(
        self, batches: Sequence[B_contra], title: str
    ) -> tuple[Mapping[str, float], Image]:
        """Figures of the averaged weights, and a sheet of what they predict."""
        ...
