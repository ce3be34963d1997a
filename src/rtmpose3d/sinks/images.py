"""Image files, encoded by OpenCV and written complete or not at all."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures.arrays import Image
from rtmpose3d.structures.atomic import atomic_write, expand_home

QUALITY = 92  # of JPEG and WebP, 0 to 100
_QUALITY_SETTINGS = {  # OpenCV warns of a setting that is of another format
    ".jpg": (cv2.IMWRITE_JPEG_QUALITY,),
    ".jpeg": (cv2.IMWRITE_JPEG_QUALITY,),
    ".png": (),
    ".webp": (cv2.IMWRITE_WEBP_QUALITY,),
}
IMAGE_SUFFIXES = tuple(_QUALITY_SETTINGS)
_DRAWING_COMMENT = b"rtmpose3d drawing of a result"


def write_image(path: str | Path, image: Image, *, quality: int = QUALITY) -> Path:
    """Write an image to a file; it appears complete or not at all.

    Args:
        path: ends with .jpg, .jpeg, .png or .webp. Its folder must exist.
        image: (H, W, 3) uint8 BGR.
        quality: of JPEG and WebP, 0 to 100.

    Returns:
        The path.

    Raises:
        InputError: an unknown suffix, or an image too large for the format.
        OutputError: the file cannot be written; an existing file is unchanged.
    """
    path = expand_home(path)
    data = encode_image(image, path.suffix, quality=quality)
    with atomic_write(path) as file:
        file.write(data)
    return path


def encode_image(image: Image, suffix: str, *, quality: int = QUALITY) -> bytes:
    """The bytes of an image file.

    Args:
        image: (H, W, 3) uint8 BGR.
        suffix: .jpg, .jpeg, .png or .webp, in any case.
        quality: of JPEG and WebP, 0 to 100.

    Raises:
        InputError: an unknown suffix, or an image too large for the format.
    """
    if suffix.lower() not in IMAGE_SUFFIXES:
        raise InputError(
            f"unknown suffix {suffix!r} of an image file; known: {', '.join(IMAGE_SUFFIXES)}"
        )
    settings = [part for name in _QUALITY_SETTINGS[suffix.lower()] for part in (name, quality)]
    try:
        done, data = cv2.imencode(suffix.lower(), np.ascontiguousarray(image), settings)
    except cv2.error as error:
        raise InputError(f"an image of shape {image.shape} cannot be a {suffix} file") from error
    if not done:
        raise InputError(f"an image of shape {image.shape} cannot be a {suffix} file")
    return data.tobytes()


def mark_drawing(data: bytes) -> bytes:
    """The bytes of a JPEG or PNG file with a comment that it is a drawing of a result.

    `is_drawing` recognizes it, so that drawings in a folder are not taken for photos. Other
    formats stay as they are.
    """
    if data.startswith(b"\xff\xd8\xff\xe0"):  # the comment follows JFIF's first segment
        start = 4 + int.from_bytes(data[4:6], "big")
        size = (len(_DRAWING_COMMENT) + 2).to_bytes(2, "big")
        return data[:start] + b"\xff\xfe" + size + _DRAWING_COMMENT + data[start:]
    if data.startswith(b"\x89PNG"):
        start = 33  # behind the header chunk, which comes first
        text = b"tEXt" + b"Comment\0" + _DRAWING_COMMENT
        length = (len(text) - 4).to_bytes(4, "big")
        chunk = length + text + zlib.crc32(text).to_bytes(4, "big")
        return data[:start] + chunk + data[start:]
    return data


def is_drawing(path: Path) -> bool:
    """Whether a file is a JPEG or PNG drawing of a result, by its comment."""
    try:
        with path.open("rb") as file:
            return _DRAWING_COMMENT in file.read(256)
    except OSError:
        return False
