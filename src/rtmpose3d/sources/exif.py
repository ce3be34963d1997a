"""The EXIF notes of an image's file, for what the camera tells of itself."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import PIL.Image


def exif_of(path: Path) -> PIL.Image.Exif:
    """The EXIF block of a file; an empty one if it has none, is damaged or cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with PIL.Image.open(path) as image:
                return image.getexif()
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, IndexError, struct.error):
        return PIL.Image.Exif()
