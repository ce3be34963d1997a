"""`FrameStream`: the frames of one source in order, and what is known about the source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rtmpose3d.geometry.camera import Camera
from rtmpose3d.structures.frame import Frame


@dataclass(frozen=True, kw_only=True)
class StreamInfo:
    """Facts about a source of frames, as its container or its device declares them.

    Attributes:
        name: of the source, for messages: its path, address or device.
        path: the file; None for other sources.
        size_wh: width and height of the upright image, px; None if not known yet.
        fps: mean frames per second; None if unknown.
        frame_count: declared number of frames of the whole source; None if unknown.
        duration_s: declared duration of the whole source; None if unknown or endless.
        has_audio: whether there is sound.
        camera: intrinsics that the metadata state; None if they state none.
    """

    name: str
    path: Path | None = None
    size_wh: tuple[int, int] | None = None
    fps: float | None = None
    frame_count: int | None = None
    duration_s: float | None = None
    has_audio: bool = False
    camera: Camera | None = None


class FrameStream(ABC):
    """An iterator over the frames of a source, and a context manager that closes it.

    Attributes:
        info: facts about the source.
        is_live: whether frames come at the pace of a camera: those that are not taken in time
            are dropped.
        dropped: number of frames that were dropped so far.
    """

    is_live: bool = False

    def __init__(self, info: StreamInfo) -> None:
        self.info = info
        self.dropped = 0
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks about the source so far, one sentence each: missing frames, reconnections."""
        return tuple(self._notes)

    def add_note(self, text: str) -> None:
        """Add a remark; one that is there already is not repeated."""
        if text not in self._notes:
            self._notes.append(text)

    def latency_s(self, time_s: float) -> float | None:
        """Seconds since the frame of a time was captured; None if the source is not live."""
        return None

    @abstractmethod
    def __next__(self) -> Frame:
        """The next frame.

        Raises:
            StopIteration: the source has ended.
            InputError: the source failed; frames that came before are good.
        """

    @abstractmethod
    def close(self) -> None:
        """Release the file or device; no frame follows."""

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __enter__(self) -> FrameStream:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
