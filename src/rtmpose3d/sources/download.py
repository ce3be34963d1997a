"""Download of images from http(s) addresses, limited in size and time."""

from __future__ import annotations

from http.client import HTTPException, HTTPResponse
from urllib.error import HTTPError, URLError

from rtmpose3d.errors import InputError
from rtmpose3d.sources import limits
from rtmpose3d.web.addresses import without_password
from rtmpose3d.web.opening import TimeLimit, open_address

_CHUNK = 2**18


def read_url(url: str) -> bytes:
    """Read the file at an http(s) address into memory.

    Raises:
        InputError: no address, no answer, an error of the server, too large or too slow.
    """
    shown = without_password(url.strip())
    with TimeLimit(limits.DOWNLOAD_TIMEOUT_S) as limit:
        try:
            with open_address(url, limit=limit, timeout_s=limits.RESPONSE_TIMEOUT_S) as response:
                data = _read_within_bounds(response, shown)
            if not limit.expired:
                return data
        except InputError:
            if not limit.expired:
                raise
        except (OSError, HTTPException, ValueError, AttributeError) as error:
            # Shutting a connection down interrupts it anywhere.
            if not limit.expired:
                raise InputError(_explained(shown, error)) from error
    raise InputError(f"{shown} did not arrive within {limit.seconds:.0f} s")


def _read_within_bounds(response: HTTPResponse, shown: str) -> bytes:
    expected = response.length
    _check_size(expected or 0, shown)
    parts: list[bytes] = []
    size = 0
    while part := response.read1(_CHUNK):
        parts.append(part)
        size += len(part)
        _check_size(size, shown)
    if expected is not None and size < expected:
        raise InputError(
            f"{shown} cannot be read: the connection was lost after {size} of {expected} bytes"
        )
    return b"".join(parts)


def _check_size(size: int, shown: str) -> None:
    if size > limits.MAX_DOWNLOAD_BYTES:
        raise InputError(f"{shown} is larger than {limits.MAX_DOWNLOAD_BYTES // 2**20} MiB")


def _explained(shown: str, error: Exception) -> str:
    if isinstance(error, HTTPError):
        with error:
            hint = ""
            if error.code == 401:
                hint = "; it asks for a user and password: https://user:password@host/..."
            return f"{shown}: the server answered {error.code} {error.reason}{hint}"
    if isinstance(error, URLError):
        return f"{shown} cannot be reached: {error.reason}"
    return f"{shown} cannot be read: {str(error) or type(error).__name__}"
