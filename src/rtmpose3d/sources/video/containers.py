"""Containers of video, opened by PyAV: what they declare, and frames as upright BGR images."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtmpose3d.errors import InputError, import_extra
from rtmpose3d.sources.video.camera_metadata import camera_from_metadata
from rtmpose3d.sources.video.stream import StreamInfo
from rtmpose3d.structures.arrays import Image

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

_MAX_PIXELS = 178_956_970  # Pillow's limit, which images have, too
_ROTATE_CODES = {  # rotation of the shown image, counter-clockwise, degrees
    90: cv2.ROTATE_90_COUNTERCLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_CLOCKWISE,
}
_HDR_TRANSFERS = {16: "PQ", 18: "HLG"}  # ITU-T H.273, table 3


def open_container(
    address: str, name: str, *, timeout_s: float | None, options: Mapping[str, str]
) -> InputContainer:
    """Open a container for reading.

    Args:
        address: a `file:` address or one of a network.
        name: of the source in messages.
        timeout_s: seconds to wait for the connection, and for each read; None: no limit.
        options: of FFmpeg's protocol and demuxer.

    Raises:
        InputError: it cannot be opened.
        MissingDependencyError: PyAV is not installed.
    """
    av = import_extra("av", "video", f"reading {name}")
    try:
        return av.open(
            address,
            options=dict(options),
            timeout=timeout_s,
            metadata_errors="replace",
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InputError(_explain_failure(error, name, timeout_s)) from error


def _explain_failure(error: Exception, name: str, timeout_s: float | None) -> str:
    kind = type(error).__name__
    if kind == "InvalidDataError":
        return (
            f"{name} is no video, or it is damaged at its start; an MP4 or MOV file whose "
            "recording was cut off has no index and cannot be played"
        )
    if kind in ("ExitError", "TimeoutError") and timeout_s is not None:
        return f"{name} did not answer within {timeout_s:g} s"
    reason = getattr(error, "strerror", None) or str(error) or kind
    return f"{name} cannot be opened: {reason}"


def find_video_stream(container: InputContainer, name: str) -> VideoStream:
    """The video of a container; cover images of sound files do not count.

    Raises:
        InputError: there is none, it cannot be decoded, or its images are too large.
    """
    shown = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not shown:
        content = "only sound" if container.streams.audio else "nothing that can be shown"
        raise InputError(f"{name} has no video, {content}")
    stream = shown[0]
    context = stream.codec_context
    if context is None:
        raise InputError(f"{name} has video of a codec that PyAV's FFmpeg cannot decode")
    if context.width * context.height > _MAX_PIXELS:
        raise InputError(
            f"{name} has images of {context.width}x{context.height} px, which is too large"
        )
    return stream


def _is_cover(stream: VideoStream) -> bool:
    disposition = getattr(stream, "disposition", None)
    cover = getattr(type(disposition), "attached_pic", None)
    return disposition is not None and cover is not None and bool(disposition & cover)


def describe_stream(
    container: InputContainer, stream: VideoStream, name: str, path: Path | None, rotation: int
) -> StreamInfo:
    """The facts that a container declares about its video.

    Args:
        container: the open container.
        stream: its video.
        name: of the source in messages.
        path: the file; None for a network.
        rotation: of its frames, as `VideoFrame.rotation` gives it.
    """
    width, height = stream.codec_context.width, stream.codec_context.height
    size_wh = (height, width) if rotation % 180 else (width, height)
    fps = stream.average_rate or stream.guessed_rate
    declared_s = _declared_duration_s(container, stream)
    return StreamInfo(
        name=name,
        path=path,
        size_wh=size_wh if min(size_wh) > 0 else None,
        fps=float(fps) if fps else None,
        frame_count=stream.frames or None,
        duration_s=declared_s,
        has_audio=bool(container.streams.audio),
        camera=camera_from_metadata({**container.metadata, **stream.metadata}, size_wh),
    )


def _declared_duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    tagged_s = _seconds_from_clock(stream.metadata.get("DURATION", ""))  # Matroska
    if tagged_s is not None:
        return tagged_s
    return container.duration / 1_000_000 if container.duration else None  # microseconds


def _seconds_from_clock(text: str) -> float | None:
    """Seconds of a text such as 00:01:02.500000000."""
    parts = text.strip().split(":")
    try:
        hours, minutes, seconds = (Fraction(part) for part in parts)
    except (ValueError, ZeroDivisionError):
        return None
    return float(hours * 3600 + minutes * 60 + seconds) or None


def image_from_frame(frame: VideoFrame) -> Image:
    """The upright image of a decoded frame: (H, W, 3) uint8, BGR.

    10-bit video gives its upper eight bits; the colours of HDR video are not tone-mapped.
    """
    pixels = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    code = _ROTATE_CODES.get(frame.rotation % 360)
    return pixels if code is None else np.asarray(cv2.rotate(pixels, code), np.uint8)


def hdr_transfer(frame: VideoFrame) -> str | None:
    """Name of the HDR transfer function of a frame; None for ordinary video."""
    return _HDR_TRANSFERS.get(int(frame.color_trc))
