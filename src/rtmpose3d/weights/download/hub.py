"""The Hugging Face hub as a place where published files lie; its library does the work.

The hub's variables (HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE, HF_TOKEN) are read when a
function is called, not on import.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from rtmpose3d.errors import OutputError
from rtmpose3d.structures.atomic import output_error
from rtmpose3d.weights.download.transfer import TransferError

DEFAULT_ENDPOINT = "https://huggingface.co"
_PROBE_S = 10.0


def is_offline(offline: bool | None) -> bool:
    """Whether the network must not be touched: as said, else as the hub's variables say."""
    if offline is not None:
        return offline
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(variable, "").upper() in ("1", "ON", "YES", "TRUE"):
            return True
    constants = sys.modules.get("huggingface_hub.constants")
    return bool(constants is not None and getattr(constants, "HF_HUB_OFFLINE", False))


def hub_address(repo: str) -> str:
    """The page of a model repository."""
    return f"{_endpoint()}/{repo}"


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def in_hub_cache(repo: str, name: str, cache: Path) -> Path | None:
    """The file in the hub's cache, without asking the network."""
    if not (cache / f"models--{repo.replace('/', '--')}").is_dir():
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, name, cache_dir=cache)
    return Path(found) if isinstance(found, str) else None


def from_hub(repo: str, name: str, cache: Path, *, again: bool, progress: bool) -> Path:
    """Download a file of a model repository into the hub's cache.

    Args:
        repo: "owner/name".
        name: the file.
        cache: the hub's cache folder.
        again: even if it is there already (because it is damaged).
        progress: show the hub's own bar.

    Raises:
        TransferError: not to be had; the text says why.
        OutputError: the disk is full or the folder cannot be written.
    """
    _check_reachable()
    from huggingface_hub import hf_hub_download

    try:
        with _bar_shown(progress):
            return Path(
                hf_hub_download(
                    repo,
                    name,
                    cache_dir=cache,
                    force_download=again,
                    endpoint=_endpoint(),
                )
            )
    except Exception as error:
        # Which classes come depends on the HTTP library that the hub's version is built on.
        raise _translated(error, cache) from error


def _check_reachable() -> None:
    """Fail at once where there is no network; the hub's library tries for half a minute."""
    address = urlsplit(_endpoint())
    host = address.hostname or ""
    proxies = getproxies()
    if (address.scheme in proxies or "all" in proxies) and not proxy_bypass(host):
        return
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((host, port), timeout=_PROBE_S).close()
    except OSError as error:
        raise TransferError(f"no connection ({error.strerror or error})") from error


def _translated(error: Exception, cache: Path) -> TransferError | OutputError:
    from huggingface_hub import errors

    if isinstance(error, errors.OfflineModeIsEnabled):
        return TransferError("the hub's offline mode is on (HF_HUB_OFFLINE)")
    if isinstance(error, errors.GatedRepoError):
        return TransferError("access to the repository must be asked for (set HF_TOKEN)")
    if isinstance(error, errors.RepositoryNotFoundError):
        return TransferError("HTTP 404: no such repository, or it is private (set HF_TOKEN)")
    if isinstance(error, errors.LocalEntryNotFoundError):
        cause = f" ({_first_line(error.__cause__)})" if error.__cause__ else ""
        return TransferError(f"the hub cannot be reached{cause}")
    if isinstance(error, errors.EntryNotFoundError):
        return TransferError("HTTP 404: the repository has no file of that name")
    if type(error) in (OSError, PermissionError, FileNotFoundError) and error.errno:  # pyright: ignore[reportAttributeAccessIssue]
        return output_error(cache, error)  # pyright: ignore[reportArgumentType]
    return TransferError(_first_line(error))


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]


@contextmanager
def _bar_shown(progress: bool) -> Iterator[None]:
    """Hide the hub's bar for a while, unless its variable says what it shall do."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if progress or "HF_HUB_DISABLE_PROGRESS_BARS" in os.environ or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
