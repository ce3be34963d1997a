"""Runs of streams on the command line: results written, progress shown, Ctrl-C a clean end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rtmpose3d.cli.interrupts import finish_on_interrupt
from rtmpose3d.cli.terminal import plural
from rtmpose3d.errors import BackendError, InputError, OutputError

if TYPE_CHECKING:
    from rtmpose3d.pipeline import PoseStream
    from rtmpose3d.sinks import Sink
    from rtmpose3d.structures import PoseResult

_RATE_S = 2.0  # seconds over which the rate is measured


@dataclass(kw_only=True)
class StreamSummary:
    """Outcome of a stream.

    Attributes:
        frames: number of results that were written.
        ids: of the tracks.
        people: highest number of people in a frame.
        seconds: the time that it took.
        reason: of a failure; empty after a full run.
        interrupted: whether Ctrl-C ended it.
    """

    frames: int = 0
    ids: set[int] = field(default_factory=set)
    people: int = 0
    seconds: float = 0.0
    reason: str = ""
    interrupted: bool = False

    def add(self, result: PoseResult) -> None:
        """Count a result."""
        self.frames += 1
        self.people = max(self.people, len(result))
        if result.track_ids is not None:
            self.ids.update(result.track_ids.tolist())

    def describe(self, stream: PoseStream) -> str:
        """One line: frames, people, speed."""
        fps = self.frames / self.seconds if self.seconds else 0.0
        people = plural(self.people, "person", "people")
        text = f"{plural(self.frames, 'frame', 'frames')}, {people}"
        if self.ids:
            text += f" at once, {plural(len(self.ids), 'track', 'tracks')}"
        text += f"; {fps:.1f} frames per second, detector in {stream.detections}"
        return f"{text}, {stream.dropped} dropped" if stream.is_live else text


class RateMeter:
    """Frames per second over the last seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def count(self) -> None:
        """Count a frame."""
        now = time.monotonic()
        self._times.append(now)
        while now - self._times[0] > _RATE_S:
            self._times.popleft()

    @property
    def fps(self) -> float:
        """The rate; 0 before the second frame."""
        if len(self._times) < 2:
            return 0.0
        return (len(self._times) - 1) / max(self._times[-1] - self._times[0], 1e-6)


def write_stream(
    stream: PoseStream,
    sinks: Sequence[Sink],
    *,
    after_frame: Callable[[PoseResult, RateMeter], bool | None],
) -> StreamSummary:
    """Write the results of a stream to sinks; what is finished stays whatever happens.

    Args:
        stream: closed at the end.
        sinks: opened and closed here.
        after_frame: called with each result after it was written; False ends the stream.

    Returns:
        What was done; failures are in its `reason`.
    """
    summary, meter = StreamSummary(), RateMeter()
    began = time.monotonic()
    try:
        # Outermost, so that Ctrl-C while the files are completed does not abandon them.
        with finish_on_interrupt(stream.stop) as interruption, stream, ExitStack() as stack:
            for sink in sinks:
                stack.enter_context(sink)
            try:
                for result in stream:
                    for sink in sinks:
                        sink.write(result)
                    summary.add(result)
                    meter.count()
                    if after_frame(result, meter) is False:
                        break
            # Caught before the sinks are closed: their files keep what is done.
            except (InputError, BackendError, OutputError) as error:
                summary.reason = str(error)
            summary.interrupted = interruption.requested
            if not summary.frames and not summary.reason and not summary.interrupted:
                summary.reason = f"{stream.info.name} has no frame in the chosen time"
            if not summary.frames:
                raise InputError(summary.reason or "interrupted before the first frame")
        summary.interrupted = interruption.requested
    except (InputError, OutputError) as error:
        summary.reason = str(error) if summary.frames or not summary.interrupted else ""
    summary.seconds = time.monotonic() - began
    return summary
