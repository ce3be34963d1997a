"""What a training shows while it runs, and how it is told to stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping
from types import FrameType, TracebackType

_SAME_SIGNAL_S = 2.0


class StopSignals:
    """Turns the first Ctrl-C (or SIGTERM) into a request that the loop sees between two steps.

    So a stopped training never leaves weights of half a step. A second Ctrl-C interrupts at once;
    one within two seconds of the first is the same one, which torchrun passes on again.

    Attributes:
        asked: whether somebody asked.
    """

    def __init__(self) -> None:
        self.asked = False
        self._asked_at = 0.0
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.getsignal(number)
                signal.signal(number, self._ask)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.asked and now - self._asked_at > _SAME_SIGNAL_S:
            raise KeyboardInterrupt
        if not self.asked:
            self.asked, self._asked_at = True, now


class Meter:
    """Means of figures since they were last asked for, and the speed."""

    def __init__(self) -> None:
        self._begin()
        self._last = time.monotonic()

    def _begin(self) -> None:
        self._sums: dict[str, float] = {}
        self._steps = self._images = 0
        self._seconds = self._waiting = 0.0

    def waited(self) -> None:
        """A batch has come: the time since the last step was spent waiting."""
        now = time.monotonic()
        self._waiting += now - self._last
        self._seconds += now - self._last
        self._last = now

    def add(self, figures: Mapping[str, float], images: int) -> None:
        """A step is done."""
        now = time.monotonic()
        self._seconds += now - self._last
        self._last = now
        self._steps += 1
        self._images += images
        for name, value in figures.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def means(self) -> dict[str, float]:
        """Means over the steps, images a second, share of the time spent waiting for batches."""
        figures = {name: total / self._steps for name, total in self._sums.items()}
        seconds = max(self._seconds, 1e-9)
        figures |= {"images_per_s": self._images / seconds, "waiting": self._waiting / seconds}
        self._begin()
        self._last = time.monotonic()
        return figures
