"""Untrusted .npz files: `read_npz_entries`, which unpacks no more than `unpacked_limit` allows."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.errors import InputError
from rtmpose3d.untrusted.boundary import check_size, reading
from rtmpose3d.untrusted.limits import DATASET_FILE_BYTES, MAX_DIMENSIONS, unpacked_limit

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # numpy writes no others

ReadObjects = Callable[[BinaryIO, int], object]
"""Reads an entry of Python objects: its stream after the header, and the bytes that are left."""


def read_npz_entries(
    file: BinaryIO, packed_bytes: int, read_objects: ReadObjects | None = None
) -> dict[str, object]:
    """Reads all entries of an .npz file; no pickle in it is ever executed.

    Call it inside `reading`: a damaged file raises whatever zipfile, zlib and numpy raise.

    Args:
        file: the open file.
        packed_bytes: its size.
        read_objects: for entries of Python objects; None: those are an error.

    Returns:
        Name of the entry, without .npy -> array, or what `read_objects` returns.

    Raises:
        ValueError: it would unpack to far more than its size, or an entry is unusable.
    """
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if sum(info.file_size for info in infos) > unpacked_limit(packed_bytes):
            raise ValueError("it would unpack to far more than its size")
        names = [info.filename.removesuffix(".npy") for info in infos]
        if len(set(names)) != len(names):
            raise ValueError("two entries have the same name")
        return {
            name: _read_entry(archive, info, read_objects)
            for name, info in zip(names, infos, strict=True)
        }


def read_arrays(
    path: Path,
    *names: str,
    what: str = "file of arrays",
    advice: str = "check the file, or get it again",
) -> dict[str, NDArray[np.generic]]:
    """Reads an .npz file of plain arrays.

    Args:
        path: the file.
        names: arrays that it must have.
        what: its type for messages.
        advice: what to do, the end of the message.

    Returns:
        Name -> array, of all in the file.

    Raises:
        InputError: it is missing, damaged, lacks an array, or is beyond the limits.
    """
    size = check_size(path, DATASET_FILE_BYTES, what)
    with reading(path, what, advice=advice), path.open("rb") as file:
        entries = read_npz_entries(file, size)
    missing = [name for name in names if name not in entries]
    if missing:
        raise InputError(f"{what} {path} has no array {missing[0]!r}; {advice}")
    return cast("dict[str, NDArray[np.generic]]", entries)


def _read_entry(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, read_objects: ReadObjects | None
) -> object:
    if info.compress_type not in _METHODS:
        raise ValueError(f"an entry is packed by method {info.compress_type}, not deflated")
    with archive.open(info) as opened:
        stream = cast("BinaryIO", opened)
        version = np.lib.format.read_magic(stream)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read_header(stream)
        left = info.file_size - stream.tell()
        if dtype.hasobject:
            if read_objects is None:
                raise ValueError("an entry holds Python objects, not numbers")
            return read_objects(stream, left)
        if len(shape) > MAX_DIMENSIONS or min(shape, default=0) < 0:
            raise ValueError("an entry has an impossible shape")
        if math.prod(shape) * dtype.itemsize != left:
            raise ValueError(f"an entry of shape {shape} has {left} bytes")
        data = stream.read(left)
        if len(data) != left:
            raise ValueError("an entry is cut short")
        if not dtype.itemsize:
            return np.empty(shape, dtype)
        return np.frombuffer(bytearray(data), dtype).reshape(shape, order="F" if fortran else "C")
