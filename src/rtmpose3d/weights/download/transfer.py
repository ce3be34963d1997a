"""One file over HTTP into a partial file: resumed, retried, never more than the server has.

Standard library only, so that proxies (`http_proxy`, `https_proxy`, `no_proxy`) and certificates
(`SSL_CERT_FILE`) are taken from the environment. The partial file and a note of what it is a part
of stay after every failure, so that the next try goes on where this one stopped.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.request import HTTPSHandler, OpenerDirector, Request, build_opener

from rtmpose3d.structures.atomic import atomic_write, output_errors
from rtmpose3d.weights.download.cache import PARTIAL, PARTIAL_STATE

TIMEOUT_S = 30.0  # without a byte
CHUNK_BYTES = 2**20
STALLED_TRIES = 4  # in a row without a new byte
MOST_TRIES = 100
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP states that may be over in a moment

Progress = Callable[[int, "int | None"], None]  # bytes there, bytes in all if known


class TransferError(Exception):
    """The file could not be had; the text says why."""


class _PassingError(Exception):
    """This try failed; the next may not."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True)
class _Answer:
    """What the server will send: from which byte on, how many in all, and which version."""

    first: int
    total: int | None
    version: str | None


def transfer(url: str, target: Path, progress: Progress, *, size_bytes: int | None = None) -> Path:
    """Fetch `url` into the partial file beside `target`.

    Args:
        url: http(s) address.
        target: where the caller will put the file once it is checked.
        progress: told after each piece.
        size_bytes: the exact size, if known.

    Returns:
        The complete partial file.

    Raises:
        TransferError: the server refuses, or cannot be reached after several tries.
        OutputError: the disk is full or the folder cannot be written.
    """
    partial = target.with_name(target.name + PARTIAL)
    stalled, opener = 0, _opener()
    for _ in range(MOST_TRIES):
        before = _size(partial)
        try:
            _try_once(opener, url, partial, progress, size_bytes)
            return partial
        except _PassingError as error:
            stalled = 0 if _size(partial) > before else stalled + 1
            if stalled >= STALLED_TRIES:
                raise TransferError(f"{error} ({stalled} tries in a row)") from error
            usual_s = min(FIRST_WAIT_S * 2**stalled, LONGEST_WAIT_S)
            _wait(usual_s if error.wait_s is None else min(error.wait_s, LONGEST_WAIT_S))
    raise TransferError(f"the connection was lost {MOST_TRIES} times")


def discard(target: Path) -> None:
    """Delete what is left of a download of `target`."""
    for ending in (PARTIAL, PARTIAL_STATE):
        target.with_name(target.name + ending).unlink(missing_ok=True)


def _try_once(
    opener: OpenerDirector, url: str, partial: Path, progress: Progress, size_bytes: int | None
) -> None:
    version = _version_of(partial, url)
    have = _size(partial) if version else 0
    headers = {"User-Agent": "rtmpose3d", "Accept-Encoding": "identity"}
    if version and have:
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    try:
        response = opener.open(Request(url, headers=headers), timeout=TIMEOUT_S)
    except HTTPError as error:
        with error:
            if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                if error.headers.get("Content-Range") == f"bytes */{have}":
                    return  # all of it was there already
                partial.unlink(missing_ok=True)
                raise _PassingError("the server has another version", 0.0) from error
            raise _refused(error) from error
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(error) from error
    with response:
        answer = _answer(response.status, response.headers, have, partial)
        _check_size(answer, size_bytes)
        _receive(response, answer, url, partial, progress)


def _receive(
    response: BinaryIO, answer: _Answer, url: str, partial: Path, progress: Progress
) -> None:
    have = answer.first
    with output_errors(partial):
        if answer.total is not None:
            _check_space(partial.parent, answer.total - have)
        if not have:
            _note_version(partial, url, answer.version)
        file = partial.open("ab" if have else "wb")
    with file:
        progress(have, answer.total)
        while piece := _read(response):
            with output_errors(partial):
                file.write(piece)
            have += len(piece)
            progress(have, answer.total)
        with output_errors(partial):
            file.flush()
    if answer.total is not None and have != answer.total:
        raise _PassingError(f"the connection was lost after {have} of {answer.total} bytes")


def _read(response: BinaryIO) -> bytes:
    try:
        return response.read(CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _PassingError(f"the connection was lost ({error or type(error).__name__})") from error


def _answer(status: int, headers: Message, have: int, partial: Path) -> _Answer:
    """Read the header of a 200 (all of it) or a 206 (from `have` on)."""
    if "text/html" in headers.get("Content-Type", ""):
        raise TransferError("the server sent a web page, not the file (a login or error page?)")
    length = headers.get("Content-Length", "")
    count = int(length) if length.isascii() and length.isdigit() else None
    version = headers.get("ETag") or headers.get("Last-Modified")
    if version and version.startswith("W/"):  # a weak tag does not promise equal bytes
        version = headers.get("Last-Modified")
    if status != HTTPStatus.PARTIAL_CONTENT:
        return _Answer(0, count, version)
    piece = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
    if piece is None or int(piece[1]) != have:
        partial.unlink(missing_ok=True)
        raise _PassingError("the server sent another piece than was asked for", 0.0)
    return _Answer(have, None if piece[2] == "*" else int(piece[2]), version)


def _check_size(answer: _Answer, size_bytes: int | None) -> None:
    if size_bytes is not None and answer.total not in (None, size_bytes):
        raise TransferError(f"the server has {answer.total} bytes, {size_bytes} are expected")


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"{needed / 1e6:.0f} MB are needed on its disk and {free / 1e6:.0f} MB are free"
        )


def _refused(error: HTTPError) -> Exception:
    reason = f"HTTP {error.code} {error.reason}"
    if error.code not in _PASSING:
        return TransferError(reason)
    after = error.headers.get("Retry-After", "")
    return _PassingError(reason, float(after) if after.isascii() and after.isdigit() else None)


def _unreachable(error: Exception) -> Exception:
    """No address, no route, no valid certificate, or a broken connection."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return TransferError(
            f"its certificate was not accepted ({cause.verify_message}); "
            "behind a company proxy, set SSL_CERT_FILE to its certificates"
        )
    if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
        return TransferError(f"no network, or no such host ({cause.strerror})")
    return _PassingError(f"no connection ({cause or type(cause).__name__})")


def _version_of(partial: Path, url: str) -> str | None:
    """The version tag noted for the partial file, if it is a part of `url`."""
    try:
        state = json.loads(_state(partial).read_text(encoding="utf-8"))
        same = state["url"] == url and isinstance(state["version"], str)
        return state["version"] if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note_version(partial: Path, url: str, version: str | None) -> None:
    with atomic_write(_state(partial), "w") as file:
        json.dump({"url": url, "version": version}, file)


def _state(partial: Path) -> Path:
    return partial.with_name(partial.name.removesuffix(PARTIAL) + PARTIAL_STATE)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _opener() -> OpenerDirector:
    context = ssl.create_default_context()
    certificates = _certifi()
    if certificates is not None:  # some Pythons on macOS come without any
        context.load_verify_locations(certificates.where())
    return build_opener(HTTPSHandler(context=context))


def _certifi() -> ModuleType | None:
    try:
        return import_module("certifi")
    except ImportError:
        return None


def _wait(seconds: float) -> None:
    time.sleep(seconds)
