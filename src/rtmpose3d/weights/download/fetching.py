"""`fetch` a published file: from the disk if it is there, else from the hub, else by its addresses.

A download is checked against the sha256 in the file's name; two processes that want the same file
download it once. An error names the file, each source and why it failed, and where to put the file
by hand.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rtmpose3d.errors import DownloadError, OutputError, WeightsError
from rtmpose3d.structures.atomic import output_errors
from rtmpose3d.weights.download.cache import (
    Note,
    download_lock,
    file_state,
    partial_file,
    read_note,
    remember_folder,
    write_note,
)
from rtmpose3d.weights.download.cache import cache_dir as cache_folder
from rtmpose3d.weights.download.hub import (
    download_from_hub,
    find_in_hub_cache,
    hub_cache_dir,
    hub_endpoint,
    is_offline,
)
from rtmpose3d.weights.download.transfer import TransferError, download
from rtmpose3d.zoo import BundledFile, RemoteFile, WeightsFile
from rtmpose3d.zoo.remote import OPENMMLAB_URL

logger = logging.getLogger(__name__)

MIRROR_VARIABLE = "RTMPOSE3D_OPENMMLAB_URL"
_HASH_CHUNK_BYTES = 2**22


def locate(file: WeightsFile, cache_dir: Path | str | None = None) -> Path | None:
    """The file's path on this machine, or None; it is neither hashed nor asked for online.

    Args:
        file: the published file, or one of the package.
        cache_dir: the cache folder; default as in `cache.cache_dir`.
    """
    if isinstance(file, BundledFile):
        return file.path if file.path.is_file() else None
    return next(_copies(file, cache_dir), None)


def fetch(file: WeightsFile, *, cache_dir: Path | str | None = None) -> Path:
    """The path of a published file, downloaded if need be.

    A file of that name in the cache folder, put there by hand or by this package, comes first, then
    the hub's cache; the network is touched only when neither is there and intact, and not at all
    where HF_HUB_OFFLINE forbids it. For a file of the package it never is.

    Args:
        file: the published file, or one of the package.
        cache_dir: the cache folder, for the hub's files too; default: `cache.cache_dir()` and
            the hub's own cache.

    Raises:
        DownloadError: it cannot be obtained; the message says why and where to put it by hand.
        WeightsError: the package's own file is missing.
    """
    if isinstance(file, BundledFile):
        return _bundled_path(file)
    if not file.name:
        raise DownloadError("no file is published for this model; give the path of a local one")
    target = cache_folder(cache_dir) / file.name
    failures: list[str] = []
    for copy in _copies(file, cache_dir):
        fault = _known_fault(copy, file, target)
        if fault is None:
            return copy
        failures.append(f"the copy at {copy} is damaged ({fault})")
    if is_offline():
        raise _error(file, target, [*failures, "offline, so nothing was downloaded"])
    for failure in failures:
        logger.warning("%s; downloading it again", failure)
    remember_folder(target.parent)
    hub_page = f"{hub_endpoint()}/{file.hub_repo}"
    addresses = [hub_page] if file.hub_repo else []
    addresses += map(_use_mirror, file.urls)
    for address in addresses:
        hub_cache = _hub_cache(cache_dir) if address == hub_page else None
        try:
            if hub_cache is not None:
                return _from_hub(file, target, hub_cache)
            return _from_url(file, target, address)
        except (TransferError, OutputError) as error:
            failures.append(f"{address}: {error}")
            logger.warning("%s: %s", file.name, failures[-1])
    raise _error(file, target, failures or ["no address of it is known"])


def _bundled_path(file: BundledFile) -> Path:
    if not file.path.is_file():
        raise WeightsError(
            f"{file.path} is missing, though it is part of the package; install rtmpose3d again "
            "(pip install --force-reinstall --no-deps rtmpose3d)"
        )
    return file.path


def _copies(file: RemoteFile, custom: Path | str | None) -> Iterator[Path]:
    """The copies on this machine, the cache folder's first."""
    target = cache_folder(custom) / file.name
    if file.name and target.is_file():
        yield target
    if file.hub_repo:
        cached = find_in_hub_cache(file.hub_repo, file.name, _hub_cache(custom))
        if cached is not None:
            yield cached


def _hub_cache(custom: Path | str | None) -> Path:
    return hub_cache_dir() if custom is None else cache_folder(custom)


def _from_hub(file: RemoteFile, target: Path, cache: Path) -> Path:
    assert file.hub_repo is not None
    damaged = find_in_hub_cache(file.hub_repo, file.name, cache) is not None
    path = download_from_hub(file.hub_repo, file.name, cache, again=damaged)
    fault = _known_fault(path, file, target)
    if fault is not None:
        raise TransferError(f"the hub's file is not the published file ({fault})")
    return path


def _from_url(file: RemoteFile, target: Path, url: str) -> Path:
    """Downloads into the cache folder, once even if several processes ask."""
    lock = download_lock(target)
    with output_errors(target, Path(lock.lock_file)):
        target.parent.mkdir(parents=True, exist_ok=True)
        held = lock.acquire()
    with held:
        if not target.is_file() or _known_fault(target, file, target) is not None:
            _download_and_move(file, target, url)
    return target


def _download_and_move(file: RemoteFile, target: Path, url: str) -> None:
    write_note(target, Note(downloaded=True))  # clearing removes unfinished ones, too
    partial = partial_file(target)
    resumable = file.sha256_prefix is not None
    resumed = resumable and partial.is_file()
    download(url, partial, resume=resumable, size_bytes=file.size_bytes)
    fault = _fault(partial, file)
    if fault is not None and resumed:
        logger.warning("%s, resumed, is damaged (%s); starting again", file.name, fault)
        download(url, partial, resume=False, size_bytes=file.size_bytes)
        fault = _fault(partial, file)
    if fault is not None:
        partial.unlink()
        raise TransferError(f"the received file is not the published one ({fault}); it was deleted")
    with output_errors(target, partial):
        if target.is_file():
            kept = target.with_name(f"{target.name}.replaced")
            target.replace(kept)
            logger.warning("%s was not the published file; it is now %s", target, kept)
        with partial.open("rb+") as handle:
            os.fsync(handle.fileno())
        partial.replace(target)
    write_note(target, _checked(target, file, downloaded=True))


def _known_fault(copy: Path, file: RemoteFile, target: Path) -> str | None:
    """The fault of a copy, or None; a hash found right is noted and not computed again."""
    note = read_note(target)
    try:
        checked = _checked(copy, file, downloaded=note.downloaded)
        if file.sha256_prefix is not None and note == checked:
            return None
        fault = _fault(copy, file)
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    if fault is None and file.sha256_prefix is not None and target.parent.is_dir():
        ours = note.downloaded and note.state == checked.state
        write_note(target, replace(checked, downloaded=ours))
    return fault


def _checked(copy: Path, file: RemoteFile, *, downloaded: bool) -> Note:
    prefix = file.sha256_prefix or ""
    return Note(state=file_state(copy), sha256_prefix=prefix, downloaded=downloaded)


def _fault(path: Path, file: RemoteFile) -> str | None:
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
        return f"its sha256 starts with {found}, {file.sha256_prefix} is expected"
    return None


def _use_mirror(url: str) -> str:
    """The address, or its counterpart on the mirror that the environment names."""
    mirror = os.environ.get(MIRROR_VARIABLE)
    if mirror and url.startswith(OPENMMLAB_URL):
        if not mirror.startswith(("http://", "https://")):
            raise DownloadError(f"{MIRROR_VARIABLE} must be an http(s) address, got {mirror!r}")
        return mirror.rstrip("/") + "/" + url.removeprefix(OPENMMLAB_URL)
    return url


def _error(file: RemoteFile, target: Path, reasons: list[str]) -> DownloadError:
    pages = [f"{hub_endpoint()}/{file.hub_repo}"] if file.hub_repo else []
    sources = " or ".join([*pages, *file.urls])
    advice = f"get it from {sources} and put it" if sources else "put it"
    return DownloadError(
        f"cannot fetch {file.name}: {'; '.join(reasons)}. "
        f"To continue without the network, {advice} at {target}"
    )
