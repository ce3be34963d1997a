"""Frames of image files, and of images from memory."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from rtmpose3d.errors import InputError
from rtmpose3d.sources.images import ImageSource, load_image
from rtmpose3d.sources.video.selection import FrameSelection, FrameSelector
from rtmpose3d.sources.video.stream import FrameStream, StreamInfo
from rtmpose3d.structures.frame import Frame

DEFAULT_FPS = 30.0
"""Frame rate of images, which have no times of their own."""


class ImageStream(FrameStream):
    """Images as the frames of a stream, at a constant frame rate.

    `Frame`s keep the index and the time that they have. A file that cannot be read is skipped
    and named in `notes`.

    Args:
        images: files, addresses, arrays, Pillow images or frames.
        name: of the source in messages.
        selection: frames to use, by their number and the time that follows from it.
        fps: frame rate.
        path: folder of the images, if any.
    """

    def __init__(
        self,
        images: Iterable[ImageSource | Frame],
        name: str,
        selection: FrameSelection,
        *,
        fps: float = DEFAULT_FPS,
        path: Path | None = None,
    ) -> None:
        if not fps > 0:
            raise InputError(f"fps must be above 0, got {fps!r}")
        count = len(images) if isinstance(images, Sequence) else None
        duration_s = None if count is None else count / fps
        super().__init__(
            StreamInfo(name=name, path=path, fps=fps, frame_count=count, duration_s=duration_s)
        )
        self._fps = fps
        self._frames = self._select(images, FrameSelector(selection))

    def __next__(self) -> Frame:
        """The next selected frame; see `FrameStream`."""
        return next(self._frames)

    def close(self) -> None:
        """End the stream."""
        self._frames.close()

    def _select(
        self, images: Iterable[ImageSource | Frame], selector: FrameSelector
    ) -> Generator[Frame]:
        for index, image in enumerate(images):
            time_s = index / self._fps
            if isinstance(image, Frame) and image.time_s is not None:
                time_s = image.time_s
            if selector.selection.is_after(time_s):
                return
            if not selector.accepts(time_s):
                continue
            frame = self._frame(image, index, time_s)
            if frame is not None:
                yield frame

    def _frame(self, image: ImageSource | Frame, index: int, time_s: float) -> Frame | None:
        if isinstance(image, Frame):
            return replace(
                image, index=index if image.index is None else image.index, time_s=time_s
            )
        path = image if isinstance(image, Path) else None
        try:
            return Frame(image=load_image(image), index=index, time_s=time_s, source=path)
        except InputError as error:
            if path is None:
                raise
            self.add_note(str(error))
            return None
