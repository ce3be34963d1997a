"""H.264 video in MP4, for browsers and phones, encoded by PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtmpose3d.errors import BackendError, import_extra
from rtmpose3d.structures.arrays import Image
from rtmpose3d.structures.atomic import output_error

if TYPE_CHECKING:
    from av.container import OutputContainer

TIME_BASE = Fraction(1, 90_000)  # seconds per tick; whole numbers of it for all usual rates
_BT709 = 1  # ITU-T H.273: primaries, transfer function and matrix of HD video
_LIMITED_RANGE = 1
_KEY_FRAME_S = 2.0  # seeking in the file is as fine as this
# Faster than the preset by a sixth, for files a tenth larger.
_X264_OPTIONS = {"bf": "0", "weightp": "0"}
_IN_FRAGMENTS = {
    "movflags": "frag_keyframe+delay_moov+default_base_moof",
    "frag_duration": "1000000",  # microseconds
    "flush_packets": "1",
}
_INDEX_FIRST = {"movflags": "faststart"}


class VideoEncoder:
    """Encodes images of one size into the video of an open container.

    Sides of odd length get one more row or column, which repeats the last: the format has even
    ones only.

    Args:
        container: open for writing.
        size_wh: width and height of the images, px.
        fps: about the number of images per second, for the rate control.
        crf: quality, 0 (lossless) to 51; lower is better.
        preset: of x264: faster ones make larger files.

    Raises:
        BackendError: PyAV's FFmpeg has no H.264 encoder.
    """

    def __init__(
        self,
        container: OutputContainer,
        size_wh: tuple[int, int],
        *,
        fps: float,
        crf: int = 23,
        preset: str = "superfast",
    ) -> None:
        from av.error import FFmpegError

        rate = Fraction(fps).limit_denominator(1001)
        try:
            self._stream = container.add_stream("libx264", rate=rate)
        except FFmpegError as error:
            raise BackendError(
                "this installation of PyAV has no H.264 encoder (libx264); "
                'install its wheel: pip install "rtmpose3d[video]"'
            ) from error
        width, height = size_wh
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": str(crf), "preset": preset, **_X264_OPTIONS}
        context = self._stream.codec_context
        context.time_base = TIME_BASE
        context.gop_size = max(1, round(_KEY_FRAME_S * fps))
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED_RANGE
        self._container = container
        self._size_wh = size_wh
        self._last_ticks = -1

    def encode(self, image: Image, time_s: float) -> None:
        """Add an image.

        Args:
            image: (H, W, 3) uint8 BGR, of the size of the video.
            time_s: presentation time, above that of the image before.
        """
        from av import VideoFrame

        width, height = self._size_wh
        if width % 2 or height % 2:
            border = 0, height % 2, 0, width % 2
            image = np.asarray(cv2.copyMakeBorder(image, *border, cv2.BORDER_REPLICATE), np.uint8)
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        ticks = max(round(time_s / TIME_BASE), self._last_ticks + 1)
        frame.pts, frame.time_base = ticks, TIME_BASE
        self._last_ticks = ticks
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write the images that the encoder still holds."""
        self._container.mux(self._stream.encode(None))


@contextmanager
def open_output(path: Path, name: Path, *, fragments: bool = True) -> Iterator[OutputContainer]:
    """An MP4 file for writing.

    Args:
        path: the file to write.
        name: of the file in messages.
        fragments: whether each second has an index of its own, so that what is written can be
            played at any time; otherwise the index comes first, so that players start at once.

    Raises:
        OutputError: it cannot be written.
        MissingDependencyError: PyAV is not installed.
    """
    import_extra("av", "video", "writing a video")
    import av
    from av.error import FFmpegError

    options = dict(_IN_FRAGMENTS if fragments else _INDEX_FIRST)
    with writing(name):
        container = av.open(f"file:{path.absolute()}", "w", format="mp4", options=options)
    try:
        yield container
    except BaseException:
        with suppress(FFmpegError, OSError):  # the file is deleted; the first error is shown
            container.close()
        raise
    with writing(name):
        container.close()


@contextmanager
def writing(name: Path) -> Iterator[None]:
    """Convert PyAV's errors of writing inside the block to OutputErrors.

    Raises:
        OutputError: the block failed to write.
    """
    from av.error import FFmpegError

    try:
        yield
    except FFmpegError as error:
        reason = OSError(getattr(error, "errno", None), getattr(error, "strerror", str(error)))
        raise output_error(name, reason) from error
