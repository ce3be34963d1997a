"""EXIF metadata of image files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rtmpose3d.errors import InputError
from rtmpose3d.sources.decode import open_header
from rtmpose3d.sources.pillow_images import decoder_errors
from rtmpose3d.sources.reading import read_file

_EXIF_DIRECTORY = 0x8769  # EXIF 2.32, table 4


def read_exif(path: Path) -> Mapping[int, object]:
    """Read the EXIF tags of a file by number, those of the Exif directory included.

    Returns:
        The tags; none if there are none, or they or the file are damaged.
    """
    name = str(path)
    try:
        with open_header(read_file(path), name) as image, decoder_errors(name):
            exif = image.getexif()
            tags: dict[int, object] = dict(exif)
            with decoder_errors(name):
                tags |= exif.get_ifd(_EXIF_DIRECTORY)
            return tags
    except InputError:
        return {}
