"""Tiny videos for tests, written by PyAV: frame number n is a flat grey of the level `level(n)`."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

STEP = 12  # grey levels between frames; lossy codecs change a flat image by less than half of it
TIME_BASE = Fraction(1, 1000)
SOUND_RATE = 48000


def level(number: int) -> int:
    """The grey level of a frame."""
    return 20 + STEP * (number % 18)


def frame_number(image: np.ndarray) -> int:
    """The number of the frame, below 18, from its image."""
    return round((float(image[2:-2, 2:-2].mean()) - 20) / STEP)


def make_video(
    path: Path,
    times_s: Sequence[float],
    *,
    size_wh: tuple[int, int] = (64, 48),
    rotation: int = 0,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    key_frame_every: int = 250,
    sound_s: float = 0.0,
    sound_codec: str = "aac",
    envelope: np.ndarray | None = None,
    container_options: dict[str, str] | None = None,
    images: Sequence[np.ndarray] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a video.

    Args:
        path: its suffix chooses the container.
        times_s: presentation time of each frame.
        size_wh: width and height of the stored frames.
        rotation: display rotation in the container, degrees counter-clockwise.
        codec: encoder.
        pix_fmt: pixel format.
        key_frame_every: frames between key frames.
        sound_s: duration of a tone; 0 for none.
        sound_codec: encoder of the tone.
        envelope: loudness of each sample, 0 to 1; None for a steady tone.
        container_options: of the muxer, such as movflags.
        images: (H, W, 3) BGR to store instead of flat greys.
        metadata: of the container.
    """
    av = pytest.importorskip("av")
    with av.open(str(path), "w", options=container_options or {}) as container:
        container.metadata.update(metadata or {})
        video = container.add_stream(codec, rate=30)
        video.width, video.height = size_wh
        video.pix_fmt = pix_fmt
        video.codec_context.time_base = TIME_BASE
        video.codec_context.gop_size = key_frame_every
        if rotation:
            video.set_display_rotation(rotation)
        if codec == "libx264":
            video.options = {"preset": "ultrafast", "crf": "10", "sc_threshold": "0"}
        sound = container.add_stream(sound_codec, rate=SOUND_RATE) if sound_s else None
        packets = []
        for number, time_s in enumerate(times_s):
            image = np.full((size_wh[1], size_wh[0], 3), level(number), np.uint8)
            if images is not None:
                image = images[number]
            frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = round(time_s / TIME_BASE), TIME_BASE
            packets += video.encode(frame)
        packets += video.encode()
        if sound is not None:
            packets += encode_tone(sound, sound_s, envelope)
        for packet in sorted(packets, key=lambda one: one.dts * one.time_base):
            container.mux(packet)
    return path


def encode_tone(stream, duration_s: float, envelope: np.ndarray | None = None) -> list:
    """Packets of a tone of 440 Hz."""
    import av

    count = round(duration_s * SOUND_RATE)
    tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(count) / SOUND_RATE)
    wave = (tone * (1 if envelope is None else envelope) * 32767).astype(np.int16)
    packets = []
    for start in range(0, count, 1024):
        samples = np.ascontiguousarray(wave[None, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
        packets += stream.encode(frame)
    return packets + stream.encode()


def make_sound(path: Path, duration_s: float = 0.5) -> Path:
    """Write a file that has sound only."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        for packet in encode_tone(container.add_stream("aac", rate=SOUND_RATE), duration_s):
            container.mux(packet)
    return path


def steady(count: int, fps: float = 30.0) -> list[float]:
    """Times of frames at a constant rate, rounded to the time base of the containers."""
    return [round(number / fps, 3) for number in range(count)]
