"""Recognition of camera raw files, whose first image is a small preview.

Most are TIFF files in which Pillow finds the preview and no more. Sources: TIFF 6.0, DNG 1.7
(tags), and the signatures of the manufacturers' formats as ExifTool lists them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import PurePath

_ENDINGS = (
    "3fr arw cr2 cr3 crw dcr dng erf fff iiq kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2 "
    "srf srw x3f"
)
RAW_ENDINGS = frozenset(f".{ending}" for ending in _ENDINGS.split())
"""Endings that cameras give their raw files."""

_SIGNATURES = (
    (0, b"FUJIFILMCCD-RAW"),  # RAF
    (0, b"IIRO"),  # ORF
    (0, b"IIRS"),
    (0, b"MMOR"),
    (0, b"IIU\0"),  # RW2
    (0, b"FOVb"),  # X3F
    (0, b"\0MRM"),  # MRW
    (6, b"HEAPCCDR"),  # CRW
    (4, b"ftypcrx "),  # CR3
    (8, b"CR\x02\0"),  # CR2, behind the header of a TIFF
)
_TIFF_HEADERS = {b"II*\0": "<", b"MM\0*": ">"}

# Tags of TIFF 6.0 and DNG 1.7
_NEW_SUBFILE_TYPE, _WIDTH, _PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 254, 256, 262, 330, 50706
_SENSOR_DATA = (32803, 34892)  # photometric interpretations: colour filter array, linear raw
_REDUCED = 1  # bit of NewSubfileType: a smaller version of another image of the file
_TYPES = {1: "B", 3: "H", 4: "I", 13: "I"}  # BYTE, SHORT, LONG, IFD
_MAX_ENTRIES, _MAX_VALUES = 512, 16


def is_raw_photo(data: bytes, name: str) -> bool:
    """Whether a file is a camera's raw file.

    Args:
        data: the whole file.
        name: of the file; its ending decides about a TIFF that nothing inside gives away.
    """
    if any(data.startswith(signature, at) for at, signature in _SIGNATURES):
        return True
    order = _TIFF_HEADERS.get(data[:4])
    if order is None:
        return False
    if PurePath(name).suffix.lower() in RAW_ENDINGS:
        return True
    try:
        return _is_raw_tiff(data, order)
    except struct.error:  # damaged: Pillow says what is wrong
        return False


def _is_raw_tiff(data: bytes, order: str) -> bool:
    """Whether the first image is a preview, or the values of a sensor."""
    (offset,) = struct.unpack_from(f"{order}I", data, 4)
    first = dict(_tags(data, order, offset))
    if _DNG_VERSION in first or _first(first, _PHOTOMETRIC) in _SENSOR_DATA:
        return True
    if _first(first, _NEW_SUBFILE_TYPE) & _REDUCED:
        return True
    for nested in first.get(_SUB_IFDS, ()):
        tags = dict(_tags(data, order, nested))
        if _first(tags, _PHOTOMETRIC) in _SENSOR_DATA:
            return True
        if _first(tags, _WIDTH) > _first(first, _WIDTH):
            return True
    return False


def _first(tags: dict[int, tuple[int, ...]], tag: int) -> int:
    return next(iter(tags.get(tag, ())), 0)


def _tags(data: bytes, order: str, offset: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The whole numbers of an image file directory, by tag."""
    (count,) = struct.unpack_from(f"{order}H", data, offset)
    for index in range(min(count, _MAX_ENTRIES)):
        at = offset + 2 + 12 * index
        tag, kind, values = struct.unpack_from(f"{order}HHI", data, at)
        code = _TYPES.get(kind)
        if code is None:
            continue
        values = min(values, _MAX_VALUES)
        size = struct.calcsize(f"{order}{values}{code}")
        where = at + 8 if size <= 4 else struct.unpack_from(f"{order}I", data, at + 8)[0]
        yield tag, struct.unpack_from(f"{order}{values}{code}", data, where)
