"""Ctrl-C as a request to finish, so that files of a stream are completed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Whether Ctrl-C was pressed."""

    requested = False


@contextmanager
def finish_on_interrupt(stop: Callable[[], None]) -> Iterator[Interruption]:
    """Call a function on Ctrl-C, instead of raising KeyboardInterrupt amid a frame.

    A second Ctrl-C raises it.

    Args:
        stop: requests the end of the work in the block.

    Yields:
        Whether it was requested.
    """
    interruption = Interruption()

    def handle(number: int, frame: FrameType | None) -> None:
        if interruption.requested:
            raise KeyboardInterrupt
        interruption.requested = True
        stop()

    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    previous = signal.signal(signal.SIGINT, handle)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, previous)
