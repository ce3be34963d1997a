"""Where downloaded files are kept, which of them are ours, and how to clear them.

Each cache folder holds a small record (`.rtmpose3d.json`) of the files that we put there, so that
`clear_cache` deletes those and nothing else. The default folder's record also remembers every
other folder that was used. Nothing is created on import.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout

from rtmpose3d.errors import OutputError
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.zoo import MODELS, RemoteFile

logger = logging.getLogger(__name__)

CACHE_VARIABLE = "RTMPOSE3D_CACHE"
RECORD = ".rtmpose3d.json"
_RECORD_LOCK = ".rtmpose3d.lock"
_RECORD_WAIT_S = 20.0
PARTIAL, PARTIAL_STATE = ".partial", ".partial.json"


def _default() -> Path:
    """The folder of the environment variable, else that of the RTMPose3D package before us."""
    named = os.environ.get(CACHE_VARIABLE)
    folder = named or os.path.join("~", ".cache", "rtmpose3d", "checkpoints")  # noqa: PTH118
    return Path(os.path.abspath(os.path.expanduser(folder)))  # noqa: PTH100, PTH111


CACHE_DIR: Path = _default()


def cache_dir(custom: Path | str | None = None) -> Path:
    """The folder for downloaded files: `custom`, else $RTMPOSE3D_CACHE (read now), else default.

    Args:
        custom: a folder of the caller's choice; "~" is expanded.

    Returns:
        An absolute path; it is not created.
    """
    if custom is None:
        return _default() if os.environ.get(CACHE_VARIABLE) else CACHE_DIR
    return Path(os.path.abspath(os.path.expanduser(custom)))  # noqa: PTH100, PTH111


def hub_cache_dir(custom: Path | str | None = None) -> Path:
    """Where the hub's files are kept: in `custom`, else as the hub's variables say (read now)."""
    if custom is not None:
        return cache_dir(custom)
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(variable):
            return cache_dir(os.environ[variable])
    home = os.environ.get("HF_HOME")
    if not home:
        above = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")  # noqa: PTH118
        home = os.path.join(above, "huggingface")  # noqa: PTH118
    return cache_dir(home) / "hub"


Stamp = tuple[int, int]  # size in bytes, time of last change in ns


def stamp_of(file: Path) -> Stamp:
    """What tells that a file has not been changed since."""
    status = file.stat()
    return status.st_size, status.st_mtime_ns


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is remembered in a cache folder.

    Attributes:
        ours: name -> stamp of each file that we put into the folder; None while under way.
        verified: absolute path -> stamp and sha256 prefix of files whose hash was found right.
        folders: further cache folders that were used.
    """

    ours: Mapping[str, Stamp | None] = field(default_factory=dict)
    verified: Mapping[str, tuple[int, int, str]] = field(default_factory=dict)
    folders: tuple[str, ...] = ()


def read_record(folder: Path) -> Record:
    """The record of a folder; an empty one where there is none or it is damaged."""
    try:
        stored = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        ours = {
            str(name): None if stamp is None else (int(stamp[0]), int(stamp[1]))
            for name, stamp in stored["ours"].items()
        }
        verified = {
            str(path): (int(size), int(time_ns), str(prefix))
            for path, (size, time_ns, prefix) in stored["verified"].items()
        }
        return Record(ours=ours, verified=verified, folders=tuple(map(str, stored["folders"])))
    except FileNotFoundError:
        return Record()
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        logger.warning("the record %s is not readable (%s); taken as empty", folder / RECORD, error)
        return Record()


def update_record(folder: Path, change: Callable[[Record], Record]) -> None:
    """Change a folder's record, safe with several processes; a folder that cannot is left.

    The record is a convenience (what may be cleared, what need not be hashed again): where it
    cannot be written, the work goes on without. The folder itself is not created.
    """
    if not folder.is_dir():
        return
    try:
        with FileLock(folder / _RECORD_LOCK, timeout=_RECORD_WAIT_S):
            before = read_record(folder)
            after = change(before)
            if after == before:
                return
            with atomic_write(folder / RECORD, "w") as file:
                json.dump(
                    {"ours": after.ours, "verified": after.verified, "folders": after.folders},
                    file,
                    indent=1,
                )
    except (OSError, Timeout, NotImplementedError) as error:
        logger.debug("the record of %s was not updated: %s", folder, error)


def remember_ours(folder: Path, stamps: Mapping[str, Stamp | None]) -> None:
    """Note files (by name) as put into `folder` by us."""
    update_record(folder, lambda record: replace(record, ours={**record.ours, **stamps}))


def remember_folder(folder: Path) -> None:
    """Note a custom cache folder in the default folder's record, so that clearing finds it."""
    default = cache_dir()
    if folder == default or str(folder) in read_record(default).folders:
        return
    with suppress(OSError):
        default.mkdir(parents=True, exist_ok=True)
    update_record(
        default,
        lambda record: replace(
            record, folders=tuple(dict.fromkeys((*record.folders, str(folder))))
        ),
    )


def lock_of(folder: Path, name: str) -> FileLock:
    """The lock that is held while a file of that name is being downloaded into `folder`."""
    return FileLock(folder / f".{name}.lock")


def clear_cache(cache_dir: Path | str | None = None) -> list[Path]:
    """Delete the downloaded files: those that we put into the cache folders, and no others.

    Also the published models in the hub's cache. Files put there by hand or changed since, links,
    and files that another process is downloading right now are left.

    Args:
        cache_dir: only this folder; default: the default one and all that were ever used.

    Returns:
        What was deleted.
    """
    if cache_dir is not None:
        return _clear_all(_folder(cache_dir), hub_cache_dir(cache_dir))
    default = _folder(None)
    removed: list[Path] = []
    for folder in read_record(default).folders:
        removed += _clear_all(Path(folder), Path(folder))
    removed += _clear_all(default, hub_cache_dir())
    update_record(default, lambda record: replace(record, folders=()))
    return removed


_folder = cache_dir  # clear_cache has an argument of this name


def _clear_all(folder: Path, hub_folder: Path) -> list[Path]:
    removed = _clear_folder(folder) if folder.is_dir() else []
    return removed + (_clear_hub(hub_folder) if hub_folder.is_dir() else [])


def _clear_folder(folder: Path) -> list[Path]:
    removed: list[Path] = []
    for name, stamp in read_record(folder).ours.items():
        if Path(name).name != name or name in ("", ".", ".."):
            continue  # a damaged record must not lead out of the folder
        try:
            with lock_of(folder, name).acquire(timeout=0):
                removed += _remove_download(folder, name, stamp)
        except Timeout:
            logger.warning("%s is being downloaded by another process; left", folder / name)
        except (OSError, OutputError) as error:
            logger.warning("%s could not be deleted: %s", folder / name, error)
    gone = [n for n in read_record(folder).ours if not (folder / n).exists()]
    update_record(
        folder,
        lambda record: replace(
            record,
            ours={n: s for n, s in record.ours.items() if n not in gone},
            verified={p: v for p, v in record.verified.items() if Path(p).exists()},
        ),
    )
    return removed


def _remove_download(folder: Path, name: str, stamp: Stamp | None) -> list[Path]:
    """Delete a file if it is the one that we wrote, and what is left of its download."""
    file = folder / name
    removed = [
        part
        for part in (folder / (name + PARTIAL), folder / (name + PARTIAL_STATE))
        if part.is_file() and not part.is_symlink()
    ]
    if file.is_file() and not file.is_symlink() and stamp is not None:
        if stamp_of(file) == stamp:
            removed.append(file)
        else:
            logger.warning("%s was changed since it was downloaded; left", file)
    for path in removed:
        path.unlink()
    return removed


def _clear_hub(folder: Path) -> list[Path]:
    """Delete the published models' repositories from a hub cache."""
    from huggingface_hub import CacheNotFound, scan_cache_dir

    files = [spec.file for spec in MODELS.values()]
    published = {file.hub_repo for file in files if isinstance(file, RemoteFile) and file.hub_repo}
    if not any((folder / f"models--{repo.replace('/', '--')}").is_dir() for repo in published):
        return []
    try:
        scanned = scan_cache_dir(folder)
    except CacheNotFound:
        return []
    ours = frozenset(
        repo for repo in scanned.repos if repo.repo_type == "model" and repo.repo_id in published
    )
    revisions = [revision for repo in ours for revision in repo.revisions]
    removed = [file.file_path for revision in revisions for file in revision.files]
    if revisions:
        hashes = {revision.commit_hash for revision in revisions}
        # A copy of the repository under another name has the same hashes; it is not ours.
        replace(scanned, repos=ours).delete_revisions(*hashes).execute()
    return [path for path in removed if not path.exists()]
