"""Frames of a video file, or of a finished video on a server, in the order of presentation."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.camera import Camera
from rtmpose3d.runtime.devices import usable_cores
from rtmpose3d.sources.video.containers import (
    describe_stream,
    find_video_stream,
    hdr_transfer,
    image_from_frame,
    open_container,
)
from rtmpose3d.sources.video.selection import FrameSelection, FrameSelector
from rtmpose3d.sources.video.stream import FrameStream
from rtmpose3d.sources.video.truncation import is_truncated
from rtmpose3d.structures.frame import Frame

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer

# A local file must not make FFmpeg read from the network: playlists and MOV references can.
_FILE_OPTIONS = {"protocol_whitelist": "file,crypto,data"}
_SEEK_FROM_S = 4.0  # earlier starts are reached faster by decoding
_DEFAULT_FPS = 30.0  # of containers without times
_FEW_CORES = 2


class VideoFileStream(FrameStream):
    """The frames of a video that has an end.

    `Frame.time_s` is the presentation time since the video's start, exact also where the frame
    rate varies; `Frame.index` counts all frames of the file. Damaged frames are skipped, and a
    file that is cut off gives all its good frames; `notes` then says how many are missing.

    Args:
        source: a file, or the http(s) address of one.
        selection: frames to use. Seeking goes to the key frame before the start.
        timeout_s: seconds to wait for a server; files have no limit.

    Raises:
        InputError: it cannot be opened, or has no video.
        MissingDependencyError: PyAV is not installed.
    """

    def __init__(
        self, source: Path | str, selection: FrameSelection, *, timeout_s: float = 10.0
    ) -> None:
        self._path = source if isinstance(source, Path) else None
        self._address = file_address(source) if isinstance(source, Path) else source
        self._timeout_s = None if self._path else timeout_s
        self._selection = selection
        name = str(source)
        self._container = self._open(name)
        try:
            self._stream = find_video_stream(self._container, name)
            self._stream.thread_type = self._thread_type()
            decoded = self._decode_packets()
            first = next(decoded, None)
            if first is None:
                raise InputError(self._explain_no_frame(name))
            self._zero_pts = first.pts or 0
            super().__init__(
                describe_stream(self._container, self._stream, name, self._path, first.rotation)
            )
        except BaseException:
            self._container.close()
            raise
        if transfer := hdr_transfer(first):
            self.add_note(f"{name} is HDR video ({transfer}); its colours are not tone-mapped")
        self._frames = self._select(first, decoded)

    def __next__(self) -> Frame:
        """The next selected frame; see `FrameStream`."""
        return next(self._frames)

    def close(self) -> None:
        """Close the file."""
        self._frames.close()
        self._container.close()

    # -- decoding ------------------------------------------------------------------------------

    def _open(self, name: str) -> InputContainer:
        options = _FILE_OPTIONS if self._path else {}
        if self._path is not None:
            _check_file(self._path)
        return open_container(self._address, name, timeout_s=self._timeout_s, options=options)

    def _explain_no_frame(self, name: str) -> str:
        """The message if not even the first frame can be decoded."""
        text = f"{name} holds no frame that can be decoded"
        if self._path is None and self._failure:
            text += (
                f" ({self._failure}); if the index is at the end of the file, as in many MP4 and "
                "MOV files, the server must support range requests: download the file and pass it"
            )
        return text

    def _thread_type(self) -> Literal["AUTO", "SLICE"]:
        """FFmpeg's division of the decoding among threads.

        Threads that decode several frames at once lose frames before a damaged one at the end, and
        on few cores, which the networks need, cost more than they gain.
        """
        cut = self._path is not None and is_truncated(self._path)
        return "SLICE" if cut or usable_cores() <= _FEW_CORES else "AUTO"

    def _decode_packets(self) -> Iterator[VideoFrame]:
        """Decode from the container's position to its end; damaged packets are counted."""
        from av.error import EOFError as EndOfFileError
        from av.error import FFmpegError

        self._damaged = 0
        self._failure = ""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (FFmpegError, OSError) as error:
                self._failure = getattr(error, "strerror", None) or type(error).__name__
                return
            try:
                yield from packet.decode()
            except EndOfFileError:
                return
            except (FFmpegError, ValueError):
                self._damaged += 1

    def _select(self, first: VideoFrame, decoded: Iterator[VideoFrame]) -> Generator[Frame]:
        selector = FrameSelector(self._selection)
        index, frame, decoded = self._go_to_start(first, decoded)
        last_s: float | None = None
        while frame is not None:
            time_s = self._time_s(frame, last_s)
            if self._selection.is_after(time_s):
                return
            if selector.accepts(time_s):
                yield Frame(
                    image=image_from_frame(frame),
                    index=index,
                    time_s=time_s,
                    camera=self._camera(frame),
                    source=self._path,
                )
            last_s = time_s
            index += 1
            frame = next(decoded, None)
        self._note_missing(index, last_s or 0.0)

    def _go_to_start(
        self, first: VideoFrame, decoded: Iterator[VideoFrame]
    ) -> tuple[int, VideoFrame | None, Iterator[VideoFrame]]:
        """Index and frame to start at, at or before the selection's start, and the following."""
        start_s, time_base = self._selection.start_s, self._stream.time_base
        if start_s < _SEEK_FROM_S or first.pts is None or time_base is None:
            return 0, first, decoded
        target = self._zero_pts + round(start_s / float(time_base))
        self._container.seek(target, stream=self._stream, backward=True)
        following = self._decode_packets()
        frame = next(following, None)
        if frame is None or frame.pts is None or frame.pts > target:
            return self._restart()
        return self._count_before(frame.pts), frame, following

    def _restart(self) -> tuple[int, VideoFrame | None, Iterator[VideoFrame]]:
        """Read from the beginning again, where seeking fails."""
        self._reopen()
        decoded = self._decode_packets()
        return 0, next(decoded, None), decoded

    def _reopen(self) -> None:
        self._container.close()
        self._container = self._open(self.info.name)
        self._stream = find_video_stream(self._container, self.info.name)
        self._stream.thread_type = self._thread_type()

    def _count_before(self, pts: int) -> int:
        """Number of frames that are presented before a time, read without decoding."""
        container = self._open(self.info.name)
        with container:
            stream = find_video_stream(container, self.info.name)
            count = 0
            for packet in container.demux(stream):
                if _is_far_after(packet, pts):
                    break
                count += packet.pts is not None and packet.pts < pts and not packet.is_discard
            return count

    def _time_s(self, frame: VideoFrame, last_s: float | None) -> float:
        """Seconds since the start; frames without a time follow at the mean rate."""
        if frame.pts is not None and frame.time_base is not None:
            time_s = float((frame.pts - self._zero_pts) * frame.time_base)
            if last_s is None or time_s > last_s:
                return time_s
        if last_s is None:
            return 0.0
        return last_s + 1 / (self.info.fps or _DEFAULT_FPS)

    def _camera(self, frame: VideoFrame) -> Camera | None:
        camera = self.info.camera
        if camera is None:
            return None
        sides = (frame.height, frame.width) if frame.rotation % 180 else (frame.width, frame.height)
        return camera if sides == (camera.width, camera.height) else camera.scaled(*sides)

    # -- remarks -------------------------------------------------------------------------------

    def _note_missing(self, count: int, last_s: float) -> None:
        """Remark on damaged frames, and on those that the file does not hold."""
        name, info = self.info.name, self.info
        if self._damaged:
            damaged = "1 damaged frame" if self._damaged == 1 else f"{self._damaged} damaged frames"
            self.add_note(f"{name}: {damaged} could not be decoded")
        if self._failure:
            self.add_note(f"{name}: reading stopped after {last_s:.2f} s: {self._failure}")
        cut = self._path is not None and is_truncated(self._path)
        if not (cut or self._failure):
            return
        declared = info.frame_count
        if (declared is None or declared <= count) and info.duration_s and info.fps:
            declared = round(info.duration_s * info.fps)
        missing = (declared or 0) - count - self._damaged
        self.add_note(
            f"{name} is cut off: {missing} of {declared} frames are missing"
            if missing > 0
            else f"{name} is cut off: frames after {last_s:.2f} s are missing"
        )


def file_address(path: Path) -> str:
    """The address of a file for FFmpeg, which would take other prefixes for protocols."""
    return f"file:{path.expanduser().absolute()}"


def _check_file(path: Path) -> None:
    path = path.expanduser()
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a video file")
    if not path.exists():
        where = "" if path.is_absolute() else f" (looked in {Path.cwd()})"
        raise InputError(f"there is no file {str(path)!r}{where}")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes)")


def _is_far_after(packet: Packet, pts: int) -> bool:
    """Whether no frame before a time can follow: frames are decoded before they are shown."""
    return packet.dts is not None and packet.dts > pts
