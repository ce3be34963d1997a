"""Image files, written completely or not at all."""

from __future__ import annotations

from pathlib import Path

import cv2

from rtmpose3d.errors import InputError, OutputError
from rtmpose3d.structures.arrays import Image
from rtmpose3d.structures.atomic import atomic_path

JPEG_QUALITY = 90
WRITABLE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")


def write_image(path: Path, image: Image, *, jpeg_quality: int = JPEG_QUALITY) -> Path:
    """Write an image in the format that the file's ending names.

    Args:
        path: ends in .jpg, .jpeg, .png or .webp; its folder must exist.
        image: (H, W, 3) uint8 BGR.
        jpeg_quality: 1 to 100.

    Returns:
        The path.

    Raises:
        InputError: another ending.
        OutputError: the file cannot be written; an older one stays unchanged.
    """
    ending = path.suffix.lower()
    if ending not in WRITABLE_ENDINGS:
        raise InputError(f"{path}: expected a name ending in {', '.join(WRITABLE_ENDINGS)}")
    options = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality] if ending in (".jpg", ".jpeg") else []
    encoded, data = cv2.imencode(ending, image, options)
    if not encoded:
        raise OutputError(f"{path}: the image could not be encoded")
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.tobytes())
    return path
