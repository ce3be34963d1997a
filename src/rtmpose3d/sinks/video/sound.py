"""The sound of a video file, copied next to the images of another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from rtmpose3d.sources.video.containers import find_video_stream, open_container
from rtmpose3d.sources.video.video_file import file_address

if TYPE_CHECKING:
    from av import Packet
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer

_COPIED = ("aac", "mp3", "ac3", "eac3", "alac")  # codecs that players of MP4 files know
_AAC_SAMPLES = 1024  # per frame


class SoundTrack:
    """The first sound track of a file, from a time on, in step with the images.

    Codecs that players of MP4 files know are copied; others are encoded as AAC.

    Args:
        container: the output, before its first packet.
        source: the input, open; `close` closes it.
        start_s: time of the source's video that becomes 0.
    """

    def __init__(
        self, container: OutputContainer, source: InputContainer, *, start_s: float
    ) -> None:
        self._output, self._source = container, source
        track = source.streams.audio[0]
        # Times of the video count from its first frame, which need not be at 0.
        self._zero_s = _first_frame_s(source) + start_s
        self._copied = track.codec_context.name in _COPIED
        self._stream: AudioStream
        if self._copied:
            self._stream = container.add_stream_from_template(track)
        else:
            self._stream = container.add_stream("aac", rate=track.rate)
        source.seek(max(0, round((self._zero_s - 1) * 1_000_000)), backward=True)
        self._packets = self._copy(track) if self._copied else self._encode(track)
        self._waiting: Packet | None = None

    def write_until(self, time_s: float) -> None:
        """Write the packets that start before a time of the output."""
        while True:
            packet = self._waiting or next(self._packets, None)
            self._waiting = None
            if packet is None:
                return
            if packet.pts is not None and float(packet.pts * packet.time_base) >= time_s:
                self._waiting = packet
                return
            packet.stream = self._stream
            self._output.mux(packet)

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _copy(self, track: AudioStream) -> Iterator[Packet]:
        for packet in _readable_packets(self._source, track):
            if packet.pts is None or packet.dts is None:
                continue
            shift = round(self._zero_s / packet.time_base)
            packet.pts -= shift
            packet.dts -= shift
            if packet.pts >= 0:
                yield packet

    def _encode(self, track: AudioStream) -> Iterator[Packet]:
        from av import AudioResampler
        from av.error import FFmpegError

        layout = "mono" if track.codec_context.channels == 1 else "stereo"
        resampler = AudioResampler("fltp", layout, track.rate, _AAC_SAMPLES)
        shift = round(self._zero_s * track.rate)
        time_base = Fraction(1, track.rate)
        for packet in _readable_packets(self._source, track):
            try:
                decoded = packet.decode()
            except (FFmpegError, ValueError):
                continue
            for frame in (part for one in decoded for part in resampler.resample(one)):
                if frame.pts is None or frame.time_base is None:
                    continue
                frame.pts = round(frame.pts * frame.time_base / time_base) - shift
                frame.time_base = time_base
                if frame.pts >= 0:
                    yield from self._stream.encode(frame)
        yield from self._stream.encode(None)


def open_sound(container: OutputContainer, source: Path, *, start_s: float) -> SoundTrack | None:
    """The sound of a file as a track of an output; None if it has none.

    Args:
        container: the output, before its first packet.
        source: a video file.
        start_s: time of its video that becomes 0.

    Raises:
        InputError: the source can no longer be read.
    """
    opened = open_container(file_address(source), str(source), timeout_s=None, options={})
    try:
        tracks = opened.streams.audio
        if not tracks or tracks[0].codec_context is None or not tracks[0].rate:
            opened.close()
            return None
        return SoundTrack(container, opened, start_s=start_s)
    except BaseException:
        opened.close()
        raise


def _first_frame_s(container: InputContainer) -> float:
    """Time of the first frame by the container's clock, seconds."""
    stream = find_video_stream(container, "the source")
    for packet in _readable_packets(container, stream):
        for frame in packet.decode():
            if frame.time is not None:
                return float(frame.time)
    return 0.0


def _readable_packets(container: InputContainer, stream: object) -> Iterator[Packet]:
    """The packets of a stream up to the first that cannot be read."""
    from av.error import FFmpegError

    with suppress(FFmpegError, OSError):
        yield from container.demux(stream)
