"""Files of torch.save, read without torch and without running any of their pickle.

`open_torch_file` gives the tree of plain values; tensors in it are `TensorRef`s, and only those
that are asked for are read from the disk. Both formats are read: the zip of torch 1.6 and later,
and the one before (a row of pickles, then the storages).
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.errors import WeightsError
from rtmpose3d.untrusted import reading
from rtmpose3d.untrusted.limits import TENSOR_BASE_BYTES, TENSOR_GROWTH
from rtmpose3d.weights.checkpoints.file_types import (
    ZIP_MAGIC,
    is_legacy_torch,
    read_head,
    wrong_file_error,
)
from rtmpose3d.weights.checkpoints.inert_pickle import load
from rtmpose3d.weights.checkpoints.pickle_values import PickleFormatError
from rtmpose3d.weights.checkpoints.tensor_refs import (
    BFLOAT16,
    StorageRef,
    TensorRef,
    item_bytes,
    rebuild,
    storage_hook,
)
from rtmpose3d.weights.checkpoints.torch_zip import (
    Archive,
    ContainerError,
    Record,
    read_archive,
    read_bytes,
)

_LEGACY_PROTOCOL = 1001  # torch.serialization.PROTOCOL_VERSION
_MAX_ELEMENTS = 2**48
_ADVICE = "download or copy it again"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Parsed:
    """Tree and storages of a file.

    Attributes:
        root: tree of plain values.
        records: bytes of each storage, by key; none overlap.
        big_endian: whether they are big-endian.
        exact: whether each has as many bytes as its storage declares (the zip format).
    """

    root: object
    records: Mapping[str, Record]
    big_endian: bool
    exact: bool


class TorchFile:
    """An open checkpoint.

    Attributes:
        path: the file.
        root: the saved value: plain values with `TensorRef`s, `Opaque`s and `Name`s in them.
    """

    def __init__(
        self,
        path: Path,
        handle: BinaryIO,
        size: int,
        parsed: _Parsed,
    ) -> None:
        self.path = path
        self.root = parsed.root
        self._handle = handle
        self._parsed = parsed
        self._bytes_left = TENSOR_GROWTH * size + TENSOR_BASE_BYTES
        self._storages: dict[str, bytearray] = {}

    def read(self, tensor: TensorRef, name: str = "a tensor") -> NDArray[np.generic]:
        """The values of one tensor.

        Args:
            tensor: a reference from `root`.
            name: its name for an error.

        Returns:
            A C-ordered array of the tensor's shape and element type in native byte order
            (bfloat16 as float32). Tensors that share a storage may share memory here too.

        Raises:
            WeightsError: it reaches beyond its storage, or the storage is short or damaged.
        """
        with reading(self.path, "checkpoint", error=WeightsError, advice=_ADVICE):
            try:
                return self._read(tensor)
            except ContainerError as error:
                raise WeightsError(f"{self.path} {error} (at {name[:100]})") from error

    def _read(self, tensor: TensorRef) -> NDArray[np.generic]:
        self._check_layout(tensor)
        dtype = np.dtype("u2" if tensor.dtype == BFLOAT16 else tensor.dtype)
        if math.prod(tensor.shape) == 0:
            return np.empty(tensor.shape, np.float32 if tensor.dtype == BFLOAT16 else dtype)
        in_file = dtype.newbyteorder(">" if self._parsed.big_endian else "<")
        array = np.ndarray(
            tensor.shape,
            in_file,
            buffer=self._storage(tensor.storage),
            offset=tensor.offset * dtype.itemsize,
            strides=[
                stride * dtype.itemsize if count > 1 else 0
                for count, stride in zip(tensor.shape, tensor.strides, strict=True)
            ],
        )
        if tensor.dtype == BFLOAT16:
            return (array.astype(np.uint32, order="C") << 16).view(np.float32)
        return array.astype(dtype, order="C", copy=False)

    def _check_layout(self, tensor: TensorRef) -> None:
        """Refuses layouts outside the storage, or of far more memory than the file."""
        shown = f"a tensor of shape {str(tensor.shape)[:100]}"
        elements = math.prod(tensor.shape)
        if math.prod(max(count, 1) for count in tensor.shape) >= _MAX_ELEMENTS:
            raise ContainerError(f"holds {shown}, which no memory can hold")
        if elements == 0:
            return
        steps = zip(tensor.shape, tensor.strides, strict=True)
        last = tensor.offset + sum((count - 1) * stride for count, stride in steps)
        width = item_bytes(tensor.dtype)
        if (last + 1) * width > tensor.storage.count * tensor.storage.item_bytes:
            raise ContainerError(f"holds {shown} that reaches beyond its storage")
        self._bytes_left -= elements * max(width, 4)
        if self._bytes_left < 0:
            raise ContainerError(f"asks for far more memory than its size (at {shown})")

    def _storage(self, storage: StorageRef) -> memoryview:
        """The bytes of a storage, read once."""
        declared = storage.count * storage.item_bytes
        if storage.key not in self._storages:
            if storage.key not in self._parsed.records:
                raise ContainerError(f"lacks its storage {storage.key[:40]!r}")
            record = self._parsed.records[storage.key]
            if self._parsed.exact and not 0 <= record.size - declared < storage.item_bytes:
                raise ContainerError(
                    f"is damaged: storage {storage.key[:40]!r} has {record.size} bytes, "
                    f"{declared} were declared"
                )
            self._storages[storage.key] = read_bytes(self._handle, record)
        data = memoryview(self._storages[storage.key])[storage.first * storage.item_bytes :]
        if data.nbytes < declared:
            raise ContainerError(
                f"is cut short: storage {storage.key[:40]!r} has {data.nbytes} bytes, "
                f"{declared} were declared"
            )
        return data


@contextmanager
def open_torch_file(path: Path | str) -> Iterator[TorchFile]:
    """Opens a file of torch.save; reads its tree now and its tensors when asked for.

    Args:
        path: a .pth, .pt or .bin file.

    Yields:
        The open file; arrays read from it stay valid after it is closed.

    Raises:
        WeightsError: it is of another type, damaged or cut short; the message says which.
    """
    path = Path(path)
    head, size = read_head(path)
    if not (head.startswith(ZIP_MAGIC) or is_legacy_torch(head)):
        raise wrong_file_error(path, head, size)
    with path.open("rb") as handle:
        with reading(path, "checkpoint", error=WeightsError, advice=_ADVICE):
            try:
                parse = _open_zip if head.startswith(ZIP_MAGIC) else _open_legacy
                parsed = parse(handle, size)
            except (ContainerError, PickleFormatError) as error:
                reason = error if isinstance(error, ContainerError) else f"is not readable: {error}"
                raise WeightsError(f"{path} ({size} bytes) {reason}; {_ADVICE}") from error
        yield TorchFile(path, handle, size, parsed)


def _open_zip(handle: BinaryIO, size: int) -> _Parsed:
    archive = read_archive(handle, size)
    data = read_bytes(handle, archive.records["data.pkl"])
    root = load(io.BytesIO(data), len(data), rebuild=rebuild, persistent=storage_hook({}))
    records = {
        name.removeprefix("data/"): record
        for name, record in archive.records.items()
        if name.startswith("data/")
    }
    big_endian = _is_big_endian(handle, archive)
    return _Parsed(root=root, records=records, big_endian=big_endian, exact=True)


def _is_big_endian(handle: BinaryIO, archive: Archive) -> bool:
    """The byte order that the file declares; those before torch 2.1 declare none: little."""
    if "byteorder" not in archive.records:
        return False
    record = archive.records["byteorder"]
    text = bytes(read_bytes(handle, record)) if record.size < 100 else b"?"
    if text not in (b"little", b"big"):
        raise ContainerError(f"names the byte order {text[:20]!r}; little or big is expected")
    return text == b"big"


def _open_legacy(handle: BinaryIO, size: int) -> _Parsed:
    """Magic number, protocol, system, tree, keys: five pickles; then count and bytes of each key.

    The storages are little-endian whatever the system was (torch/csrc/generic/serialization.cpp).
    """
    seen: dict[str, StorageRef] = {}

    def next_pickle() -> object:
        left = size - handle.tell()
        return load(handle, left, rebuild=rebuild, persistent=storage_hook(seen))

    next_pickle()  # the magic number, already seen
    if next_pickle() != _LEGACY_PROTOCOL:
        raise ContainerError("is of an unknown version of torch's old format")
    next_pickle()
    root, keys = next_pickle(), next_pickle()
    if not isinstance(keys, list):
        raise ContainerError("is damaged: the list of its storages is missing")
    records: dict[str, Record] = {}
    position = handle.tell()
    for key in keys:
        if not isinstance(key, str) or key not in seen:
            raise ContainerError("is damaged: a storage that no tensor uses is listed")
        handle.seek(position)
        count = int.from_bytes(handle.read(8), "little")
        record = Record(position + 8, count * seen[key].item_bytes)
        if record.start + record.size > size:
            raise ContainerError(f"is cut short: storage {key[:40]!r} is not all there")
        records[key] = record
        position = record.start + record.size
    return _Parsed(root=root, records=records, big_endian=False, exact=False)
