"""Stop signals and running means of a training."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping
from types import FrameType, TracebackType

_SAME_SIGNAL_S = 2.0


class StopSignals:
    """Converts the first Ctrl-C (or SIGTERM) to a request that the loop handles between two steps.

    So a training never stops within a step. A second Ctrl-C interrupts at once; one within two
    seconds of the first is the same one, which torchrun forwards again.

    Attributes:
        requested: whether a stop was requested.
    """

    def __init__(self) -> None:
        self.requested = False
        self._requested_at = 0.0
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.getsignal(number)
                signal.signal(number, self._request)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.requested and now - self._requested_at > _SAME_SIGNAL_S:
            raise KeyboardInterrupt
        if not self.requested:
            self.requested, self._requested_at = True, now


class Meter:
    """Means of metrics since the last call of `means`, and the speed."""

    def __init__(self) -> None:
        self._reset()
        self._last = time.monotonic()

    def _reset(self) -> None:
        self._sums: dict[str, float] = {}
        self._steps = self._images = 0
        self._seconds = self._waiting = 0.0

    def end_wait(self) -> None:
        """Count the time since the last step as waiting for a batch."""
        now = time.monotonic()
        self._waiting += now - self._last
        self._seconds += now - self._last
        self._last = now

    def add(self, metrics: Mapping[str, float], images: int) -> None:
        """Add the metrics of a step."""
        now = time.monotonic()
        self._seconds += now - self._last
        self._last = now
        self._steps += 1
        self._images += images
        for name, value in metrics.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def means(self) -> dict[str, float]:
        """Means over the steps, images per second, fraction of time spent waiting for batches."""
        metrics = {name: total / self._steps for name, total in self._sums.items()}
        seconds = max(self._seconds, 1e-9)
        metrics |= {"images_per_s": self._images / seconds, "waiting": self._waiting / seconds}
        self._reset()
        self._last = time.monotonic()
        return metrics
