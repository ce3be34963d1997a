"""Encoded images for the tests of sources."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import PIL.Image


def example_image(width: int = 84, height: int = 60) -> PIL.Image.Image:
    """A smooth coloured image, different in every corner."""
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return PIL.Image.fromarray(coarse).resize((width, height), PIL.Image.Resampling.BILINEAR)


def encoded(image: PIL.Image.Image, format_name: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def tiff(directories: list[dict[int, tuple[str, list[int]]]], order: str = "<") -> bytes:
    """A TIFF without pixels: its first directory, and the others as its SubIFDs.

    Args:
        directories: tag -> (struct code B, H or I, values), for each directory.
        order: "<" or ">".
    """
    kinds = {"B": 1, "H": 3, "I": 4}
    data = bytearray((b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8))
    starts = []
    for directory in directories:
        starts.append(len(data))
        data += bytes(2 + 12 * (len(directory) + 1) + 4)
    for number, (start, directory) in enumerate(zip(starts, directories, strict=True)):
        entries = dict(directory)
        if number == 0 and len(starts) > 1:
            entries[330] = ("I", starts[1:])
        struct.pack_into(f"{order}H", data, start, len(entries))
        for index, (tag, (code, values)) in enumerate(sorted(entries.items())):
            packed = struct.pack(f"{order}{len(values)}{code}", *values)
            at = start + 2 + 12 * index
            struct.pack_into(f"{order}HHI", data, at, tag, kinds[code], len(values))
            if len(packed) <= 4:
                data[at + 8 : at + 8 + len(packed)] = packed
            else:
                struct.pack_into(f"{order}I", data, at + 8, len(data))
                data += packed
    return bytes(data)
