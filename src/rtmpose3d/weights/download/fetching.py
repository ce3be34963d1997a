"""`fetch` a published file: from the disk if it is there, else from the hub, else by its addresses.

A download is checked against the sha256 that is known of it; two processes that want the same file
download it once. An error names the file, each source and why it failed, and where to put the file
by hand.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rtmpose3d.errors import DownloadError, OutputError, WeightsError
from rtmpose3d.weights.download.cache import cache_dir as cache_folder
from rtmpose3d.weights.download.cache import remember_folder
from rtmpose3d.weights.download.checking import known_fault
from rtmpose3d.weights.download.hub import (
    find_in_hub_cache,
    hub_address,
    hub_cache_dir,
    hub_endpoint,
    is_offline,
)
from rtmpose3d.zoo import BundledFile, RemoteFile, WeightsFile
from rtmpose3d.zoo.remote import HUB_URL, OPENMMLAB_URL

logger = logging.getLogger(__name__)

MIRROR_VARIABLE = "RTMPOSE3D_OPENMMLAB_URL"
OFFLINE = "offline (HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set)"


@dataclass(frozen=True, kw_only=True)
class LocalCopy:
    """A published file on this machine.

    Attributes:
        path: of the file.
        fault: what is wrong with it, or None.
    """

    path: Path
    fault: str | None = None


def locate(file: WeightsFile, cache_dir: Path | str | None = None) -> Path | None:
    """The file's path on this machine, or None; it is neither hashed nor asked for online.

    Args:
        file: the published file, or one of the package.
        cache_dir: the cache folder; default as in `cache.cache_dir`.
    """
    if isinstance(file, BundledFile):
        return file.path if file.path.is_file() else None
    return next(_copies(file, cache_dir), None)


def check_copy(file: WeightsFile, cache_dir: Path | str | None = None) -> LocalCopy | None:
    """The copy of a file that `fetch` would use, checked; None if there is none.

    Of several copies the first one without a fault. A hash that was found right before is not
    computed again, so that this takes time only once.

    Args:
        file: the published file, or one of the package.
        cache_dir: the cache folder; default as in `cache.cache_dir`.
    """
    if isinstance(file, BundledFile):
        if not file.path.is_file():
            return None
        return LocalCopy(path=file.path, fault=None if file.path.stat().st_size else "it is empty")
    target = cache_folder(cache_dir) / file.name
    copies = [
        LocalCopy(path=copy, fault=known_fault(copy, file, target))
        for copy in _copies(file, cache_dir)
    ]
    return next((copy for copy in copies if copy.fault is None), copies[0] if copies else None)


def fetch(file: WeightsFile, *, cache_dir: Path | str | None = None) -> Path:
    """The path of a published file, downloaded if need be.

    A file of that name in the cache folder, put there by hand or by this package, comes first, then
    the hub's cache; the network is touched only when neither is there and intact, and not at all
    where HF_HUB_OFFLINE forbids it. For a file of the package it never is.

    Args:
        file: the published file, or one of the package.
        cache_dir: the cache folder, in which the cache of the hub's library is then looked for,
            too; default: `cache.cache_dir()`, and the usual cache of that library.

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
        fault = known_fault(copy, file, target)
        if fault is None:
            return copy
        failures.append(f"{copy}: damaged ({fault})")
    addresses = source_addresses(file)
    if is_offline():
        raise _error(file, target, [*failures, *addresses], f": {OFFLINE}")
    for failure in failures:
        logger.warning("%s; downloading it again", failure)
    remember_folder(target.parent)
    # HTTP takes a while to import, and most calls find the file on this machine.
    from rtmpose3d.weights.download.receiving import TransferError, from_address

    for address in addresses:
        try:
            return from_address(file, target, address)
        except (TransferError, OutputError) as error:  # noqa: PERF203
            failures.append(f"{address}: {error}")
            logger.warning("%s: %s", file.name, failures[-1])
    raise _error(file, target, failures)


def source_addresses(file: RemoteFile) -> list[str]:
    """The addresses of a published file in the order to try them, on mirrors where there are some.

    Raises:
        DownloadError: the environment names a mirror by something else than an address.
    """
    first = [hub_address(file.hub_repo, file.name)] if file.hub_repo else []
    return [*first, *map(_use_mirror, file.urls)]


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


def _use_mirror(url: str) -> str:
    """The address, or its counterpart on the mirror that the environment names."""
    mirror = os.environ.get(MIRROR_VARIABLE)
    if mirror and url.startswith(OPENMMLAB_URL):
        if not mirror.startswith(("http://", "https://")):
            raise DownloadError(f"{MIRROR_VARIABLE} must be an http(s) address, got {mirror!r}")
        return mirror.rstrip("/") + "/" + url.removeprefix(OPENMMLAB_URL)
    if url.startswith(HUB_URL):
        return f"{hub_endpoint()}/{url.removeprefix(HUB_URL)}"
    return url


def _error(
    file: RemoteFile, target: Path, failures: Sequence[str], reason: str = ""
) -> DownloadError:
    """The error of a file that none of its sources gives, in lines."""
    known = bool(file.urls or file.hub_repo)
    lines = [f"cannot fetch {file.name}{reason}"]
    lines += [f"  - {failure}" for failure in failures]
    if not known:
        lines.append("  - no address of it is known")
    where = "one of these addresses" if known else "where you have it"
    lines.append(f"By hand: get the file from {where} and put it at\n  {target}")
    return DownloadError("\n".join(lines))
