"""`fetch` a published file: from the disk if it is there, else from the hub, else by its URL.

What lands is checked against the sha256 in the file's name; two processes that want the same file
download it once. Every failure says which file, from where, why, and where to put it by hand.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from rtmpose3d.errors import DownloadError, OutputError, WeightsError
from rtmpose3d.structures.atomic import output_errors
from rtmpose3d.weights.download.cache import (
    PARTIAL,
    Record,
    hub_cache_dir,
    lock_of,
    read_record,
    remember_folder,
    remember_ours,
    stamp_of,
    update_record,
)
from rtmpose3d.weights.download.cache import cache_dir as cache_folder
from rtmpose3d.weights.download.hub import from_hub, hub_address, in_hub_cache, is_offline
from rtmpose3d.weights.download.transfer import Progress, TransferError, discard, transfer
from rtmpose3d.zoo import BundledFile, RemoteFile, WeightsFile
from rtmpose3d.zoo.remote import OPENMMLAB_URL

logger = logging.getLogger(__name__)

MIRROR_VARIABLE = "RTMPOSE3D_OPENMMLAB_URL"
_HASH_CHUNK_BYTES = 2**22


def locate(file: WeightsFile, cache_dir: Path | str | None = None) -> Path | None:
    """Where the file is on this machine, if it is; neither hashed nor asked for online.

    Args:
        file: the published file, or one of the package.
        cache_dir: the cache folder; default as in `cache.cache_dir`.
    """
    if isinstance(file, BundledFile):
        return file.path if file.path.is_file() else None
    return next(iter(_copies(file, cache_dir)), None)


def fetch(
    file: WeightsFile,
    *,
    cache_dir: Path | str | None = None,
    offline: bool | None = None,
    progress: bool | None = None,
) -> Path:
    """The path of a published file, downloaded if need be.

    A file of that name in the cache folder, put there by hand or by us, comes first, then the
    hub's cache; the network is touched only when neither is there and intact. For a file of the
    package it never is.

    Args:
        file: the published file, or one of the package.
        cache_dir: the cache folder, for the hub's files too; default: `cache.cache_dir()` and
            the hub's own cache.
        offline: never touch the network; None: as HF_HUB_OFFLINE says.
        progress: show a bar on stderr; None: on a terminal.

    Raises:
        DownloadError: it cannot be had; the text says why and where to put it by hand.
        WeightsError: the package's own file is missing.
    """
    if isinstance(file, BundledFile):
        return _of_the_package(file)
    folder = cache_folder(cache_dir)
    if not file.name:
        raise DownloadError("no file is published for this model; give the path of a local one")
    damaged: list[str] = []
    for copy in _copies(file, cache_dir):
        fault = _fault(copy, file, folder)
        if fault is None:
            return copy
        damaged.append(f"the copy at {copy} is damaged ({fault})")
    if is_offline(offline):
        raise _error(file, folder, [*damaged, "offline, so nothing was downloaded"])
    for text in damaged:
        logger.warning("%s; downloading it again", text)
    shown = sys.stderr.isatty() if progress is None else progress
    return _download(file, folder, hub_cache_dir(cache_dir), damaged, shown)


def _of_the_package(file: BundledFile) -> Path:
    if not file.path.is_file():
        raise WeightsError(
            f"{file.path} is missing, though it is part of the package; install rtmpose3d again "
            "(pip install --force-reinstall --no-deps rtmpose3d)"
        )
    return file.path


def _copies(file: RemoteFile, custom: Path | str | None) -> Iterator[Path]:
    """The copies on this machine, the cache folder's first."""
    local = cache_folder(custom) / file.name
    if file.name and local.is_file():
        yield local
    if file.hub_repo:
        cached = in_hub_cache(file.hub_repo, file.name, hub_cache_dir(custom))
        if cached is not None:
            yield cached


def _download(
    file: RemoteFile, folder: Path, hub_folder: Path, damaged: list[str], shown: bool
) -> Path:
    """Try the hub, then the URL."""
    failures = list(damaged)
    with suppress(OSError):  # for the record; downloading into it says what is wrong
        folder.mkdir(parents=True, exist_ok=True)
    remember_folder(folder)
    if file.hub_repo:
        try:
            path = _hub_copy(file, folder, hub_folder, shown)
            logger.info("%s is at %s", file.name, path)
            return path
        except (TransferError, OutputError) as error:
            failures.append(f"{hub_address(file.hub_repo)}: {error}")
            if file.url:
                logger.warning("%s: %s; trying its URL", file.name, failures[-1])
    if file.url:
        url = _address(file.url)
        try:
            return _url_copy(file, url, folder, shown)
        except (TransferError, OutputError) as error:
            failures.append(f"{url}: {error}")
    raise _error(file, folder, failures or ["no address of it is known"])


def _hub_copy(file: RemoteFile, folder: Path, hub_folder: Path, shown: bool) -> Path:
    assert file.hub_repo is not None
    there = in_hub_cache(file.hub_repo, file.name, hub_folder) is not None
    path = from_hub(file.hub_repo, file.name, hub_folder, again=there, progress=shown)
    fault = _fault(path, file, folder)
    if fault is not None:
        raise TransferError(f"what the hub sent is not the published file ({fault})")
    return path


def _url_copy(file: RemoteFile, url: str, folder: Path, shown: bool) -> Path:
    """Download into the cache folder, once even if several processes ask."""
    target = folder / file.name
    lock = lock_of(folder, file.name)
    with output_errors(target, Path(lock.lock_file)):
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        if target.is_file() and _fault(target, file, folder) is None:
            return target  # another process was faster
        if file.name not in read_record(folder).ours:
            remember_ours(folder, {file.name: None})
        _receive_checked(file, url, target, shown)
    finally:
        lock.release()
    logger.info("%s is at %s", file.name, target)
    return target


def _receive_checked(file: RemoteFile, url: str, target: Path, shown: bool) -> None:
    """Receive, check, land; what was resumed and turns out wrong is fetched afresh once."""
    resumed = target.with_name(target.name + PARTIAL).exists()
    partial, fault = _receive(file, url, target, shown)
    if fault is not None and resumed:
        logger.warning("%s, resumed, is damaged (%s); starting afresh", file.name, fault)
        discard(target)
        partial, fault = _receive(file, url, target, shown)
    if fault is not None:
        discard(target)
        raise TransferError(f"what came is not the published file ({fault}); it was deleted")
    with output_errors(target):
        _keep_foreign(target)
        with partial.open("rb+") as handle:
            os.fsync(handle.fileno())
        partial.replace(target)
        discard(target)
    remember_ours(target.parent, {file.name: stamp_of(target)})
    _remember_verified(target, file, target.parent)


def _receive(file: RemoteFile, url: str, target: Path, shown: bool) -> tuple[Path, str | None]:
    """The complete partial file, and what is wrong with it."""
    with _bar(file.name, shown) as progress:
        partial = transfer(url, target, progress, size_bytes=file.size_bytes)
    return partial, _content_fault(partial, file)


def _keep_foreign(target: Path) -> None:
    """Move a file of that name that we did not put there out of the way instead of losing it."""
    if not target.is_file():
        return
    if read_record(target.parent).ours.get(target.name) != stamp_of(target):
        kept = target.with_name(target.name + ".replaced")
        target.replace(kept)
        logger.warning("%s was not the published file; it is now %s", target, kept)


def _fault(path: Path, file: RemoteFile, folder: Path) -> str | None:
    """What is wrong with a copy, or None; a hash found right is remembered in the folder."""
    try:
        stamp = stamp_of(path)
        known = read_record(folder).verified.get(str(path))
        if known is not None and known == (*stamp, file.sha256_prefix):
            return None
        fault = _content_fault(path, file)
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    if fault is None:
        _remember_verified(path, file, folder)
    return fault


def _content_fault(path: Path, file: RemoteFile) -> str | None:
    size = path.stat().st_size
    if size == 0:
        return "it is empty"
    if file.size_bytes is not None and size != file.size_bytes:
        return f"it has {size} bytes, {file.size_bytes} are expected"
    if file.sha256_prefix is None:
        return None
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while piece := handle.read(_HASH_CHUNK_BYTES):
            digest.update(piece)
    found = digest.hexdigest()[: len(file.sha256_prefix)]
    if found != file.sha256_prefix:
        return f"its sha256 begins with {found}, {file.sha256_prefix} is expected"
    return None


def _remember_verified(path: Path, file: RemoteFile, folder: Path) -> None:
    if file.sha256_prefix is None or not folder.is_dir():
        return
    mark = (*stamp_of(path), file.sha256_prefix)

    def add(record: Record) -> Record:
        return replace(record, verified={**record.verified, str(path): mark})

    update_record(folder, add)


def _address(url: str) -> str:
    """The URL, or its counterpart on the mirror that the environment names."""
    mirror = os.environ.get(MIRROR_VARIABLE)
    if mirror and url.startswith(OPENMMLAB_URL):
        if not mirror.startswith(("http://", "https://")):
            raise DownloadError(f"{MIRROR_VARIABLE} must be an http(s) address, got {mirror!r}")
        return mirror.rstrip("/") + "/" + url.removeprefix(OPENMMLAB_URL)
    return url


def _error(file: RemoteFile, folder: Path, reasons: list[str]) -> DownloadError:
    places = [hub_address(file.hub_repo)] if file.hub_repo else []
    places += [file.url] if file.url else []
    source = f"get it from {' or '.join(places)} and " if places else ""
    return DownloadError(
        f"cannot fetch {file.name}: {'; '.join(reasons)}. "
        f"To go on without the network, {source}put it at {folder / file.name}"
    )


@contextmanager
def _bar(name: str, shown: bool) -> Iterator[Progress]:
    """A progress bar on stderr, or nothing."""
    if not shown:
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bar

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bar(TextColumn("{task.description}"), *columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name[:40], total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
