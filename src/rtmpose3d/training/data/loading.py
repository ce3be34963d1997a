"""Batches made in a thread or in processes, ahead of the training step: `load_batches`."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

from torch.utils.data import DataLoader, Dataset

from rtmpose3d.training.data.batches import B, BatchSource

T = TypeVar("T")
OpenSource = Callable[[], BatchSource[B]]


def load_batches(
    open_source: OpenSource[B], *, start: int = 0, workers: int = 0, ahead: int = 2
) -> Generator[B, None, None]:
    """Yield batches start, start + 1, ..., made while the training step runs. Never ends.

    Args:
        open_source: opens the source in the thread or in each process. With processes it must be
            picklable: a function of a module, or a `functools.partial` of one. A source with a
            `close` method is closed at the end.
        start: first index.
        workers: number of processes; 0: one thread of this process.
        ahead: number of batches to prepare ahead (per process).

    Raises:
        Exception: whatever the source raises.
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
        except BaseException as error:  # passed to the training loop, which raises it
            put(error)
        finally:
            # A renderer must be closed in the thread that opened it.
            close = getattr(source, "close", None)
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
    """Sampler of start, start + 1, ... without end."""

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
        collate_fn=_unchanged,
    )


def _unchanged(batch: T) -> T:
    return batch
