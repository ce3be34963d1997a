"""File types recognised by their first bytes, so that an error names the type of a wrong file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from rtmpose3d.errors import WeightsError

HEAD_BYTES = 512
ZIP_MAGIC = b"PK\x03\x04"
# The first pickle of torch.save's format before 1.6 is this number (torch.serialization).
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C

_AGAIN = "download it again"
_STARTS: Mapping[bytes, tuple[str, str]] = {
    b"version https://git-lfs": (
        "a git-lfs pointer, not the file itself",
        'run "git lfs pull" in its repository, or download the file',
    ),
    b"PK\x05\x06": ("an empty zip archive", _AGAIN),
    b"\x89HDF": ("an HDF5 (Keras) file", "a PyTorch checkpoint is needed"),
    b"\x93NUMPY": ("a single numpy array", "a PyTorch checkpoint is needed"),
    b"\x1f\x8b": ("compressed with gzip", "unpack it first"),
    b"BZh": ("compressed with bzip2", "unpack it first"),
    b"\xfd7zXZ": ("compressed with xz", "unpack it first"),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "unpack it first"),
    b"7z\xbc\xaf": ("a 7-Zip archive", "unpack it first"),
    b"GGUF": ("a GGUF language model", "a PyTorch checkpoint is needed"),
    b"%PDF": ("a PDF document", "a PyTorch checkpoint is needed"),
    b"\x7fELF": ("a program", "a PyTorch checkpoint is needed"),
    b"MZ": ("a Windows program", "a PyTorch checkpoint is needed"),
    b"\x89PNG": ("a PNG image", "a PyTorch checkpoint is needed"),
    b"\xff\xd8\xff": ("a JPEG image", "a PyTorch checkpoint is needed"),
}


def read_head(path: Path) -> tuple[bytes, int]:
    """The first `HEAD_BYTES` of a file and its size in bytes.

    Raises:
        WeightsError: there is no such file, it is a folder, or it cannot be opened.
    """
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; a checkpoint file is expected")
    if path.exists() and not path.is_file():
        raise WeightsError(f"{path} is a pipe, a socket or a device; a checkpoint file is expected")
    try:
        with path.open("rb") as handle:
            return handle.read(HEAD_BYTES), path.stat().st_size
    except FileNotFoundError as error:
        raise WeightsError(f"there is no checkpoint at {path}") from error
    except OSError as error:
        raise WeightsError(f"cannot open {path}: {error.strerror or error}") from error


def is_safetensors(head: bytes, size: int) -> bool:
    """Whether the file starts with the length of a JSON header that fits into it."""
    return len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8


def is_legacy_torch(head: bytes) -> bool:
    """Whether the file starts with the pickle of torch's old magic number, of any protocol."""
    return head[:1] == b"\x80" and b"\x8a\x0a" + LEGACY_MAGIC.to_bytes(10, "little") in head[:32]


def wrong_file_error(path: Path, head: bytes, size: int) -> WeightsError:
    """The error for a file that is no checkpoint: its actual type, and what to do."""
    what, advice = _file_type(path, head)
    return WeightsError(f"{path} ({size} bytes) is {what}; {advice}")


def _file_type(path: Path, head: bytes) -> tuple[str, str]:
    if not head:
        return "empty", _AGAIN
    for start, description in _STARTS.items():
        if head.startswith(start):
            return description
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<error")):
        return "a web page (an error or login page saved as the file)", f"{_AGAIN}, check the URL"
    if text.startswith((b"{", b"[")):
        return "JSON text (perhaps a server's error message)", f"{_AGAIN}, check the URL"
    if path.suffix == ".onnx" or re.match(rb"\x08[\x03-\x14][\x12\x1a\x22\x28\x32\x3a\x42]", head):
        return "an ONNX model", "give it where an ONNX file is asked for, or give a .pth here"
    if head[257:262] == b"ustar":
        return "a tar archive", "unpack it first; torch's tar format before 0.2 is not read"
    if head[:1] == b"\x80":
        return (
            "a pickle that torch.save did not write",
            "save its tensors with torch.save or as .safetensors",
        )
    if not head.strip(b"\x00"):
        return "all zeros at its start (an unfinished download)", _AGAIN
    return (
        f"not a PyTorch or safetensors checkpoint (it starts with {head[:8]!r})",
        "check the path, or download it again",
    )
