"""The bytes of encoded images: from files, from open files, from memory."""

from __future__ import annotations

import inspect
import os
import stat
from pathlib import Path
from typing import Protocol, runtime_checkable

from rtmpose3d.errors import InputError
from rtmpose3d.sources.limits import MAX_FILE_BYTES

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@runtime_checkable
class ReadableFile(Protocol):
    """An open binary file: `open(path, "rb")`, `io.BytesIO`, an upload of a web framework."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; b"" at the end."""
        ...


def read_file(path: Path) -> bytes:
    """The bytes of a regular file, read by Python so that any file name works on any system.

    Raises:
        InputError: it is missing, too large, no regular file, or may not be read.
    """
    try:
        path = path.expanduser()
        _check_file(path, path.stat())
        with path.open("rb") as file:
            return _read_within_bounds(file, str(path))
    except FileNotFoundError:
        raise InputError(f"there is no file {str(path)!r}{looked_in(path)}") from None
    except PermissionError as error:
        raise InputError(f"{path} may not be read ({error.strerror}); check its rights") from None
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # a NUL in the name; ~unknown user
        raise InputError(f"{str(path)!r} cannot be read: {error}") from error


def looked_in(path: Path) -> str:
    """The folder that a relative path was looked for in, as part of a message."""
    if path.is_absolute():
        return ""
    try:
        return f" (looked in {Path.cwd()})"
    except OSError:
        return " (the working folder does not exist any more)"


def read_open_file(file: ReadableFile) -> bytes:
    """The bytes of an open binary file from its position to its end.

    Raises:
        InputError: it gives no bytes, it is open as text, or it is too large.
    """
    name = file_name(file)
    try:
        data = _read_within_bounds(file, name)
    except InputError:
        raise
    except Exception as error:  # closed, or whatever the class of a web framework raises
        raise InputError(f"{name} cannot be read: {error or type(error).__name__}") from error
    if not data:
        raise InputError(f"{name} is empty from its position on; rewind it: file.seek(0)")
    return data


def file_name(file: ReadableFile) -> str:
    """A name for an open file in messages."""
    name = getattr(file, "name", None)
    return name if isinstance(name, str) and name else "the open file"


def check_size(size: int, name: str) -> None:
    """Check the size of an encoded image.

    Raises:
        InputError: it has too many bytes.
    """
    if size > MAX_FILE_BYTES:
        raise InputError(
            f"{name} has {'more than ' if size == MAX_FILE_BYTES + 1 else ''}"
            f"{size / 2**20:.0f} MiB; images of at most {MAX_FILE_BYTES // 2**20} MiB are read"
        )


def _check_file(path: Path, status: os.stat_result) -> None:
    """Refuse what is no regular file before it is opened, since opening a pipe waits.

    Raises:
        InputError: a folder, a pipe, a socket, a device, an empty or too large a file.
    """
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} is a folder; give an image file, or its files")
    for is_kind, kind in _KINDS:
        if is_kind(status.st_mode):
            raise InputError(f"{path} is {kind}, not a file; save the image to a file first")
    if status.st_size == 0:  # also files of /proc, of which some never end
        raise InputError(f"{path} is empty (0 bytes)")
    check_size(status.st_size, str(path))


def _read_within_bounds(file: ReadableFile, name: str) -> bytes:
    pieces: list[bytes] = []
    left = MAX_FILE_BYTES + 1
    while left > 0:
        piece = file.read(left)
        if inspect.isawaitable(piece):
            if inspect.iscoroutine(piece):
                piece.close()
            raise InputError(f"{name} is read asynchronously; pass the bytes: await file.read()")
        if not isinstance(piece, bytes):
            raise InputError(f"{name} gives {type(piece).__name__}; open it in binary mode ('rb')")
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    data = b"".join(pieces)
    check_size(len(data), name)
    return data
