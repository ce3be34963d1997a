"""`BackgroundIterator`: runs an iterator in a thread, a bounded number of items ahead."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
_POLL_S = 0.1  # how fast a full or empty queue notices the end; also lets Ctrl-C through


@dataclass(frozen=True)
class _End:
    """The end of the items; with the error that ended them, if any."""

    error: BaseException | None


class BackgroundIterator(Generic[Item]):
    """The items of an iterator, computed in a thread of its own while others are used.

    Order is kept. An error of the iterator is raised after the items that came before it.

    Args:
        items: computed in the thread, never by the caller; closed there if it is a generator.
        ahead: number of items that wait at most.
        name: of the thread.
    """

    def __init__(self, items: Iterator[Item], *, ahead: int, name: str) -> None:
        self._items = items
        self._queue: queue.Queue[Item | _End] = queue.Queue(max(1, ahead))
        self._stop = threading.Event()
        self._end: _End | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        """The next item, as soon as it is there."""
        while self._end is None and not self._stop.is_set():
            try:
                item = self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if not isinstance(item, _End):
                return item
            self._end = item
        error = None if self._end is None else self._end.error
        self._end = _End(None)
        if error is not None:
            raise error
        raise StopIteration

    def stop(self) -> None:
        """Request the end; may be called by any thread and by a signal handler."""
        self._stop.set()

    def close(self, timeout_s: float = 5.0) -> None:
        """Stop the thread after the item that it computes, and wait for it.

        Args:
            timeout_s: seconds to wait; the thread does not keep the process alive.
        """
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._items:
                if not self._put(item):
                    break
        except BaseException as failure:
            error = failure
        finally:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()
            self._put(_End(error))

    def _put(self, item: Item | _End) -> bool:
        """Whether an item was queued; False if the iterator is closed."""
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return True
        return False
