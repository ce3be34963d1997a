"""Files on the Hugging Face hub, whose library downloads, resumes, locks and caches them.

Its variables work as everywhere: HF_HUB_OFFLINE and HF_ENDPOINT are read at each call; HF_TOKEN,
HF_HOME, HF_HUB_CACHE and the others are left to the library, which is imported at the first use.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from rtmpose3d.errors import OutputError
from rtmpose3d.structures.atomic import output_error
from rtmpose3d.weights.download.transfer import TransferError, open_url, size_or_zero

STALL_S = 90.0  # without a new byte
_POLL_S = 0.5


def is_offline() -> bool:
    """Whether the hub's variables forbid to touch the network."""
    values = (os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return any(value.upper() in ("1", "ON", "YES", "TRUE") for value in values)


def hub_endpoint() -> str:
    """The address of the hub, or of the mirror that HF_ENDPOINT names."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def hub_cache_dir() -> Path:
    """The folder where the hub's library keeps downloaded files."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def repository_folder(cache: Path, repo: str) -> Path:
    """The folder of a model repository ("owner/name") in a hub cache."""
    return cache / f"models--{repo.replace('/', '--')}"


def find_in_hub_cache(repo: str, name: str, cache: Path) -> Path | None:
    """A file of a model repository in a hub cache, without asking the network."""
    if not repository_folder(cache, repo).is_dir():  # spares the import, 0.3 s
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, name, cache_dir=cache)
    return Path(found) if isinstance(found, str) else None


def download_from_hub(repo: str, name: str, cache: Path, *, again: bool) -> Path:
    """Downloads a file of a model repository into a hub cache.

    Args:
        repo: "owner/name".
        name: the file.
        cache: the hub cache.
        again: even if it is there already (because it is damaged).

    Raises:
        TransferError: it cannot be obtained; the message says why.
        OutputError: the disk is full or the folder cannot be written.
    """
    endpoint = hub_endpoint()
    _check_answer(f"{endpoint}/{repo}/resolve/main/{name}")
    from huggingface_hub import hf_hub_download

    def download() -> Path:
        return Path(
            hf_hub_download(repo, name, cache_dir=cache, force_download=again, endpoint=endpoint)
        )

    def received() -> int:
        unfinished = (repository_folder(cache, repo) / "blobs").glob("*.incomplete")
        return sum(size_or_zero(file) for file in unfinished)

    try:
        return _run_while_progressing(download, received)
    except Exception as error:
        # Which classes come depends on the HTTP library that the hub's version is built on.
        raise _translated(error, cache) from error


def _check_answer(address: str) -> None:
    """Fails at once where there is no network, or the hub asks to wait.

    Its library tries for half a minute, and waits as long as it is asked to, be it an hour.

    Raises:
        TransferError: there is no connection, or the hub is overloaded.
    """
    try:
        open_url(address, "HEAD").close()
    except HTTPError as error:  # an answer, too; the library explains most of them
        retry_after = error.headers.get("Retry-After", "")
        error.close()
        if error.code == HTTPStatus.TOO_MANY_REQUESTS or (retry_after and error.code >= 500):
            asked = f"; it asks to wait {retry_after[:40]} s" if retry_after else ""
            raise TransferError(f"HTTP {error.code} {error.reason}{asked}") from error
    except (OSError, HTTPException) as error:
        raise TransferError(f"no connection ({getattr(error, 'reason', error)})") from error


def _run_while_progressing(download: Callable[[], Path], received: Callable[[], int]) -> Path:
    """The result of the library's download, given up when nothing arrives for a while.

    It runs in a thread of its own, since nothing else ends its waiting for locks and servers.

    Raises:
        TransferError: nothing arrived within `STALL_S`.
        Exception: whatever the library raises.
    """
    result: Future[Path] = Future()

    def run() -> None:
        try:
            result.set_result(download())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, name="rtmpose3d-hub", daemon=True).start()
    size, since = received(), time.monotonic()
    while not wait([result], timeout=_POLL_S).done:
        if received() != size:
            size, since = received(), time.monotonic()
        elif time.monotonic() - since > STALL_S:
            raise TransferError(
                f"nothing arrived for {STALL_S:.0f} s (a stalled server, or another process that "
                "downloads the same file)"
            )
    return result.result()


def _translated(error: Exception, cache: Path) -> TransferError | OutputError:
    from huggingface_hub import errors

    if isinstance(error, TransferError):
        return error
    if isinstance(error, errors.GatedRepoError):
        return TransferError("access to the repository must be asked for (set HF_TOKEN)")
    if isinstance(error, errors.RepositoryNotFoundError):
        return TransferError("HTTP 404: no such repository, or it is private (set HF_TOKEN)")
    if type(error) in (OSError, PermissionError, FileNotFoundError):
        return output_error(cache, error)  # pyright: ignore[reportArgumentType]
    return TransferError((str(error).strip() or type(error).__name__).splitlines()[0][:300])
