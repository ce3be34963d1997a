"""Bytes of torch files around any pickle, right or wrong, in the formats since 1.6 and before."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping, Sequence

from rtmpose3d.weights.checkpoints.torch_writer import _plain as plain

EMPTY_ORDERED_DICT = b"ccollections\nOrderedDict\n)R"


def torch_zip(data_pkl: bytes, storages: Mapping[str, bytes] | None = None, **records) -> bytes:
    """A zip as torch.save writes it; records: byteorder=..., version=..."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", data_pkl)
        for key, data in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", data)
        for name, data in {"version": b"3\n", **records}.items():
            archive.writestr(f"archive/{name}", data)
    return stream.getvalue()


def legacy_file(data_pkl: bytes, storages: Mapping[str, tuple[int, bytes]]) -> bytes:
    """A file of the format before torch 1.6; storages: key -> elements, bytes."""
    stream = io.BytesIO()
    stream.write(b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.")
    stream.write(b"\x80\x02M\xe9\x03.")
    stream.write(pickle.dumps({"protocol_version": 1001, "little_endian": True}, protocol=2))
    stream.write(data_pkl)
    stream.write(pickle.dumps(list(storages), protocol=2))
    for count, data in storages.values():
        stream.write(struct.pack("<q", count) + data)
    return stream.getvalue()


def tensor_pickle(
    count: object,
    offset: object,
    shape: Sequence[object],
    strides: Sequence[object],
    storage: str = "torch\nFloatStorage",
    key: str = "0",
    view: tuple[object, ...] | None = None,
) -> bytes:
    """{"w": tensor} with any declared sizes.

    Args:
        count: elements of the storage.
        offset: of the tensor's first element in the storage, or in the view of it.
        shape: of the tensor.
        strides: in elements.
        storage: module and name of the storage's class.
        key: of the storage.
        view: (key, first element, elements) of the part of the storage that is used (old format).
    """
    identity = b"(" + plain("storage") + f"c{storage}\n".encode() + plain(key)
    identity += plain("cpu") + plain(count)
    if view is not None:
        identity += b"(" + b"".join(map(plain, view)) + b"t"
    layout = plain(offset) + b"(" + b"".join(map(plain, shape)) + b"t("
    layout += b"".join(map(plain, strides)) + b"t\x89" + EMPTY_ORDERED_DICT
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n("
    return b"\x80\x02}(" + plain("w") + rebuild + identity + b"tQ" + layout + b"tRu."


def typed_tensor_pickle(
    count: int, storage: str, dtype: str, shape: Sequence[int], metadata: bytes = b""
) -> bytes:
    """{"w": tensor} as torch writes element types that have no storage class of their own.

    Args:
        count: elements of the storage.
        storage: name of its class.
        dtype: module and name of the element type.
        shape: of the tensor.
        metadata: opcodes of the last argument, if any.
    """
    identity = b"(" + plain("storage") + f"ctorch\n{storage}\n".encode() + plain("0")
    identity += plain("cpu") + plain(count) + b"tQ"
    sides = b"(" + b"".join(map(plain, shape)) + b"t"
    steps = b"(" + plain(1) * len(shape) + b"t"
    layout = plain(0) + sides + steps + b"\x89" + EMPTY_ORDERED_DICT + f"c{dtype}\n".encode()
    rebuild = b"ctorch._utils\n_rebuild_tensor_v3\n("
    return b"\x80\x02}(" + plain("w") + rebuild + identity + layout + metadata + b"tRu."
