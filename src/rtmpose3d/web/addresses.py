"""Addresses as people write them, in the form that HTTP needs."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urlsplit

from rtmpose3d.errors import InputError

_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# RFC 3986: reserved characters, and "%" of what is encoded already
_SAFE = "%/:?#[]@!$&'()*+,;="


@dataclass(frozen=True, kw_only=True)
class Address:
    """An http(s) address.

    Attributes:
        url: percent-encoded, its host in ASCII, without user, password and fragment; it can be
            shown.
        authorization: the header that user and password of the address stand for (RFC 7617), or
            None.
    """

    url: str
    authorization: str | None = field(default=None, repr=False)


def is_url(text: str) -> bool:
    """Whether a text starts as an http or https address does, after blanks."""
    return text.lstrip()[:8].lower().startswith(("http://", "https://"))


def parse_address(text: str) -> Address:
    """The address that a text stands for.

    Blanks around it are dropped; blanks and characters beyond ASCII in it are percent-encoded as
    UTF-8, an international host is written in its ASCII form (IDNA), and user:password@ becomes a
    header.

    Raises:
        InputError: it is not an http(s) address.
    """
    text = text.strip()
    shown = without_password(text)
    if not is_url(text):
        raise InputError(f"{shown!r} is not an http(s) address")
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise InputError(f"{shown!r} is not an address: it holds a control character")
    try:
        parts = urlsplit(text)
        host = _ascii_host(parts)
    except (UnicodeError, ValueError) as error:
        raise InputError(f"{shown!r} is not an address: {error}") from None
    path, query = (_encoded(part) for part in (parts.path, parts.query))
    url = f"{parts.scheme.lower()}://{host}{path or '/'}{f'?{query}' if query else ''}"
    return Address(url=url, authorization=_authorization(parts))


def without_password(text: str) -> str:
    """An address without the user and password in it, for messages."""
    return re.sub(r"(?i)^(\s*https?://)[^/?#]*@", r"\1", text)


def _ascii_host(parts: SplitResult) -> str:
    """Host and port in ASCII."""
    host = parts.hostname
    if not host:
        raise ValueError("it has no host")
    if ":" in host:
        host = f"[{host}]"  # IPv6
    elif not host.isascii():
        host = host.encode("idna").decode("ascii")
    if re.search(r"[\s%<>\"\\^`{|}]", host):
        raise ValueError(f"{host!r} is no host")
    return host if parts.port is None else f"{host}:{parts.port}"


def _encoded(part: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", part), safe=_SAFE, errors="surrogatepass")


def _authorization(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(pair.encode('utf-8', 'surrogatepass')).decode('ascii')}"
