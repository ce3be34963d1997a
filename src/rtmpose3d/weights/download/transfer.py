"""One file over HTTP: resumed, retried, with a progress bar where stderr is a terminal.

For addresses that are not on the Hugging Face hub, whose own library does this work there. Standard
library only, so that proxies (`http_proxy`, `https_proxy`, `no_proxy`) and certificates
(`SSL_CERT_FILE`) are taken from the environment.
"""

from __future__ import annotations

import shutil
import ssl
import time
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from importlib import import_module
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import HTTPSHandler, Request, build_opener

from rtmpose3d.errors import RTMPose3DError
from rtmpose3d.progress import progress_bar
from rtmpose3d.structures.atomic import output_errors

TIMEOUT_S = 30.0  # without a byte
CHUNK_BYTES = 2**20
MAX_FAILURES = 4  # in a row without a new byte
FIRST_WAIT_S = 0.5
_TRANSIENT = frozenset((408, 425, 429, 500, 502, 503, 504))  # temporary HTTP errors


class TransferError(Exception):
    """The file could not be received; the message says why."""


def download(url: str, partial: Path, *, resume: bool, size_bytes: int | None = None) -> None:
    """Downloads a file into `partial`, which stays after a failure for the next call to continue.

    Args:
        url: http(s) address.
        partial: the file to write.
        resume: whether to continue after the bytes that `partial` holds already. They may be of
            another version of the file: only for files whose hash is checked afterwards.
        size_bytes: the exact size, if known.

    Raises:
        TransferError: the server refuses, or cannot be reached after several tries.
        OutputError: the disk is full or the folder cannot be written.
    """
    failures = 0
    while True:
        before = size_or_zero(partial)
        try:
            _receive(url, partial, resume, size_bytes)
            return
        except RTMPose3DError:  # an OutputError is an OSError, too
            raise
        except (OSError, HTTPException) as error:
            failures = 0 if size_or_zero(partial) > before else failures + 1
            if failures == MAX_FAILURES:
                raise TransferError(f"{_reason(error)} ({failures} tries in a row)") from error
        _wait(FIRST_WAIT_S * 2**failures)


def open_url(url: str, method: str = "GET", **headers: str) -> HTTPResponse:
    """Opens an http(s) address.

    Raises:
        TransferError: the server's certificate was not accepted.
        OSError: it answers with an error (`HTTPError`), or cannot be reached.
        HTTPException: the answer is not HTTP.
    """
    context = ssl.create_default_context()
    with suppress(ImportError):  # some Pythons on macOS come without certificates
        context.load_verify_locations(import_module("certifi").where())
    request = Request(url, headers={"User-Agent": "rtmpose3d", **headers}, method=method)
    try:
        return build_opener(HTTPSHandler(context=context)).open(request, timeout=TIMEOUT_S)
    except URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise TransferError(
                f"its certificate was not accepted ({error.reason.verify_message}); "
                "behind a company proxy, set SSL_CERT_FILE to its certificates"
            ) from error
        raise


def size_or_zero(file: Path) -> int:
    """The size of a file in bytes; 0 if there is none."""
    return file.stat().st_size if file.is_file() else 0


def _receive(url: str, partial: Path, resume: bool, size_bytes: int | None) -> None:
    """One try. Raises OSError or HTTPException where another try may succeed."""
    received = size_or_zero(partial) if resume else 0
    headers = {"Range": f"bytes={received}-"} if received else {}
    try:
        response = open_url(url, **headers)
    except HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and received:
            return  # all of it is there already, or it is another file: the hash decides
        if error.code in _TRANSIENT:
            raise
        raise TransferError(_reason(error)) from error
    with response:
        if "text/html" in response.headers.get("Content-Type", ""):
            raise TransferError("the server sent a web page, not the file (a login or error page?)")
        if response.status != HTTPStatus.PARTIAL_CONTENT:
            received = 0
        total = None if response.length is None else received + response.length
        if size_bytes is not None and total not in (None, size_bytes):
            raise TransferError(f"the server has {total} bytes, {size_bytes} are expected")
        _save(response, partial, received, total)


def _save(response: HTTPResponse, partial: Path, received: int, total: int | None) -> None:
    with output_errors(partial):
        free = shutil.disk_usage(partial.parent).free
        if total is not None and total - received > free:
            raise OSError(f"{(total - received) / 1e6:.0f} MB needed, {free / 1e6:.0f} MB free")
        file = partial.open("ab" if received else "wb")
    with file, progress_bar(total, partial.stem, done=received, unit="bytes") as bar:
        while piece := response.read(CHUNK_BYTES):
            with output_errors(partial):
                file.write(piece)
                file.flush()
            received += len(piece)
            bar.update(received)
    if total is not None and received != total:
        raise ConnectionError(f"the connection was lost after {received} of {total} bytes")


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"HTTP {error.code} {error.reason}"
    cause = error.reason if isinstance(error, URLError) else error
    return str(error) if type(error) is ConnectionError else f"no connection ({cause})"


def _wait(seconds: float) -> None:
    time.sleep(seconds)
