"""Selection of frames by time, number and rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rtmpose3d.errors import InputError

_SAME_TIME_S = 1e-6  # times are ratios of whole numbers; 1/30 s must not miss --start 0.0333333


@dataclass(frozen=True, kw_only=True)
class FrameSelection:
    """Choice of the frames of a source that are used.

    Attributes:
        start_s: time of the first frame, seconds since the start of the source.
        end_s: frames from this time on are not used; None for all.
        every: the first of this many frames is used.
        max_fps: at most this many frames per second are used; None for all.

    Raises:
        InputError: a time below 0, an end before the start, or a number that is not positive.
    """

    start_s: float = 0.0
    end_s: float | None = None
    every: int = 1
    max_fps: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start_s) and self.start_s >= 0):
            raise InputError(f"start must be a time of at least 0 s, got {self.start_s!r}")
        if self.end_s is not None and not self.end_s > self.start_s:
            raise InputError(f"end must be after start ({self.start_s:g} s), got {self.end_s!r} s")
        if isinstance(self.every, bool) or not isinstance(self.every, int) or self.every < 1:
            raise InputError(f"every must be a whole number from 1, got {self.every!r}")
        if self.max_fps is not None and not (math.isfinite(self.max_fps) and self.max_fps > 0):
            raise InputError(f"fps must be above 0, got {self.max_fps!r}")

    def is_before(self, time_s: float) -> bool:
        """Whether a time is before the start."""
        return time_s < self.start_s - _SAME_TIME_S

    def is_after(self, time_s: float) -> bool:
        """Whether a time is at or after the end."""
        return self.end_s is not None and time_s >= self.end_s - _SAME_TIME_S


class FrameSelector:
    """Applies a selection to the frames of one source, one after the other."""

    def __init__(self, selection: FrameSelection) -> None:
        self.selection = selection
        self._count = 0
        self._due_s = -math.inf

    def accepts(self, time_s: float) -> bool:
        """Whether the next frame, which has this time, is used."""
        if self.selection.is_before(time_s) or self.selection.is_after(time_s):
            return False
        self._count += 1
        if (self._count - 1) % self.selection.every:
            return False
        max_fps = self.selection.max_fps
        if max_fps is None:
            return True
        if time_s < self._due_s - _SAME_TIME_S:
            return False
        # The grid of due times keeps the mean rate; after a gap it starts again.
        late = time_s - self._due_s > 1 / max_fps
        self._due_s = (time_s if late else self._due_s) + 1 / max_fps
        return True
