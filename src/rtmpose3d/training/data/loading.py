"""Batches that are ready when the training step wants them, and their way to the device.

`load_batches` runs a source in a thread or in processes, ahead of the step, always in the order of
the indices.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from rtmpose3d.training.data.batches import PoseBatch
from rtmpose3d.training.loop.task import B, BatchSource

T = TypeVar("T")
OpenSource = Callable[[], BatchSource[B]]


def load_batches(
    open_source: OpenSource[B], *, start: int = 0, workers: int = 0, ahead: int = 2
) -> Generator[B, None, None]:
    """Batches start, start + 1, ..., made while the training step runs. Never ends by itself.

    Args:
        open_source: makes the source where it runs: in the thread or in each process. With
            processes it must be a function of a module (or a `functools.partial` of one). A
            source that has a `close` is closed at the end.
        start: first index.
        workers: processes; 0: one thread of this process.
        ahead: batches kept ready (of each process).

    Raises:
        Whatever the source raises.
    """
    if workers:
        yield from _from_processes(open_source, start, workers, ahead)
    else:
        yield from _from_thread(open_source, start, ahead)


def _from_thread(open_source: OpenSource[B], start: int, ahead: int) -> Generator[B, None, None]:
    ready: queue.Queue[B | BaseException] = queue.Queue(maxsize=ahead)
    stop = threading.Event()

    def put(item: B | BaseException) -> None:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def work() -> None:
        source: BatchSource[B] | None = None
        try:
            source = open_source()
            index = start
            while not stop.is_set():
                put(source.batch(index))
                index += 1
        except BaseException as error:  # handed to the loop, which raises it
            put(error)
        finally:
            close = getattr(source, "close", None)  # a renderer must close where it was opened
            if close is not None:
                close()

    thread = threading.Thread(target=work, name="training-batches", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join(timeout=30)


class _Indices:
    """start, start + 1, ... without end, as a sampler."""

    def __init__(self, start: int) -> None:
        self.start = start

    def __iter__(self) -> Iterator[int]:
        index = self.start
        while True:
            yield index
            index += 1


class _Lazy(Dataset[B], Generic[B]):
    """Opens the source in the process that reads from it."""

    def __init__(self, open_source: OpenSource[B]) -> None:
        self.open_source = open_source
        self.source: BatchSource[B] | None = None

    def __getitem__(self, index: int) -> B:
        if self.source is None:
            self.source = self.open_source()
        return self.source.batch(index)


def _from_processes(
    open_source: OpenSource[B], start: int, workers: int, ahead: int
) -> Generator[B, None, None]:
    yield from DataLoader(
        _Lazy(open_source),
        batch_size=None,
        sampler=_Indices(start),
        num_workers=workers,
        prefetch_factor=ahead,
        multiprocessing_context="spawn",  # OpenGL and CUDA do not survive a fork
        collate_fn=_as_it_is,
    )


def _as_it_is(batch: T) -> T:
    return batch


@dataclass(frozen=True, kw_only=True, eq=False)
class DeviceBatch:
    """What the step needs of a batch, on its device.

    Attributes:
        crops: (B, h, w, 3) uint8.
        keypoints_px: (B, K, 2); visible: (B, K); relative_depth_m: (B, K), nan where unknown.
        metres_per_px: (B,), nan without 3D.
    """

    crops: torch.Tensor
    keypoints_px: torch.Tensor
    visible: torch.Tensor
    relative_depth_m: torch.Tensor
    metres_per_px: torch.Tensor


def to_device(batch: PoseBatch, device: torch.device) -> DeviceBatch:
    """Copy a batch to the device."""

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device, non_blocking=True)

    return DeviceBatch(
        crops=tensor(batch.crops),
        keypoints_px=tensor(np.nan_to_num(batch.keypoints_px)),
        visible=tensor(batch.visible),
        relative_depth_m=tensor(batch.relative_depth_m()),
        metres_per_px=tensor(batch.metres_per_px()),
    )
