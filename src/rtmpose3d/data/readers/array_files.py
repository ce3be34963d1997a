"""Reading pickled arrays (H3WB's .npz, camera files) without running any pickled code.

`weights.inert_pickle` reads the pickle; here numpy arrays, numbers and containers are rebuilt from
its bytes, and anything else is an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rtmpose3d.untrusted import brief, check_size, read_npz_entries, reading
from rtmpose3d.untrusted.limits import (
    DATASET_DEPTH,
    DATASET_FILE_BYTES,
    DATASET_PICKLE,
    MAX_DIMENSIONS,
    max_items,
)
from rtmpose3d.weights.checkpoints.inert_pickle import load
from rtmpose3d.weights.checkpoints.pickle_values import Name, Opaque, PickleFormatError

_ADVICE = "download it again"
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
    size = check_size(path, DATASET_FILE_BYTES, "annotation file")
    with reading(path, "annotation file", advice=_ADVICE), path.open("rb") as stream:
        return read_npz_entries(stream, size, _unpickle)


def read_pickle(path: Path) -> object:
    """Reads a pickle of dictionaries, lists, numbers, text and arrays, such as camera files.

    Raises:
        InputError: it is missing or broken, or holds any other type.
    """
    size = check_size(path, DATASET_FILE_BYTES, "pickle")
    with reading(path, "pickle", advice=_ADVICE), path.open("rb") as stream:
        return _unpickle(stream, size)


def _unpickle(stream: BinaryIO, size: int) -> object:
    value = load(
        stream,
        size,
        rebuild=_Rebuilding().rebuild,
        persistent=lambda _: Opaque("persistent id"),
        set_state=_set_state,
        limits=DATASET_PICKLE,
    )
    return _Unwrapping(max_items(size)).unwrap(value, 0)


class _Rebuilding:
    """The calls of one pickle that give arrays, numbers and bytes."""

    def __init__(self) -> None:
        self._encoded: dict[
            int, tuple[str, bytes]
        ] = {}  # each text once, however often it is asked

    def rebuild(self, name: Name, arguments: tuple[object, ...]) -> object:
        """The array, number or bytes of a call.

        Raises:
            PickleFormatError: it calls anything else.
        """
        called = str(name)
        if called in _NUMPY_ARRAY:
            return _Array()
        if called == "numpy.dtype" and arguments and isinstance(arguments[0], str):
            return _Dtype(arguments[0][:10].lstrip("<>|="))
        if called in _NUMPY_SCALAR and len(arguments) == 2:
            dtype, data = arguments
            if isinstance(dtype, _Dtype) and isinstance(data, bytes):
                return np.frombuffer(data, dtype.numpy(), count=1)[0]
        if called == "_codecs.encode" and len(arguments) == 2 and arguments[1] == "latin1":
            text = arguments[0]  # how protocol 2 holds bytes
            if isinstance(text, str):
                if id(text) not in self._encoded:
                    self._encoded[id(text)] = text, text.encode("latin1")
                return self._encoded[id(text)][1]
        raise PickleFormatError(f"it asks for {brief(called)}, which is no array")


def _set_state(target: object, state: object) -> None:
    if isinstance(target, _Dtype):
        if isinstance(state, tuple) and len(state) > 1 and isinstance(state[1], str):
            target.order = state[1]
        return
    if not isinstance(target, _Array) or not isinstance(state, tuple) or len(state) != 5:
        raise PickleFormatError("a state that belongs to no array")
    _, shape, dtype, fortran, data = state
    # The length first: many arrays may share one endless shape.
    if not isinstance(shape, tuple) or len(shape) > MAX_DIMENSIONS:
        raise PickleFormatError("an array without a shape")
    if not all(type(side) is int and 0 <= side < 2**48 for side in shape):
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


class _Unwrapping:
    """Replaces the arrays of a tree by their values; what is shared is copied once.

    The size of a tree counts what is shared at each reference: readers walk over all of it, and a
    few hundred bytes whose lists hold the same list many times stand for any number of items.
    """

    def __init__(self, max_items: int) -> None:
        self._max_items = max_items
        self._done: dict[int, tuple[object, object, int]] = {}  # source, value, items

    def unwrap(self, value: object, depth: int) -> object:
        """The value with its arrays unwrapped.

        Raises:
            PickleFormatError: it contains another type than containers, numbers, text and arrays,
                or itself, or is far larger than its pickle.
        """
        if depth > DATASET_DEPTH:
            raise PickleFormatError("containers nested too deeply")
        if isinstance(value, (Opaque, Name, _Dtype)):
            raise PickleFormatError(f"it holds a {type(value).__name__}, which is no array")
        if not isinstance(value, (_Array, dict, list, tuple)):
            return value
        if id(value) not in self._done:
            copy = self._copy(value, depth)
            self._done[id(value)] = value, copy, self._count(value)
        return self._done[id(value)][1]

    def _copy(self, value: object, depth: int) -> object:
        if isinstance(value, _Array):
            return self.unwrap(value.value, depth + 1)
        if isinstance(value, dict):
            return {key: self.unwrap(item, depth + 1) for key, item in value.items()}
        assert isinstance(value, (list, tuple))
        return type(value)(self.unwrap(item, depth + 1) for item in value)

    def _count(self, value: object) -> int:
        inner = [value.value] if isinstance(value, _Array) else value
        items = inner.values() if isinstance(inner, dict) else inner
        assert isinstance(items, Iterable)
        count = 1
        for item in items:
            count += self._done[id(item)][2] if id(item) in self._done else 1
            if count > self._max_items:
                raise PickleFormatError("it holds the same containers again and again")
        return count
