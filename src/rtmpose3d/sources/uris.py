"""Images in `data:` URIs (RFC 2397), and files named by `file:` URIs (RFC 8089)."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from rtmpose3d.errors import InputError
from rtmpose3d.sources.reading import check_size
from rtmpose3d.untrusted import brief

_LOCAL_HOSTS = ("", "localhost")


def is_data_uri(text: str) -> bool:
    """Whether a text starts as a `data:` URI does, after blanks."""
    return text.lstrip()[:5].lower() == "data:"


def is_file_uri(text: str) -> bool:
    """Whether a text starts as a `file:` URI does, after blanks."""
    return text.lstrip()[:6].lower() == "file:/"


def bytes_from_data_uri(text: str) -> tuple[bytes, str]:
    """The content of a `data:` URI, and its name in messages.

    Raises:
        InputError: it is damaged, or too large.
    """
    header, comma, payload = text.strip().partition(",")
    name = f"the image in {brief(header)},..."
    if not comma:
        raise InputError(f"{name}: a data: URI has a comma before its content")
    check_size(len(payload), name)
    if not header.lower().endswith(";base64"):
        return unquote_to_bytes(payload), name
    try:
        # Web pages may escape the alphabet's + / = and break lines.
        return base64.b64decode("".join(unquote(payload).split()), validate=True), name
    except (binascii.Error, ValueError) as error:
        raise InputError(f"{name} is not valid base64: {error}") from error


def path_from_file_uri(text: str) -> Path:
    """The path that a `file:` URI names.

    Raises:
        InputError: it names a file of another host.
    """
    try:
        parts = urlsplit(text.strip())
    except ValueError as error:
        raise InputError(f"{brief(text)!r} is not a file: URI: {error}") from error
    if parts.netloc.lower() not in _LOCAL_HOSTS:
        raise InputError(f"{brief(text)!r} names a file of another host, {parts.netloc}")
    from urllib.request import url2pathname  # imports HTTP, which takes a while

    return Path(url2pathname(parts.path))
