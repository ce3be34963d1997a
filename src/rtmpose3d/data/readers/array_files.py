"""Reading pickled arrays (H3WB's .npz, camera files) without running any pickled code.

`weights.inert_pickle` reads the pickle; here numpy arrays, numbers and containers are rebuilt from
its bytes, and anything else is an error.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.weights.checkpoints.inert_pickle import load
from rtmpose3d.weights.checkpoints.pickle_values import Name, Opaque, PickleFormatError

MAX_STEPS = 50_000_000  # H3WB's boxes: 80,000 people of some 30 steps
_MAX_DEPTH = 12  # dictionaries within dictionaries; H3WB has 4
_DTYPES = frozenset({"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"})
_NUMPY_ARRAY = frozenset(f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core"))
_NUMPY_SCALAR = frozenset(f"numpy.{core}.multiarray.scalar" for core in ("core", "_core"))


class _Dtype:
    """A dtype of a pickle: its code; the byte order follows in its state."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "<"

    def numpy(self) -> np.dtype[np.generic]:
        if self.code not in _DTYPES:
            raise PickleFormatError(f"an array of {self.code!r}")
        return np.dtype((">" if self.order == ">" else "<") + self.code)


class _Array:
    """An array of a pickle, filled by its state."""

    def __init__(self) -> None:
        self.value: object = None


def read_pickled_npz(path: Path) -> dict[str, object]:
    """Reads an .npz file for which numpy would need `allow_pickle`.

    Args:
        path: the file.

    Returns:
        Entry name -> array, or the content of a zero-dimensional object array: dictionaries, lists,
        tuples, numbers, text and arrays.

    Raises:
        InputError: it is missing or broken, or holds any other type.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                info.filename.removesuffix(".npy"): _entry(archive, info)
                for info in archive.infolist()
            }
    except FileNotFoundError as error:
        raise InputError(f"annotation file {path} does not exist; check the folder") from error
    except (
        OSError,
        ValueError,
        EOFError,
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise InputError(f"{path} is no .npz file of arrays and dictionaries: {error}") from error


def read_pickle(path: Path) -> object:
    """Reads a pickle of dictionaries, lists, numbers, text and arrays, such as camera files.

    Raises:
        InputError: it is missing or broken, or holds any other type.
    """
    try:
        with path.open("rb") as stream:
            return _unpickle(stream, path.stat().st_size)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no pickle of arrays: {error}") from error


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> object:
    with archive.open(info) as opened:
        stream = cast("BinaryIO", opened)
        version = np.lib.format.read_magic(stream)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read_header(stream)
        if dtype.hasobject:
            return _unpickle(stream, info.file_size)
        data = np.frombuffer(stream.read(), dtype)
        return data.reshape(shape, order="F" if fortran else "C")


def _unpickle(stream: BinaryIO, size: int) -> object:
    value = load(
        stream,
        size,
        rebuild=_rebuild,
        persistent=lambda _: Opaque("persistent id"),
        set_state=_set_state,
        max_opcodes=MAX_STEPS,
    )
    return _unwrap(value, 0)


def _rebuild(name: Name, arguments: tuple[object, ...]) -> object:
    called = str(name)
    if called in _NUMPY_ARRAY:
        return _Array()
    if called == "numpy.dtype" and arguments and isinstance(arguments[0], str):
        return _Dtype(arguments[0].lstrip("<>|="))
    if called in _NUMPY_SCALAR and len(arguments) == 2:
        dtype, data = arguments
        if isinstance(dtype, _Dtype) and isinstance(data, bytes):
            return np.frombuffer(data, dtype.numpy(), count=1)[0]
    if called == "_codecs.encode" and len(arguments) == 2 and arguments[1] == "latin1":
        text = arguments[0]  # how protocol 2 holds bytes
        if isinstance(text, str):
            return text.encode("latin1")
    raise PickleFormatError(f"it asks for {called}, which is no array")


def _set_state(target: object, state: object) -> None:
    if isinstance(target, _Dtype):
        if isinstance(state, tuple) and len(state) > 1 and isinstance(state[1], str):
            target.order = state[1]
        return
    if not isinstance(target, _Array) or not isinstance(state, tuple) or len(state) != 5:
        raise PickleFormatError("a state that belongs to no array")
    _, shape, dtype, fortran, data = state
    if not (isinstance(shape, tuple) and all(isinstance(side, int) for side in shape)):
        raise PickleFormatError("an array without a shape")
    if not isinstance(dtype, _Dtype):
        raise PickleFormatError("an array without a dtype")
    if dtype.code in ("O", "O8", "O4"):
        if not isinstance(data, list) or len(data) != math.prod(shape):
            raise PickleFormatError("an array of objects of another size than its shape")
        target.value = data[0] if shape == () else data
    elif isinstance(data, bytes):
        flat = np.frombuffer(data, dtype.numpy())
        target.value = flat.reshape(shape, order="F" if fortran else "C")
    else:
        raise PickleFormatError("an array without bytes")


def _unwrap(value: object, depth: int) -> object:
    """The value with its arrays unwrapped.

    Raises:
        PickleFormatError: it contains another type than containers, numbers, text and arrays.
    """
    if depth > _MAX_DEPTH:
        raise PickleFormatError("containers nested too deeply")
    if isinstance(value, _Array):
        return _unwrap(value.value, depth + 1)
    if isinstance(value, dict):
        return {key: _unwrap(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_unwrap(item, depth + 1) for item in value)
    if isinstance(value, (Opaque, Name, _Dtype)):
        raise PickleFormatError(f"it holds a {type(value).__name__}, which is no array")
    return value
