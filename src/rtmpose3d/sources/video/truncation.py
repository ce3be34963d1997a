"""Files that end before their container does: MP4 and MOV, Matroska and WebM, AVI.

FFmpeg reads such a file without an error, as if it were shorter. The sizes that the container
itself states show that bytes are missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_BOX_NAMES = (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"styp", b"moof", b"sidx")
_EBML = b"\x1aE\xdf\xa3"
_SEGMENT = b"\x18S\x80g"


def is_truncated(path: Path) -> bool:
    """Whether a file is shorter than its container states.

    False where the container states nothing, or is of another type.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[4:8] in _BOX_NAMES:
            return _boxes_end(file, size) > size
        if head[:4] == _EBML:
            return _segment_end(file, size) > size
        if head[:4] == b"RIFF":
            return 8 + int.from_bytes(head[4:8], "little") > size
    return False


def top_level_boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Names and ends, in bytes, of the boxes of an MP4 or MOV file (ISO/IEC 14496-12, 4.2).

    The last box may end after the file, which then is cut off.

    Args:
        file: open for reading.
        size: of the file, bytes.
    """
    start = 0
    while start + 8 <= size:
        file.seek(start)
        header = file.read(16)
        length = int.from_bytes(header[:4], "big")
        if length == 1 and len(header) == 16:
            length = int.from_bytes(header[8:], "big")
        if length == 0:  # to the end of the file
            length = size - start
        if length < 8:
            return
        start += length
        yield header[4:8], start


def _boxes_end(file: BinaryIO, size: int) -> int:
    """End of the last top-level box of an MP4 or MOV file, bytes."""
    return max((end for _, end in top_level_boxes(file, size)), default=0)


def _segment_end(file: BinaryIO, size: int) -> int:
    """End of the segment of a Matroska file (RFC 8794, section 4), bytes; 0 if not stated.

    That of the header before it, if the file ends in there.
    """
    file.seek(4)
    length = _read_size(file)
    if length is None:
        return 0
    header_end = file.tell() + length
    if header_end > size:
        return header_end
    file.seek(header_end)
    if file.read(4) != _SEGMENT:
        return 0
    length = _read_size(file)
    return 0 if length is None else file.tell() + length


def _read_size(file: BinaryIO) -> int | None:
    """An element's size; None where it is unknown (all bits set), as in live recordings."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    if len(rest) < width - 1:
        return None
    value = int.from_bytes(first + rest, "big") & ((1 << 7 * width) - 1)
    return None if value == (1 << 7 * width) - 1 else value
