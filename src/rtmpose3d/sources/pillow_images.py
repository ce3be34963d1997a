"""Pillow's images as upright BGR pixels, and the boundary that makes its errors ours."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import cv2
import numpy as np
import PIL.Image

from rtmpose3d.errors import InputError
from rtmpose3d.sources.pixels import uint8_from_array
from rtmpose3d.structures.arrays import Image

_ORIENTATION_TAG = 0x0112  # EXIF 2.32, table 4
_INVERSE = {6: 8, 8: 6}  # the others undo themselves
_BAND_PIXELS = 2**20  # converted at a time, so that a large image is not held twice


class _SilentPillow:
    """Silences Pillow's warnings about large images and damaged tags in all threads at once.

    `warnings.catch_warnings` is not safe between threads: the first one in sets the filters, the
    last one out restores them. No thread waits for another's decoding.
    """

    def __init__(self) -> None:
        self._filters: AbstractContextManager[object] = warnings.catch_warnings()
        self._reset()
        if hasattr(os, "register_at_fork"):  # the threads inside stay in the parent
            os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.__exit__(None, None, None)


_SILENT_PILLOW = _SilentPillow()


@contextmanager
def decoder_errors(name: str) -> Iterator[None]:
    """Converts every exception of a decoder into an InputError, and silences its warnings.

    Pillow's readers, those that other packages register, and OpenCV raise whatever they like for
    damaged files (RuntimeError, KeyError, struct.error, ...).

    Args:
        name: of the image in the message.

    Raises:
        InputError: the block failed.
    """
    try:
        with _SILENT_PILLOW:
            yield
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{name} does not fit into memory; make it smaller") from None
    except Exception as error:
        raise InputError(f"{name} cannot be decoded: {_reason(error)}") from error


def bgr_from_pillow(image: PIL.Image.Image, name: str, *, exif_orientation: bool = True) -> Image:
    """The current frame of a Pillow image as (H, W, 3) uint8 BGR, contiguous.

    16-bit grey (modes I;16 and I) gives its upper eight bits; mode F must lie in [0, 1].

    Args:
        image: of any mode.
        name: of the image in messages.
        exif_orientation: whether the EXIF orientation is applied.

    Raises:
        InputError: damaged, closed, cut short, or of a mode that cannot be shown as RGB.
    """
    with decoder_errors(name):
        # Pillow itself rotates TIFFs when it loads them.
        stored = read_orientation(image) if image.format == "TIFF" else None
        image.load()
        orientation = read_orientation(image)
        if not exif_orientation:
            undo = 1 if stored is None or stored == orientation else stored
            orientation = _INVERSE.get(undo, undo)
        if is_deep(image):
            grey = np.ascontiguousarray(_grey_levels(image, name))
            pixels = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
        else:
            pixels = _bgr_in_bands(image, name)
        return upright(pixels, orientation)


def is_deep(image: PIL.Image.Image) -> bool:
    """Whether the image has more than eight bits per channel."""
    return image.mode.startswith("I") or image.mode == "F"


def read_orientation(image: PIL.Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 if there is none or the EXIF block is damaged."""
    try:
        with _SILENT_PILLOW:
            orientation = image.getexif().get(_ORIENTATION_TAG, 1)
        return orientation if orientation in range(1, 9) else 1
    except Exception:
        return 1


def upright(pixels: Image, orientation: int) -> Image:
    """Rotate and flip the stored pixels as the EXIF orientation specifies."""
    if orientation in (5, 6, 7, 8):
        pixels = np.asarray(cv2.transpose(pixels), np.uint8)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)  # cv2.flip's codes
    return pixels if flip is None else np.asarray(cv2.flip(pixels, flip), np.uint8)


def _bgr_in_bands(image: PIL.Image.Image, name: str) -> Image:
    width, height = image.size
    rows = max(1, _BAND_PIXELS // width)
    if rows >= height:
        return np.asarray(cv2.cvtColor(np.asarray(_rgb(image, name)), cv2.COLOR_RGB2BGR), np.uint8)
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        band = _rgb(image.crop((0, top, width, bottom)), name)
        cv2.cvtColor(np.asarray(band), cv2.COLOR_RGB2BGR, pixels[top:bottom])
    return pixels


def _rgb(image: PIL.Image.Image, name: str) -> PIL.Image.Image:
    """Convert to mode RGB, without alpha."""
    try:
        if image.mode in ("PA", "RGBa", "P"):  # the detour that Pillow asks for, with a warning
            image = image.convert("RGBA")
        elif image.mode == "La":
            image = image.convert("LA")
        return image.convert("RGB")
    except ValueError as error:
        raise InputError(
            f"{name} has the Pillow mode {image.mode!r}, which has no conversion to RGB; "
            "convert it before"
        ) from error


def _grey_levels(image: PIL.Image.Image, name: str) -> np.ndarray:
    """(H, W) uint8 of the modes with more than eight bits: I;16 and its variants, I, F."""
    levels = np.asarray(image)
    if image.mode == "I":  # 32 bits, in which older Pillow holds 16-bit PNGs
        low, high = int(levels.min()), int(levels.max())
        if low < 0 or high > 0xFFFF:
            raise InputError(
                f"{name} has the Pillow mode 'I' and levels from {low} to {high}; "
                "expected 16-bit grey, 0 to 65535"
            )
        levels = levels.astype(np.uint16)
    return uint8_from_array(levels, name)


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return f"it is cut short ({text})" if "truncated" in text.lower() else text
