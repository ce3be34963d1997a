"""Webcams, read by OpenCV."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.sources.video.live import Captured, Connection
from rtmpose3d.sources.video.stream import StreamInfo

_RETRY_S = 0.02


def connect_webcam(number: int, *, timeout_s: float) -> Connection:
    """Open a webcam.

    Args:
        number: of the device, from 0.
        timeout_s: seconds to wait for a frame.

    Raises:
        InputError: there is no such device, or another program uses it.
    """
    name = f"camera {number}"
    with _errors_only():  # each of OpenCV's backends that has no such device would write a warning
        capture = cv2.VideoCapture(number)
    if not capture.isOpened():
        capture.release()
        raise InputError(f"{name} cannot be opened: there is none, or another program uses it")
    width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
    height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    info = StreamInfo(
        name=name,
        size_wh=(width, height) if min(width, height) > 0 else None,
        fps=fps if fps > 0 else None,
    )
    return Connection(info=info, frames=_capture(capture, name, timeout_s))


@contextmanager
def _errors_only() -> Iterator[None]:
    """A block in which OpenCV logs no warnings."""
    log = cv2.utils.logging
    level = log.getLogLevel()
    log.setLogLevel(min(level, log.LOG_LEVEL_ERROR))
    try:
        yield
    finally:
        log.setLogLevel(level)


def _capture(capture: cv2.VideoCapture, name: str, timeout_s: float) -> Iterator[Captured]:
    try:
        last = time.monotonic()
        while True:
            done, pixels = capture.read()
            if done and pixels is not None and pixels.size:
                last = time.monotonic()
                image = np.asarray(pixels, np.uint8)
                yield Captured(image=lambda image=image: image)
            elif not capture.isOpened():
                raise InputError(f"{name} was disconnected")
            elif time.monotonic() - last > timeout_s:
                raise InputError(f"{name} gave no frame within {timeout_s:g} s")
            else:
                time.sleep(_RETRY_S)
    finally:
        capture.release()
