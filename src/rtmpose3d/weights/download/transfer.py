"""One file over HTTP: resumed, retried, with a progress bar where stderr is a terminal.

Every wait is limited: for the header, for the next byte, and for a rate that is too low to arrive.
No more bytes are written than the file can have.
"""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError

from rtmpose3d.errors import InputError, RTMPose3DError
from rtmpose3d.progress import progress_bar
from rtmpose3d.structures.atomic import output_errors
from rtmpose3d.web.opening import TimeLimit, open_address

TIMEOUT_S = 30.0  # without a byte
HEADER_TIMEOUT_S = 60.0  # for connection, redirects and header as a whole
MIN_BYTES_PER_S = 1024  # less, over `RATE_WINDOW_S`, would take days
RATE_WINDOW_S = 60.0
MAX_FILE_BYTES = 4 * 2**30  # of a file of unknown size; published ones have up to 0.4 GB
CHUNK_BYTES = 2**20
MAX_FAILURES = 4  # in a row without `MIN_PROGRESS_BYTES`
MIN_PROGRESS_BYTES = 2**14
FIRST_WAIT_S = 0.5
_TRANSIENT = frozenset((408, 425, 429, 500, 502, 503, 504))  # temporary HTTP errors


class TransferError(Exception):
    """The file could not be received; the message says why."""


class _RangeError(ConnectionError):
    """The answer to a range is not that range; the file must be received from its start."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """Version of a file at an address, as its server states it (RFC 9110, sections 8.8.2, 8.8.3).

    Attributes:
        etag, last_modified: headers of the answer; "" where the server sends none.
    """

    etag: str = ""
    last_modified: str = ""

    @property
    def conditions(self) -> dict[str, str]:
        """Headers that ask for the file only if it is another version."""
        if self.etag:
            return {"If-None-Match": self.etag}
        return {"If-Modified-Since": self.last_modified} if self.last_modified else {}


def download(
    url: str,
    partial: Path,
    *,
    resume: bool,
    size_bytes: int | None = None,
    unless: Version | None = None,
    token: str | None = None,
) -> Version | None:
    """Downloads a file into `partial`, which stays after a failure for the next call to continue.

    Without `resume`, and where the disk is full, it is deleted.

    Args:
        url: http(s) address.
        partial: the file to write.
        resume: whether to continue after the bytes that `partial` holds already. They may be of
            another version of the file: only for files whose hash is checked afterwards.
        size_bytes: the exact size, if known.
        unless: the version that is there already.
        token: access token for the address's own host; redirects do not get it.

    Returns:
        The version that was received; None if the address still has that of `unless`.

    Raises:
        TransferError: the server refuses, contradicts itself, is too slow, or cannot be reached
            after several tries.
        OutputError: the disk is full or the folder cannot be written.
    """
    failures = 0
    with _deleted_after_failure(partial, unless_resumed=resume):
        while True:
            before = size_or_zero(partial)
            try:
                return _receive(url, partial, resume, size_bytes, unless, token)
            except RTMPose3DError:  # an OutputError is an OSError, too
                raise
            except (OSError, HTTPException) as error:
                progressed = size_or_zero(partial) - before >= MIN_PROGRESS_BYTES
                failures = 0 if progressed else failures + 1
                if isinstance(error, _RangeError):
                    partial.unlink(missing_ok=True)
                if size_or_zero(partial) == 0 and _is_unreachable(error):
                    raise TransferError(_reason(error)) from error
                if failures == MAX_FAILURES:
                    raise TransferError(f"{_reason(error)} ({failures} tries in a row)") from error
            _wait(FIRST_WAIT_S * 2**failures)


def open_url(url: str, headers: Mapping[str, str], token: str | None = None) -> HTTPResponse:
    """Opens an http(s) address.

    Args:
        url: address.
        headers: of the request.
        token: access token for the address's own host.

    Raises:
        TransferError: no address, or the server's certificate was not accepted.
        OSError: it answers with an error (`HTTPError`), or cannot be reached.
        HTTPException: the answer is not HTTP.
    """
    try:
        with TimeLimit(HEADER_TIMEOUT_S) as limit:
            response = open_address(
                url, limit=limit, timeout_s=TIMEOUT_S, headers=headers, token=token
            )
        if limit.expired:
            raise TimeoutError(f"no answer within {HEADER_TIMEOUT_S:.0f} s")
        return response
    except InputError as error:
        raise TransferError(str(error)) from error
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


@contextmanager
def _deleted_after_failure(partial: Path, *, unless_resumed: bool) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        kept = unless_resumed and not isinstance(error, (_TooLargeError, RTMPose3DError))
        if not kept:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
        raise


class _TooLargeError(TransferError):
    """More bytes come than the file can have."""


def _receive(
    url: str,
    partial: Path,
    resume: bool,
    size_bytes: int | None,
    unless: Version | None,
    token: str | None,
) -> Version | None:
    """One try. Raises OSError or HTTPException where another try may succeed."""
    received = size_or_zero(partial) if resume else 0
    headers = {"Range": f"bytes={received}-"} if received else {}
    headers |= {} if unless is None else unless.conditions
    try:
        response = open_url(url, headers, token)
    except HTTPError as error:
        error.close()
        if error.code == HTTPStatus.NOT_MODIFIED and unless is not None:
            return None
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and received:
            return Version()  # all of it is there, or it is another file: the hash decides
        if error.code in _TRANSIENT:
            raise
        refused = error.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        hint = "; a private or gated repository of the hub needs HF_TOKEN" if refused else ""
        raise TransferError(_reason(error) + hint) from error
    with response:
        if "text/html" in response.headers.get("Content-Type", ""):
            raise TransferError("the server sent a web page, not the file (a login or error page?)")
        if response.status != HTTPStatus.PARTIAL_CONTENT:
            received = 0
        total = _total(response, received)
        if size_bytes is not None and total not in (None, size_bytes):
            raise TransferError(f"the server has {total} bytes, {size_bytes} are expected")
        _save(response, partial, received, total if size_bytes is None else size_bytes)
        return Version(
            etag=response.headers.get("ETag", ""),
            last_modified=response.headers.get("Last-Modified", ""),
        )


def _total(response: HTTPResponse, received: int) -> int | None:
    """The size of the whole file, as the answer states it; None where it does not.

    Raises:
        _RangeError: the answer is not the range that continues after `received` bytes.
    """
    if response.status != HTTPStatus.PARTIAL_CONTENT:
        return response.length
    stated = re.fullmatch(
        r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", response.headers.get("Content-Range", "")
    )
    if stated is None or not received:
        raise _RangeError("the server answered with a part of the file that was not asked for")
    first, last = int(stated[1]), int(stated[2])
    total = last + 1 if stated[3] == "*" else int(stated[3])
    length = last + 1 - first
    if first != received or last + 1 != total or response.length not in (None, length):
        raise _RangeError(
            f"the server contradicts itself: {stated[0]} after {received} bytes, "
            f"{response.length} to come"
        )
    return total


def _save(response: HTTPResponse, partial: Path, received: int, total: int | None) -> None:
    if (total or 0) > MAX_FILE_BYTES:
        raise TransferError(f"the server has {total} bytes, more than {MAX_FILE_BYTES}")
    with output_errors(partial):
        free = shutil.disk_usage(partial.parent).free
        if total is not None and total - received > free:
            raise OSError(f"{(total - received) / 1e6:.0f} MB needed, {free / 1e6:.0f} MB free")
        file = partial.open("ab" if received else "wb")
    rate = _Rate(received)
    with file, progress_bar(total, partial.stem, done=received, unit="bytes") as bar:
        # read1 returns what is there: no byte is lost when the connection breaks.
        while piece := response.read1(CHUNK_BYTES):
            with output_errors(partial):
                file.write(piece)
                file.flush()
            received += len(piece)
            if received > (MAX_FILE_BYTES if total is None else total):
                raise _TooLargeError(
                    f"the server sends more than the {total or MAX_FILE_BYTES} bytes of the file"
                )
            rate.check(received)
            bar.update(received)
    if total is not None and received != total:
        raise ConnectionError(f"the connection was lost after {received} of {total} bytes")


class _Rate:
    """Ends a transfer that is too slow to arrive."""

    def __init__(self, received: int) -> None:
        self._since = time.monotonic()
        self._before = received

    def check(self, received: int) -> None:
        """Check the rate, once in each window.

        Raises:
            TransferError: it is too low.
        """
        seconds = time.monotonic() - self._since
        if seconds < RATE_WINDOW_S:
            return
        rate = (received - self._before) / max(seconds, 1e-9)
        if rate < MIN_BYTES_PER_S:
            raise TransferError(
                f"too slow: {rate:.0f} bytes per second; at least {MIN_BYTES_PER_S} are needed"
            )
        self._since += seconds
        self._before = received


def _is_unreachable(error: Exception) -> bool:
    """Whether there is no such host, or nothing listens there: other sources are tried at once."""
    reason = error.reason if isinstance(error, URLError) else error
    return isinstance(reason, (socket.gaierror, ConnectionRefusedError))


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"HTTP {error.code} {error.reason}"
    cause = error.reason if isinstance(error, URLError) else error
    plain = type(error) in (ConnectionError, _RangeError)
    return str(error) if plain else f"no connection ({cause or type(cause).__name__})"


def _wait(seconds: float) -> None:
    time.sleep(seconds)
