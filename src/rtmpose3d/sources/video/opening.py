"""`open_frames`: the frames of any source."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import PIL.Image

from rtmpose3d.errors import InputError
from rtmpose3d.sources.images import ImageSource
from rtmpose3d.sources.inputs import expand_inputs
from rtmpose3d.sources.video.images import DEFAULT_FPS, ImageStream
from rtmpose3d.sources.video.live import LiveOptions, LiveStream
from rtmpose3d.sources.video.network import connect_address
from rtmpose3d.sources.video.selection import FrameSelection
from rtmpose3d.sources.video.stream import FrameStream
from rtmpose3d.sources.video.video_file import VideoFileStream
from rtmpose3d.sources.video.webcam import connect_webcam
from rtmpose3d.structures.frame import Frame

FrameSource: TypeAlias = "str | os.PathLike[str] | int | Iterable[ImageSource | Frame]"
"""A video file, a folder or glob of images, a webcam's number, an address, or images."""

_ENDINGS = (
    "mp4 m4v mov qt mkv webm avi mpg mpeg mpe m2v vob ts mts m2ts wmv asf flv f4v 3gp 3g2 ogv ogg "
    "mxf y4m dv divx rm rmvb h264 264 hevc 265 ivf nut m3u8"
)
VIDEO_ENDINGS = frozenset(f".{ending}" for ending in _ENDINGS.split())
"""Endings of video files."""

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_WEB = ("http", "https")
_LIVE = ("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "srt", "udp", "tcp", "mms", "mmsh")


def open_frames(
    source: FrameSource,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    every: int = 1,
    fps: float | None = None,
    timeout_s: float = 10.0,
    reconnects: int = 0,
) -> FrameStream:
    """Open a source of frames.

        with open_frames("walk.mp4", start_s=2) as frames:
            for frame in frames:
                print(frame.index, frame.time_s, frame.image.shape)

    Args:
        source: a video file; a folder or glob of images; the number of a webcam, from 0; an
            address (rtsp, rtmp, srt, http, ...); or images and frames from memory.
        start_s: time of the first frame, seconds. Videos are read from the key frame before.
        end_s: frames from this time on are not used.
        every: the first of this many frames is used.
        fps: at most this many frames per second are used; for images their frame rate,
            `DEFAULT_FPS` if it is not given.
        timeout_s: seconds without a frame after which a webcam or an address has failed.
        reconnects: attempts to connect to it again before the stream ends.

    Returns:
        The frames, to be closed by `close()` or a `with` block.

    Raises:
        InputError: no such source, one that cannot be read, or an option out of range.
        MissingDependencyError: PyAV is not installed (videos and addresses).
    """
    selection = FrameSelection(start_s=start_s, end_s=end_s, every=every, max_fps=fps)
    live = LiveOptions(timeout_s=timeout_s, reconnects=reconnects)
    if isinstance(source, (int, np.integer)) and not isinstance(source, bool):
        return _open_webcam(int(source), selection, live)
    if isinstance(source, (str, os.PathLike)):
        text = os.fspath(source)
        if match := _ADDRESS.match(text):
            return _open_address(text, match[1].lower(), selection, live)
        return _open_path(text, selection, live)
    images = _check_images(source)
    count = FrameSelection(start_s=start_s, end_s=end_s, every=every)
    return ImageStream(images, "the images", count, fps=fps or DEFAULT_FPS)


def is_video(path: Path) -> bool:
    """Whether a file is a video, by its ending."""
    return path.suffix.lower() in VIDEO_ENDINGS


def is_live_source(source: object) -> bool:
    """Whether a source is a webcam or an address that is always live."""
    if isinstance(source, int) and not isinstance(source, bool):
        return True
    match = _ADDRESS.match(source) if isinstance(source, str) else None
    return match is not None and match[1].lower() in _LIVE


def _open_webcam(number: int, selection: FrameSelection, live: LiveOptions) -> FrameStream:
    if number < 0:
        raise InputError(f"webcams are numbered from 0, got {number}")
    connect = partial(connect_webcam, number, timeout_s=live.timeout_s)
    return LiveStream(connect, selection, live)


def _open_address(
    text: str, protocol: str, selection: FrameSelection, live: LiveOptions
) -> FrameStream:
    if protocol not in (*_LIVE, *_WEB):
        raise InputError(
            f"{text!r} has the protocol {protocol!r}; expected one of {', '.join(_LIVE + _WEB)}"
        )
    if protocol in _WEB:
        stream = VideoFileStream(text, selection, timeout_s=live.timeout_s)
        if stream.info.duration_s is not None:
            return stream
        stream.close()
    connect = partial(connect_address, text, timeout_s=live.timeout_s)
    return LiveStream(connect, selection, live)


def _open_path(text: str, selection: FrameSelection, live: LiveOptions) -> FrameStream:
    path = Path(text).expanduser()
    if text.isdigit() and not path.exists():
        return _open_webcam(int(text), selection, live)
    if is_video(path) and not path.is_dir():
        return VideoFileStream(path, selection)
    files = expand_inputs([text])
    count = FrameSelection(start_s=selection.start_s, end_s=selection.end_s, every=selection.every)
    folder = path if path.is_dir() else None
    return ImageStream(files, text, count, fps=selection.max_fps or DEFAULT_FPS, path=folder)


def _check_images(source: object) -> Iterable[ImageSource | Frame]:
    single = isinstance(source, (Frame, PIL.Image.Image))
    if isinstance(source, np.ndarray) and source.ndim != 4:
        single = True
    if single:
        raise InputError("a stream needs several images; for one image pass a list: [image]")
    if not isinstance(source, Iterable) or isinstance(source, bytes):
        raise InputError(
            f"the source is a {type(source).__name__}; expected a video file, a folder or glob of "
            "images, the number of a webcam, an address, or images"
        )
    return source
