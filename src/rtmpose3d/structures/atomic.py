"""Files that appear complete or not at all: `atomic_write` (a handle) and `atomic_path` (a name).

Bytes go to a temporary file in the folder of the target; it is flushed to the disk and renamed
over the target only when the block ends without an error. On any error, Ctrl-C included, the
temporary file is removed and an existing file is untouched. OSErrors of writing become
OutputErrors that name the file, the cause and the remedy.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO, Literal, TextIO, overload

from rtmpose3d.errors import OutputError, RTMPose3DError

_MAX_STEM_LENGTH = 100  # file systems allow 255 bytes a name; UTF-8 takes up to four a character
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp(\.[^.]*)?", re.DOTALL)
_REASONS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "free some space or choose another disk"),
    errno.EACCES: ("permission denied", "choose a folder you may write to, or close the file"),
    errno.EPERM: ("permission denied", "choose a folder you may write to"),
    errno.EROFS: ("the file system is read-only", "choose another folder"),
    errno.ENOENT: ("its folder does not exist", "create the folder first"),
    errno.ENOTDIR: ("a part of its path is a file, not a folder", "choose another path"),
    errno.EEXIST: ("a file of that name exists", "choose another path"),
    errno.EISDIR: ("a folder of that name exists", "give the name of a file"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name"),
}
if hasattr(errno, "EDQUOT"):  # not on Windows
    _REASONS[errno.EDQUOT] = ("your disk quota is used up", "free some space")


def output_error(path: Path, error: OSError) -> OutputError:
    """An OutputError that names the file that could not be written, the cause and the remedy."""
    fallback = (error.strerror or str(error) or type(error).__name__, "check the path and the disk")
    reason, hint = _REASONS.get(error.errno or 0, fallback)
    return OutputError(f"cannot write {path}: {reason}; {hint}")


@contextmanager
def output_errors(path: Path, *also: Path) -> Iterator[None]:
    """Convert the OSErrors of writing `path` inside the block to OutputErrors.

    Errors of this package, of the network, and those that name some other file pass unchanged.

    Args:
        path: the file that is written, as the message names it.
        also: further names under which it is written, such as a temporary one.

    Raises:
        OutputError: the block failed to write.
    """
    try:
        yield
    except (RTMPose3DError, ConnectionError, TimeoutError):
        raise
    except OSError as error:
        ours = {str(name) for name in (path, *path.parents, *also)}
        if error.filename is not None and os.fsdecode(error.filename) not in ours:
            raise
        raise output_error(path, error) from error


def make_directory(path: str | Path) -> Path:
    """Create a directory and its parents where they do not exist.

    Args:
        path: `~` is the home directory.

    Raises:
        OutputError: it cannot be created.
    """
    path = expand_home(path)
    with output_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def expand_home(path: str | Path) -> Path:
    """The path with `~` replaced by the home directory; unchanged for an unknown user.

    Raises:
        OutputError: no path of a file can have this name.
    """
    text = os.fspath(path)
    if "\0" in text:
        raise OutputError(f"{text!r} is no path: it holds a NUL character")
    return Path(os.path.expanduser(text))  # noqa: PTH111


def resolve_target(path: Path) -> Path:
    """The file that writing to a path replaces: that which a link names, or the path itself.

    Raises:
        OutputError: its folder does not exist, or it is a folder.
    """
    with output_errors(path):
        target = path.resolve() if path.is_symlink() else path
        if not target.parent.is_dir():
            error_number = errno.ENOTDIR if target.parent.exists() else errno.ENOENT
            raise OSError(error_number, os.strerror(error_number))
        if target.is_dir():
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    return target


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary name in the folder of `path`; the file written there is renamed to `path`.

    For writers that take a name and choose the format by its suffix (video, images): the
    temporary name has the suffix of `path`. A link is followed; a device or pipe is written
    directly.

    Args:
        path: final name of the file; `~` is the home directory. Its folder must exist.

    Yields:
        The name to write to. It does not exist yet.

    Raises:
        OutputError: it could not be written; an existing file is unchanged.
    """
    path = expand_home(path)
    target = resolve_target(path)
    if target.exists() and not target.is_file():  # /dev/stdout: replacing it would destroy it
        with output_errors(path, target):
            yield target
        return
    suffix = target.suffix[:20]
    temporary = target.with_name(
        f".{target.stem[:_MAX_STEM_LENGTH]}.{secrets.token_hex(4)}.tmp{suffix}"
    )
    try:
        with output_errors(path, target, temporary):
            yield temporary
            _flush_to_disk(temporary)
            _keep_permissions(target, temporary)
            temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def remove_temporary_files(folder: Path) -> list[Path]:
    """Remove the temporary files that killed processes left in a folder; returns them.

    Only for a folder that no other process writes to: theirs look the same.
    """
    found = [path for path in folder.iterdir() if _TEMPORARY.fullmatch(path.name)]
    for path in found:
        with suppress(OSError):
            path.unlink()
    return found


@overload
def atomic_write(
    path: Path | str, mode: Literal["wb"] = "wb", *, newline: str | None = None
) -> AbstractContextManager[BinaryIO]: ...
@overload
def atomic_write(
    path: Path | str, mode: Literal["w"], *, newline: str | None = "\n"
) -> AbstractContextManager[TextIO]: ...
def atomic_write(
    path: Path | str, mode: Literal["w", "wb"] = "wb", *, newline: str | None = "\n"
) -> AbstractContextManager[BinaryIO] | AbstractContextManager[TextIO]:
    """Open a file that appears at `path` when the block ends without an error.

    Args:
        path: final name of the file. Its folder must exist.
        mode: "wb" for bytes, "w" for UTF-8 text.
        newline: as in `open`, for text; use "" with the csv module.

    Returns:
        A context manager for the open handle.

    Raises:
        OutputError: on entering or leaving; an existing file is unchanged.
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"mode must be 'w' or 'wb', got {mode!r}")
    return _atomic_handle(Path(path), mode, newline)  # pyright: ignore[reportReturnType]


@contextmanager
def _atomic_handle(path: Path, mode: str, newline: str | None) -> Iterator[IO[bytes] | IO[str]]:
    text = mode == "w"
    with (
        atomic_path(path) as temporary,
        temporary.open(
            mode, encoding="utf-8" if text else None, newline=newline if text else None
        ) as handle,
    ):
        yield handle


def _flush_to_disk(file: Path) -> None:
    """Wait until the bytes are on the disk, so that a crash after the rename loses none."""
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())


def _keep_permissions(target: Path, temporary: Path) -> None:
    """Give the new file the permissions of the one it replaces."""
    with suppress(OSError):
        temporary.chmod(stat.S_IMODE(target.stat().st_mode))
