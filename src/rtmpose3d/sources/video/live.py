"""Live sources: a thread captures all frames, and only the newest is kept.

A frame that is not taken before the next arrives is dropped and counted. A source that gives no
frame in time, or that ends, is connected again where that is requested.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rtmpose3d.errors import InputError, RTMPose3DError
from rtmpose3d.sources.video.selection import FrameSelection, FrameSelector
from rtmpose3d.sources.video.stream import FrameStream, StreamInfo
from rtmpose3d.structures.arrays import Image
from rtmpose3d.structures.frame import Frame

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 8.0
_CLOSE_TIMEOUT_S = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Captured:
    """A frame as it arrives; it is converted only if it is used.

    Attributes:
        image: gives the upright BGR image.
        time_s: time by the source's own clock, from any zero; None: the time of arrival.
    """

    image: Callable[[], Image]
    time_s: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Connection:
    """An open live source: what is known about it, and the frames as they arrive."""

    info: StreamInfo
    frames: Iterator[Captured]


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """Patience with a live source.

    Attributes:
        timeout_s: seconds without a frame after which the source has failed.
        reconnects: attempts to connect again after a failure, before the stream ends.

    Raises:
        InputError: a time that is not positive, or a number below 0.
    """

    timeout_s: float = 10.0
    reconnects: int = 0

    def __post_init__(self) -> None:
        if not self.timeout_s > 0:
            raise InputError(f"timeout must be above 0 s, got {self.timeout_s!r}")
        if self.reconnects < 0:
            raise InputError(f"reconnects must be a number from 0, got {self.reconnects!r}")


class LiveStream(FrameStream):
    """The newest frame of a camera or of a live address, whenever one is taken.

    `Frame.time_s` is the time since the first frame, by the source's clock where it has one;
    `Frame.index` counts dropped frames, too.

    Args:
        connect: opens the source; called again for each reconnection.
        selection: frames to use.
        options: patience.

    Raises:
        InputError: the source cannot be opened.
    """

    is_live = True

    def __init__(
        self, connect: Callable[[], Connection], selection: FrameSelection, options: LiveOptions
    ) -> None:
        first = connect()
        super().__init__(first.info)
        self._connect, self._options = connect, options
        self._selector = FrameSelector(selection)
        self._changed = threading.Condition()
        self._newest: tuple[Captured, int, float] | None = None
        self._error: RTMPose3DError | None = None
        self._finished = self._stopped = False
        self._zero_s: float | None = None  # clock time of time_s = 0, without the delay of arrival
        self._offset_s: float | None = None  # the source's own clock minus time_s
        self._last_s = -1.0
        self._thread = threading.Thread(
            target=self._run, args=(first,), name="rtmpose3d-capture", daemon=True
        )
        self._thread.start()

    def __next__(self) -> Frame:
        """The newest frame, as soon as there is one that was not given yet.

        Raises:
            StopIteration: the source has ended.
            InputError: it failed, or gave no frame within the time limit.
        """
        while True:
            captured, index, time_s = self._wait()
            if self._selector.selection.is_after(time_s):
                self.close()
                raise StopIteration
            if self._selector.accepts(time_s):
                return Frame(image=captured.image(), index=index, time_s=time_s)

    def latency_s(self, time_s: float) -> float | None:
        """Seconds since a frame was captured, estimated from the frame that arrived fastest."""
        if self._zero_s is None:
            return None
        return max(0.0, time.monotonic() - self._zero_s - time_s)

    def close(self) -> None:
        """Stop capturing and release the source."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(_CLOSE_TIMEOUT_S)

    def _wait(self) -> tuple[Captured, int, float]:
        patience_s = self._options.timeout_s * (1 + self._options.reconnects) + _LONGEST_PAUSE_S * (
            self._options.reconnects
        )
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._newest is not None or self._finished or self._stopped, patience_s
            ):
                self._stopped = True
                raise InputError(
                    f"{self.info.name} gave no frame within {self._options.timeout_s:g} s"
                )
            if self._newest is not None and not self._stopped:
                newest, self._newest = self._newest, None
                return newest
            if self._error is not None and not self._stopped:
                raise self._error
            raise StopIteration

    # -- the capturing thread ------------------------------------------------------------------

    def _run(self, connection: Connection | None) -> None:
        attempts = index = 0
        reason = ""
        error: RTMPose3DError | None = None
        while not self._stopped:
            try:
                connection = connection or self._connect()
                for captured in connection.frames:
                    attempts = 0
                    self._offer(captured, index)
                    index += 1
                    if self._stopped:
                        return
                reason, error = "the stream ended", None
            except RTMPose3DError as failure:
                reason, error = str(failure), failure
            connection = None
            if attempts >= self._options.reconnects:
                break
            self._note_end(f"{reason}; connecting again")
            self._pause(min(_FIRST_PAUSE_S * 2**attempts, _LONGEST_PAUSE_S))
            attempts += 1
            self._offset_s = None
        with self._changed:
            self._error = error
            self._finished = True
            if error is None:
                self._note_end(reason)
            self._changed.notify_all()

    def _note_end(self, text: str) -> None:
        named = text.startswith(self.info.name)  # as errors do
        self.add_note(text if named else f"{self.info.name}: {text}")

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, seconds)

    def _offer(self, captured: Captured, index: int) -> None:
        now = time.monotonic()
        with self._changed:
            time_s = self._stream_time(captured, now)
            self._last_s = time_s
            if self._newest is not None:
                self.dropped += 1
            self._newest = captured, index, time_s
            self._changed.notify_all()

    def _stream_time(self, captured: Captured, now: float) -> float:
        """Seconds since the first frame; always later than that of the frame before."""
        if self._zero_s is None:
            self._zero_s = now
        arrival_s = now - self._zero_s
        own_s = captured.time_s
        if own_s is None:
            return max(arrival_s, self._last_s + 1e-6)
        if self._offset_s is None:
            self._offset_s = own_s - arrival_s
        time_s = own_s - self._offset_s
        if arrival_s < time_s:  # the first frame was delayed more than this one
            self._zero_s -= time_s - arrival_s
        return max(time_s, self._last_s + 1e-6)
