"""Download of images from http(s) addresses, limited in size and time."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from rtmpose3d.errors import InputError

MAX_BYTES = 100 * 2**20
RESPONSE_TIMEOUT_S = 20.0  # of each read
DEADLINE_S = 120.0  # for the whole file
_CHUNK = 2**18


def is_url(text: str) -> bool:
    """Whether a text starts as an http or https address does."""
    return text[:8].lower().startswith(("http://", "https://"))


def read_url(url: str) -> bytes:
    """Read the file at an http(s) address into memory.

    Raises:
        InputError: no answer, an error of the server, too large or too slow.
    """
    try:
        request = Request(url, headers={"User-Agent": "rtmpose3d"})
        with urlopen(request, timeout=RESPONSE_TIMEOUT_S) as response:
            return _read_within_bounds(response.read, url)
    except HTTPError as error:
        with error:
            raise InputError(f"{url}: the server answered {error.code} {error.reason}") from None
    except URLError as error:
        raise InputError(f"{url} cannot be reached: {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        what = str(error) or type(error).__name__
        raise InputError(f"{url} cannot be read: {what}") from error


def _read_within_bounds(read: Callable[[int], bytes], url: str) -> bytes:
    deadline = time.monotonic() + DEADLINE_S
    parts: list[bytes] = []
    size = 0
    while part := read(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > MAX_BYTES:
            raise InputError(f"{url} is larger than {MAX_BYTES // 2**20} MiB")
        if time.monotonic() > deadline:
            raise InputError(f"{url} did not arrive within {DEADLINE_S:.0f} s ({size} bytes did)")
    return b"".join(parts)
