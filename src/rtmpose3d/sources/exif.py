"""EXIF metadata of image files."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import PIL.Image


def read_exif(path: Path) -> PIL.Image.Exif:
    """Read the EXIF block of a file; empty if there is none, or it is damaged or unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with PIL.Image.open(path) as image:
                return image.getexif()
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, IndexError, struct.error):
        return PIL.Image.Exif()
