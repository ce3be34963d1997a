"""Live addresses (RTSP, RTMP, SRT, HLS, MJPEG over HTTP, ...), opened by PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from rtmpose3d.errors import InputError
from rtmpose3d.sources.video.containers import (
    describe_stream,
    find_video_stream,
    image_from_frame,
    open_container,
)
from rtmpose3d.sources.video.live import Captured, Connection

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_OPTIONS = {"fflags": "nobuffer", "flags": "low_delay", "rtsp_transport": "tcp"}


def connect_address(address: str, *, timeout_s: float) -> Connection:
    """Open a live address.

    Args:
        address: with its protocol, such as rtsp://host/path.
        timeout_s: seconds to wait for the connection and for each frame.

    Raises:
        InputError: no answer, or no video.
        MissingDependencyError: PyAV is not installed.
    """
    options = _OPTIONS if address.lower().startswith("rtsp") else {"fflags": "nobuffer"}
    container = open_container(address, address, timeout_s=timeout_s, options=options)
    try:
        stream = find_video_stream(container, address)
        stream.thread_type = "SLICE"  # threads that decode several frames at once delay them
    except BaseException:
        container.close()
        raise
    return Connection(
        info=describe_stream(container, stream, address, None, 0),
        frames=_capture(container, stream, address, timeout_s),
    )


def _capture(
    container: InputContainer, stream: VideoStream, address: str, timeout_s: float
) -> Iterator[Captured]:
    from av.error import FFmpegError

    with container:
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (FFmpegError, OSError) as error:
                kind = type(error).__name__
                if kind in ("ExitError", "TimeoutError"):
                    raise InputError(f"{address} gave no frame within {timeout_s:g} s") from error
                raise InputError(f"{address}: {error.strerror or kind}") from error
            try:
                frames = packet.decode()
            except (FFmpegError, ValueError):  # lost packets; later frames are good
                continue
            for frame in frames:
                time_s = None if frame.time is None else float(frame.time)
                yield Captured(image=partial(image_from_frame, frame), time_s=time_s)
