"""A budget of memory that threads share: who would exceed it waits until others are done."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rtmpose3d.sources.limits import MAX_DECODING_BYTES


class MemoryBudget:
    """Bytes that may be in use at the same time.

    Args:
        total: bytes.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._reset()
        if hasattr(os, "register_at_fork"):  # the threads that hold it stay in the parent
            os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._free = self._total
        self._changed = threading.Condition()

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Holds some bytes, once they are free; not to be nested.

        Args:
            size: at most the total; more counts as the total.
        """
        size = min(size, self._total)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= size)
            self._free -= size
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()


DECODING = MemoryBudget(MAX_DECODING_BYTES)
"""Memory of all images that are being decoded."""
