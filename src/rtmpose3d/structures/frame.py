"""One image of a stream, with its index, its time and the camera that took it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures.arrays import Image

if TYPE_CHECKING:
    from rtmpose3d.geometry.camera import Camera


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One image of a video, of a live camera or of a folder, and what is known about it.

    Frames are compared by identity, as the arrays they refer to.

    Attributes:
        image: (H, W, 3) uint8, BGR, upright; referred to, not copied.
        index: number of the frame in its stream, from 0; None for an image of no stream.
        time_s: time of the frame since the start of its stream, seconds; None if unknown.
        camera: intrinsics for this image; None if unknown.
        source: file the frame was read from; None for frames from memory.

    Raises:
        InputError: no such image, a negative index, a time that is not finite, or a camera for
            another image size.
    """

    image: Image
    index: int | None = None
    time_s: float | None = None
    camera: Camera | None = None
    source: Path | None = None

    def __post_init__(self) -> None:
        check_image(self.image, "frame: image")
        if self.index is not None:
            check_index(self.index, "frame: index")
        check_time(self.time_s, "frame: time_s")
        if self.camera is None:
            return
        width, height = self.size_wh
        if (self.camera.width, self.camera.height) != (width, height):
            raise InputError(
                f"frame: camera is for {self.camera.width}x{self.camera.height} px, but the image "
                f"has {width}x{height}; use camera.scaled({width}, {height})"
            )

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the image, px."""
        height, width = self.image.shape[:2]
        return width, height


def check_image(image: object, name: str) -> None:
    """Check that an image has the form used throughout the package.

    Args:
        image: the value to check.
        name: of the value in the message.

    Raises:
        InputError: anything but a (H, W, 3) uint8 array that has pixels.
    """
    expected = f"{name} must be an array (H, W, 3) uint8 with pixels"
    if not isinstance(image, np.ndarray):
        raise InputError(f"{expected}, got {type(image).__name__}")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise InputError(f"{expected}, got {image.shape} {image.dtype}")


def check_size(size_wh: object, name: str) -> None:
    """Check the size of an image.

    Raises:
        InputError: no pair of whole numbers from 0.
    """
    sides = size_wh if isinstance(size_wh, tuple) else ()
    whole = (isinstance(side, (int, np.integer)) and side >= 0 for side in sides)
    if len(sides) != 2 or not all(whole):
        raise InputError(f"{name} must be width and height in whole pixels, got {size_wh!r}")


def check_index(index: object, name: str) -> None:
    """Check the index of a frame.

    Raises:
        InputError: no whole number from 0.
    """
    if not isinstance(index, (int, np.integer)) or isinstance(index, bool) or index < 0:
        raise InputError(f"{name} must be a whole number from 0, got {index!r}")


def check_time(time_s: object, name: str) -> None:
    """Check the time of a frame.

    Raises:
        InputError: neither None nor a finite number of seconds.
    """
    if time_s is None:
        return
    number = isinstance(time_s, (int, float, np.integer, np.floating))
    if not number or isinstance(time_s, bool) or not math.isfinite(time_s):
        raise InputError(f"{name} must be a finite number of seconds or None, got {time_s!r}")
