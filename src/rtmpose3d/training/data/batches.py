"""Batches and their sources, for any task.

A `BatchSource` returns batch number i, and always the same one. So a resumed training continues
with the very next batch, and worker processes need no coordination.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np


class Batch(Protocol):
    """Images with their labels."""

    @property
    def skipped(self) -> Sequence[str]:
        """Error messages of the samples that were replaced by others."""
        ...

    def __len__(self) -> int: ...

    def part(self: B, rows: range) -> B:
        """Batch of some of the images."""
        ...

    def arrays(self) -> Mapping[str, np.ndarray]:
        """All arrays, to be saved for inspection."""
        ...


B = TypeVar("B", bound=Batch)
B_co = TypeVar("B_co", bound=Batch, covariant=True)


class BatchSource(Protocol[B_co]):
    """Source of batches. The same index returns the same batch."""

    def batch(self, index: int) -> B_co:
        """Batch number `index`, from 0."""
        ...


@runtime_checkable
class RowSource(Protocol[B_co]):
    """A `BatchSource` that can make part of a batch without the rest."""

    def rows(self, index: int, rows: range) -> B_co:
        """Some rows of batch number `index`."""
        ...


@dataclass(frozen=True, kw_only=True)
class TrainingData(Generic[B_co]):
    """Batches to train and to validate on.

    Attributes:
        open_stage: opens the source of stage 1 or 2 in the thread or process that reads from it
            (see `load_batches`).
        validation: fixed batches, the same throughout the training.
        workers: number of processes that make batches; 0: a thread.
        skipped: labels that were not used, as text for the log.
    """

    open_stage: Callable[[int], BatchSource[B_co]]
    validation: Sequence[B_co] = ()
    workers: int = 0
    skipped: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class PartSource(Generic[B]):
    """The part of every batch that one of several processes trains on.

    Attributes:
        source: source of full batches; a `RowSource` makes no more than the part.
        rank, world_size: index of the process, and number of processes.
        batch_size: size of a full batch; a multiple of `world_size`.
    """

    source: BatchSource[B]
    rank: int
    world_size: int
    batch_size: int

    def batch(self, index: int) -> B:
        """This process's part of batch number `index`."""
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


def open_part(
    open_stage: Callable[[int], BatchSource[B]], stage: int, part: tuple[int, int, int]
) -> BatchSource[B]:
    """Open the source of a stage, or one process's part of it.

    Args:
        open_stage: opens the source of full batches.
        stage: 1 or 2.
        part: rank, number of processes, size of a full batch.
    """
    source = open_stage(stage)
    rank, world_size, batch_size = part
    if world_size == 1:
        return source
    return PartSource(source=source, rank=rank, world_size=world_size, batch_size=batch_size)
