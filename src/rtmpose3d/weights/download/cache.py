"""Folders of downloaded files: their location, a note on each file, and clearing.

For each file, a note of its own (`.NAME.rtmpose3d.json`) records whether this package downloaded
it and which hash was found right, so that `clear_cache` deletes only what was downloaded, and
nothing is hashed twice. The default folder also lists the
other folders that were used. Nothing is created on import.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from rtmpose3d.errors import OutputError, RTMPose3DError
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.untrusted import read_json

if TYPE_CHECKING:
    from filelock import FileLock

logger = logging.getLogger(__name__)

CACHE_VARIABLE = "RTMPOSE3D_CACHE"
DEFAULT_FOLDER = "~/.cache/rtmpose3d/checkpoints"  # as the RTMPose3D package before this one
COMPILED_FOLDER = "compiled"
COMPILED_SUFFIX = ".blob"
COREML_PREFIX = "coreml-"  # of folders of compiled models
FOLDER_LIST = ".rtmpose3d.folders"
_NOTE = ".rtmpose3d.json"


def cache_dir(custom: Path | str | None = None) -> Path:
    """The folder for downloaded files: `custom`, else $RTMPOSE3D_CACHE (read now), else default.

    Args:
        custom: a folder of the caller's choice; "~" is expanded.

    Returns:
        An absolute path; it is not created.
    """
    chosen = custom or os.environ.get(CACHE_VARIABLE) or DEFAULT_FOLDER
    return Path(os.path.abspath(os.path.expanduser(chosen)))  # noqa: PTH100, PTH111


CACHE_DIR: Path = cache_dir()


def compiled_dir(custom: Path | str | None = None) -> Path:
    """The folder for networks that a backend has compiled for this machine."""
    return cache_dir(custom) / COMPILED_FOLDER


@dataclass(frozen=True, kw_only=True)
class Note:
    """Facts about a file of the cache folder.

    Attributes:
        state: of the copy that was checked, here or in the cache of the hub's library, as
            `file_state` gives it.
        sha256_prefix: first digits of its sha256; "" if it was not computed.
        downloaded: whether this package put it into the cache folder (or began to).
        etag, last_modified: version of the file at its address, as the server stated it.
        holder: process that downloads it, while it does.
    """

    state: str = ""
    sha256_prefix: str = ""
    downloaded: bool = False
    etag: str = ""
    last_modified: str = ""
    holder: str = ""


def file_state(file: Path) -> str:
    """A text that differs after every change of a file."""
    status = file.stat()
    return f"{file}: {status.st_size} bytes, changed at {status.st_mtime_ns} ns"


def read_note(target: Path) -> Note:
    """The note on a file of the cache folder; an empty one where there is none or it is damaged."""
    try:
        note = Note(**read_json(_note_file(target)))  # pyright: ignore[reportCallIssue]
    except (RTMPose3DError, TypeError):
        return Note()
    right = (type(getattr(note, one.name)) is type(one.default) for one in fields(Note))
    return note if all(right) else Note()


def write_note(target: Path, note: Note) -> None:
    """Writes the note on a file of the cache folder.

    Without one, a file is hashed again and never cleared; so a folder that cannot be written is no
    error.
    """
    try:
        with atomic_write(_note_file(target), "w") as sink:
            json.dump(asdict(note), sink)
    except OutputError as error:
        logger.debug("no note on %s: %s", target, error)


def _note_file(target: Path) -> Path:
    return target.with_name(f".{target.name}{_NOTE}")


def partial_file(target: Path) -> Path:
    """The file that an unfinished download of `target` is in."""
    return target.with_name(f"{target.name}.partial")


def download_lock(target: Path) -> FileLock:
    """The lock that is held while `target` is being downloaded or deleted."""
    from filelock import FileLock

    return FileLock(target.with_name(f".{target.name}.lock"))


def remember_folder(folder: Path) -> None:
    """Lists a custom cache folder in the default folder, so that clearing reaches it."""
    default = cache_dir()
    if folder == default or str(folder) in _remembered(default):
        return
    with suppress(OSError):
        default.mkdir(parents=True, exist_ok=True)
        with (default / FOLDER_LIST).open("a", encoding="utf-8") as file:
            file.write(f"{folder}\n")  # one short write: two processes do not mix their lines


def _remembered(default: Path) -> list[str]:
    try:
        text = (default / FOLDER_LIST).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return list(dict.fromkeys(line for line in text.split("\n") if line))


def clear_cache(cache_dir: Path | str | None = None) -> list[Path]:
    """Deletes what this package downloaded or compiled, and nothing else.

    Files put there by hand, by another program or changed since, links, and files that another
    process is downloading right now are kept.

    Args:
        cache_dir: only this folder; default: the default one and all that were ever used.

    Returns:
        The deleted files.
    """
    folder = _cache_dir(cache_dir)
    others = [] if cache_dir is not None else [Path(line) for line in _remembered(folder)]
    removed: list[Path] = []
    for one in (*others, folder):
        removed += _clear_folder(one)
    if cache_dir is None:
        (folder / FOLDER_LIST).unlink(missing_ok=True)
    return removed


_cache_dir = cache_dir  # clear_cache has an argument of this name


def _clear_folder(folder: Path) -> list[Path]:
    from filelock import Timeout

    removed: list[Path] = []
    for note in sorted(folder.glob(f".*{_NOTE}")):
        target = folder / note.name[1 : -len(_NOTE)]
        try:
            with download_lock(target).acquire(timeout=0):
                removed += _delete(target)
                note.unlink()
        except Timeout:
            logger.warning("%s is being downloaded by another process; kept", target)
        except OSError as error:
            logger.warning("%s could not be deleted: %s", target, error)
    return removed + _clear_compiled(folder / COMPILED_FOLDER)


def _clear_compiled(folder: Path) -> list[Path]:
    """Deletes the compiled networks, which are made again when they are needed."""
    removed: list[Path] = []
    if not os.path.isdir(folder):  # noqa: PTH112 - also False where no path can have its name
        return removed
    for path in sorted(folder.glob(f"*{COMPILED_SUFFIX}")):
        with suppress(OSError):  # Windows keeps a file that is in use
            path.unlink()
            removed.append(path)
    for path in sorted(folder.glob(f"{COREML_PREFIX}*")):
        with suppress(OSError):
            shutil.rmtree(path)
            removed.append(path)
    with suppress(OSError):  # not empty
        folder.rmdir()
    return removed


def _delete(target: Path) -> list[Path]:
    """Deletes a file that this package downloaded, complete or unfinished."""
    note = read_note(target)
    if not note.downloaded:
        return []
    files = [
        file for file in (partial_file(target), target) if file.is_file() and not file.is_symlink()
    ]
    if target in files and note.state != file_state(target):
        logger.warning("%s was changed since it was downloaded; kept", target)
        files.remove(target)
    for file in files:
        file.unlink()
    return files
