"""Checkpoints at addresses of the user's choice, cached by the whole address."""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from rtmpose3d.errors import DownloadError, InputError, OutputError
from rtmpose3d.web.addresses import parse_address, without_password
from rtmpose3d.weights.download.cache import cache_dir as cache_folder
from rtmpose3d.weights.download.cache import file_state, read_note, remember_folder
from rtmpose3d.weights.download.checking import known_fault
from rtmpose3d.weights.download.fetching import OFFLINE
from rtmpose3d.weights.download.hub import is_offline
from rtmpose3d.zoo import RemoteFile

logger = logging.getLogger(__name__)

_MAX_STEM = 80  # characters; file systems allow 255 bytes a name
_MAX_SUFFIX = 20
_HASH_DIGITS = 16


def fetch_address(url: str, *, cache_dir: Path | str | None = None) -> Path:
    """The path of the file at an address, downloaded if need be.

    Its name in the cache folder holds a hash of the whole address. What is there is used again as
    long as the server states the same version (ETag, Last-Modified); with a server that states
    none, until `clear_cache`. Where the server cannot be reached, a warning is logged and what is
    there is used.

    Args:
        url: http(s) address.
        cache_dir: the cache folder; default as in `cache.cache_dir`.

    Raises:
        DownloadError: no address, or it cannot be obtained; the message says why.
    """
    # HTTP takes a while to import, and few programs call this.
    from rtmpose3d.weights.download.receiving import TransferError, Version, from_address

    try:
        address = parse_address(url)
    except InputError as error:
        raise DownloadError(str(error)) from None
    file = RemoteFile(name=cached_name(url), urls=(address.url,))
    target = cache_folder(cache_dir) / file.name
    note = read_note(target)
    there = target.is_file() and known_fault(target, file, target) is None
    version = Version(etag=note.etag, last_modified=note.last_modified)
    same = there and note.state == file_state(target)
    if there and (is_offline() or not same or not version.conditions):
        return target
    shown = without_password(url.strip())
    if is_offline():
        raise DownloadError(f"cannot fetch {shown}: {OFFLINE}")
    remember_folder(target.parent)
    try:
        return from_address(file, target, url, unless=version if there else None)
    except (TransferError, OutputError) as error:
        if there and isinstance(error, TransferError):
            logger.warning("%s: %s; the copy at %s is used", shown, error, target)
            return target
        raise DownloadError(f"cannot fetch {shown}: {error}") from error


def cached_name(url: str) -> str:
    """The name of an address's file in the cache folder: of the file, and a hash of the address."""
    url = url.strip()
    last = PurePosixPath(unquote(urlsplit(parse_address(url).url).path)).name
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", last).lstrip(".") or "file"
    stem, dot, suffix = plain.rpartition(".")
    if not dot or len(suffix) > _MAX_SUFFIX:
        stem, suffix = plain, ""
    digest = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    return f"{stem[:_MAX_STEM]}-{digest}{dot if suffix else ''}{suffix}"
