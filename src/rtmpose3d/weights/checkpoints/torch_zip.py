"""The container of torch.save since 1.6: a zip of stored records under one top folder.

Finds the records and their bytes; never unpacks anything to disk and refuses compressed records
(torch.save writes none, and they are how zip bombs are made).
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")  # APPNOTE.TXT 4.3.7
_ENCRYPTED = 0x1


class ContainerError(ValueError):
    """The file is damaged or no checkpoint; the message completes 'it ...'."""


@dataclass(frozen=True)
class Record:
    """A run of bytes in the file.

    Attributes:
        start: first byte.
        size: bytes.
        crc32: checksum of all of it, or None where the file has none.
    """

    start: int
    size: int
    crc32: int | None = None


@dataclass(frozen=True)
class Archive:
    """The records of a PyTorch zip, by name without the top folder ("data.pkl", "data/0")."""

    records: Mapping[str, Record]


def read_bytes(handle: BinaryIO, record: Record) -> bytearray:
    """All bytes of a record, checked against its checksum.

    Raises:
        ContainerError: it is cut short or damaged.
    """
    data = bytearray(record.size)
    handle.seek(record.start)
    view, filled = memoryview(data), 0
    while filled < record.size:
        count = handle.readinto(view[filled:])  # pyright: ignore[reportAttributeAccessIssue]
        if not count:
            raise ContainerError("is cut short")
        filled += count
    # torch.save records 0 when it shall compute no checksums.
    if record.crc32 and zlib.crc32(data) != record.crc32:
        raise ContainerError("is damaged: a checksum does not match")
    return data


def read_archive(handle: BinaryIO, size: int) -> Archive:
    """Finds the records of a PyTorch zip.

    Args:
        handle: the open file.
        size: its bytes.

    Raises:
        ContainerError: it is truncated, damaged, compressed, or a zip of something else.
    """
    try:
        with zipfile.ZipFile(handle) as archive:
            entries = archive.infolist()
    except zipfile.BadZipFile as error:
        raise ContainerError("is cut short or damaged: the end of the zip is missing") from error
    except (ValueError, LookupError, NotImplementedError, struct.error, EOFError) as error:
        raise ContainerError(f"is damaged: {error}") from error
    names = [entry.filename for entry in entries]
    top = _top_folder(names)
    if len(set(names)) != len(names):
        raise ContainerError("is damaged: two records have the same name")
    found = [(entry, _record(handle, entry, size)) for entry in entries]
    _refuse_overlaps(found)
    return Archive(
        {
            entry.filename.removeprefix(top): record
            for entry, record in found
            if entry.filename.startswith(top)
        }
    )


def _refuse_overlaps(found: list[tuple[zipfile.ZipInfo, Record]]) -> None:
    """Refuses records that share bytes: a thousand of them could each have all of the file."""
    end = 0
    for entry, record in sorted(found, key=lambda pair: pair[0].header_offset):
        if entry.header_offset < end:
            raise ContainerError(f"is damaged: {entry.filename[:60]!r} overlaps another record")
        end = record.start + record.size


def _top_folder(names: list[str]) -> str:
    """The folder that holds data.pkl, with its slash; a zip of something else is refused."""
    tops = [name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl")]
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise ContainerError(
            "is a TorchScript archive (torch.jit.save), which holds a program; "
            "give the checkpoint that torch.save wrote"
        )
    if len(tops) == 1:
        return tops[0]
    if names and all(name.endswith(".npy") for name in names):
        raise ContainerError("is a numpy .npz archive; a checkpoint of torch.save is expected")
    shown = ", ".join(repr(name[:60]) for name in names[:5])
    raise ContainerError(f"is a zip that torch.save did not write (it holds {shown or 'nothing'})")


def _record(handle: BinaryIO, entry: zipfile.ZipInfo, size: int) -> Record:
    shown = repr(entry.filename[:60])
    if entry.flag_bits & _ENCRYPTED:
        raise ContainerError(f"is an encrypted zip ({shown})")
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        raise ContainerError(
            f"is a compressed zip ({shown}), which torch.save never writes; "
            "unpack it and zip it again without compression, or get the original file"
        )
    if not 0 <= entry.header_offset <= size:
        raise ContainerError(f"is damaged: {shown} is not inside the file")
    handle.seek(entry.header_offset)
    header = handle.read(_LOCAL_HEADER.size)
    if len(header) != _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
        raise ContainerError(f"is damaged: {shown} is not where the zip says")
    *_, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
    start = entry.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
    if start + entry.file_size > size:
        raise ContainerError(f"is cut short: {shown} reaches beyond the end of the file")
    return Record(start, entry.file_size, entry.CRC)
