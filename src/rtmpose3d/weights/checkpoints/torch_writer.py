"""Checkpoints written in the format of the published files, without torch.

`write_torch_file` writes the same as `torch.save({"meta": ..., "state_dict": ...})`: a zip of
stored records with a protocol 2 pickle. torch.load(weights_only=True) reads it back.
"""

from __future__ import annotations

import math
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.errors import WeightsError
from rtmpose3d.structures.atomic import atomic_write

# Plain values that a checkpoint's header may hold.
Plain: TypeAlias = "bool | int | float | str | Sequence[Plain] | Mapping[str, Plain] | None"

_STORAGE_NAMES: Mapping[str, str] = {
    "f8": "DoubleStorage",
    "f4": "FloatStorage",
    "f2": "HalfStorage",
    "i8": "LongStorage",
    "i4": "IntStorage",
    "i2": "ShortStorage",
    "i1": "CharStorage",
    "u1": "ByteStorage",
    "b1": "BoolStorage",
}
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # so that equal tensors give equal bytes


def write_torch_file(
    path: Path | str,
    tensors: Mapping[str, NDArray[np.generic]],
    extra: Mapping[str, Plain] | None = None,
) -> None:
    """Writes `{"state_dict": tensors, **extra}` as torch.save would; complete or not at all.

    Args:
        path: the .pth file to write.
        tensors: name -> array of a float, int or bool type, any shape.
        extra: further top-level entries, e.g. {"meta": {...}}; plain values only.

    Raises:
        WeightsError: an element type that torch files do not have.
        OutputError: it could not be written.
    """
    arrays = {name: _little_endian(name, array) for name, array in tensors.items()}
    with atomic_write(path) as handle, zipfile.ZipFile(handle, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "data.pkl", _tree(arrays, extra or {}))
        _add(archive, "byteorder", b"little")
        for number, array in enumerate(arrays.values()):
            _add(archive, f"data/{number}", array.tobytes())
        _add(archive, "version", b"3\n")


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(f"archive/{name}", _FIXED_DATE), data)


def _little_endian(name: str, array: NDArray[np.generic]) -> NDArray[np.generic]:
    array = np.asarray(array)
    if array.dtype.str[1:] not in _STORAGE_NAMES:
        raise WeightsError(
            f"{name} is of type {array.dtype}, which torch files do not have; "
            f"convert it to one of {', '.join(_STORAGE_NAMES)}"
        )
    return array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)


_EMPTY_ORDERED_DICT = b"ccollections\nOrderedDict\n)R"


def _tree(arrays: Mapping[str, NDArray[np.generic]], extra: Mapping[str, Plain]) -> bytes:
    """The protocol 2 pickle of the full checkpoint; opcodes as in pickletools."""
    state_dict = b"".join(
        _plain(name) + _tensor(number, array) for number, (name, array) in enumerate(arrays.items())
    )
    items = b"".join(_plain(key) + _plain(value) for key, value in extra.items())
    items += _plain("state_dict") + _EMPTY_ORDERED_DICT + b"(" + state_dict + b"u"
    return b"\x80\x02}(" + items + b"u."


def _tensor(number: int, array: NDArray[np.generic]) -> bytes:
    """_rebuild_tensor_v2(storage by persistent id, offset, size, stride, requires_grad, hooks)."""
    storage = _STORAGE_NAMES[array.dtype.str[1:]].encode()
    strides = tuple(math.prod(array.shape[axis + 1 :]) for axis in range(array.ndim))
    identity = b"".join(
        (
            _plain("storage"),
            b"ctorch\n" + storage + b"\n",
            _plain(str(number)),
            _plain("cpu"),
            _plain(array.size),
        )
    )
    sizes = b"(" + b"".join(map(_plain, array.shape)) + b"t"
    steps = b"(" + b"".join(map(_plain, strides)) + b"t"
    arguments = b"(" + identity + b"tQ" + _plain(0) + sizes + steps + b"\x89"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + _EMPTY_ORDERED_DICT + b"tR"


def _plain(value: Plain) -> bytes:
    """The opcodes that put one plain value on the stack."""
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return b"\x8a" + struct.pack("<B", len(data)) + data
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        return b"X" + struct.pack("<I", len(data)) + data
    if isinstance(value, Mapping):
        items = b"".join(_plain(key) + _plain(item) for key, item in value.items())
        return b"}(" + items + b"u"
    return b"](" + b"".join(map(_plain, value)) + b"e"
