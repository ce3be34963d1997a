"""Tensors as a PyTorch file declares them: `TensorRef` over `StorageRef`.

`rebuild` and `storage_hook` are the two hooks of `inert_pickle.load`: the only names they know
are torch's tensor rebuilders and storages. Nothing is checked against the file here; that is done
when a tensor is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np

from rtmpose3d.untrusted.limits import MAX_DIMENSIONS
from rtmpose3d.weights.checkpoints.pickle_values import Name, Opaque

BFLOAT16 = "bfloat16"  # numpy has no such type; read as uint16 and widened to float32

# torch's names of element types -> numpy's, without byte order.
_DTYPES: Mapping[str, str] = {
    "float64": "f8",
    "float32": "f4",
    "float16": "f2",
    BFLOAT16: BFLOAT16,
    "int64": "i8",
    "int32": "i4",
    "int16": "i2",
    "int8": "i1",
    "uint8": "u1",
    "uint16": "u2",
    "uint32": "u4",
    "uint64": "u8",
    "bool": "?",
}
_STORAGES: Mapping[str, str] = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": BFLOAT16,
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_STORAGE_MODULES = frozenset(("torch", "torch.cuda", "torch.storage"))


def item_bytes(dtype: str) -> int:
    """Bytes of one element of a `TensorRef.dtype`."""
    return 2 if dtype == BFLOAT16 else np.dtype(dtype).itemsize


@dataclass(frozen=True, eq=False)
class StorageRef:
    """A run of bytes in the file.

    Attributes:
        key: its record's name in a zip, its number in the old format.
        dtype: numpy's name of the elements without byte order, or `BFLOAT16`; None if the
            storage is untyped.
        count: elements (bytes, if untyped), as declared.
        first: the element at which a view into another storage starts (old format).
    """

    key: str
    dtype: str | None
    count: int
    first: int = 0

    @property
    def item_bytes(self) -> int:
        """Bytes of one of the `count` elements."""
        return 1 if self.dtype is None else item_bytes(self.dtype)


@dataclass(frozen=True, eq=False)
class TensorRef:
    """A tensor laid over a storage; offset and strides in elements, all as declared."""

    storage: StorageRef
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def storage_hook(seen: dict[str, StorageRef]) -> Callable[[object], object]:
    """A hook for persistent ids: storages, each noted in `seen` under its key."""

    def persistent(identity: object) -> object:
        storage = _storage(identity)
        if isinstance(storage, StorageRef):
            seen.setdefault(storage.key, storage)
        return storage

    return persistent


def _storage(identity: object) -> object:
    """A storage of ("storage", type, key, device, count[, view]), a name of ("module", class)."""
    if not (isinstance(identity, tuple) and len(identity) >= 2):
        return Opaque("persistent id")
    if identity[0] == "module" and isinstance(identity[1], Name):
        return identity[1]
    if not (identity[0] == "storage" and len(identity) in (5, 6)):
        return Opaque("persistent id")
    kind, key, _, count = identity[1:5]
    if not (isinstance(kind, Name) and isinstance(key, str) and _is_size(count)):
        return Opaque("storage")
    first = 0
    if len(identity) == 6 and identity[5] is not None:
        view = identity[5]  # (key, first element, elements)
        if not (isinstance(view, tuple) and len(view) == 3 and all(map(_is_size, view[1:]))):
            return Opaque("storage view")
        first, count = view[1], view[2]
    if kind.module not in _STORAGE_MODULES:
        return Opaque(kind)
    if kind.name == "UntypedStorage":
        return StorageRef(key, None, count, first)
    if kind.name not in _STORAGES:
        return Opaque(kind)
    return StorageRef(key, _STORAGES[kind.name], count, first)


def rebuild(name: Name, arguments: tuple[object, ...]) -> object:
    """Rebuilds the calls of tensors, parameters and sizes; anything else stays opaque."""
    make = _REBUILDERS.get(str(name))
    value = make(arguments) if make is not None else None
    return Opaque(name) if value is None else value


def _tensor(arguments: tuple[object, ...]) -> TensorRef | None:
    """The tensor of _rebuild_tensor(_v2)(storage, offset, size, stride[, requires_grad, hooks])."""
    if len(arguments) < 4 or (len(arguments) > 6 and arguments[6]):  # conjugate or negative bit
        return None
    storage = arguments[0]
    if not isinstance(storage, StorageRef) or storage.dtype is None:
        return None
    return _laid_out(storage, storage.dtype, arguments)


def _tensor_v3(arguments: tuple[object, ...]) -> TensorRef | None:
    """The tensor of v3: over an untyped storage, with the element type as seventh argument."""
    if len(arguments) < 7 or (len(arguments) > 7 and arguments[7]):
        return None
    storage, dtype = arguments[0], arguments[6]
    if not (isinstance(storage, StorageRef) and isinstance(dtype, Name)):
        return None
    if dtype.module != "torch" or dtype.name not in _DTYPES:
        return None
    return _laid_out(storage, _DTYPES[dtype.name], arguments)


def _laid_out(storage: StorageRef, dtype: str, arguments: tuple[object, ...]) -> TensorRef | None:
    offset, shape, strides = arguments[1:4]
    if not (_is_size(offset) and isinstance(shape, tuple) and isinstance(strides, tuple)):
        return None
    # The length first: many tensors may share one endless shape.
    if len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS:
        return None
    if not all(map(_is_size, (*shape, *strides))):
        return None
    return TensorRef(storage, dtype, offset, shape, strides)


def _first_tensor(arguments: tuple[object, ...]) -> TensorRef | None:
    """The tensor of a parameter."""
    first = arguments[0] if arguments else None
    return first if isinstance(first, TensorRef) else None


def _size(arguments: tuple[object, ...]) -> tuple[object, ...] | None:
    first = arguments[0] if arguments else ()
    return first if isinstance(first, tuple) else None


def _is_size(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < 2**63


_REBUILDERS: Mapping[str, Callable[[tuple[object, ...]], object]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _first_tensor,
    "torch._utils._rebuild_parameter_with_state": _first_tensor,
    "torch.Size": _size,
}
