"""Opening of http(s) addresses: redirects within rules, and a limit of time that holds.

Standard library only, so that proxies (`http_proxy`, `https_proxy`, `no_proxy`) and certificates
(`SSL_CERT_FILE`) are taken from the environment.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from importlib import import_module
from typing import IO
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from rtmpose3d.web.addresses import is_url, parse_address

MAX_REDIRECTS = 10


class TimeLimit:
    """A limit of time for all connections that are opened in it, also for those that crawl.

    A timeout of a socket only limits the time without a byte. When this limit is over, the
    connections are shut down, which ends all waiting for them.

    Args:
        seconds: from entering the context.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired = False
        self._lock = threading.Lock()
        self._guards: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> TimeLimit:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for guard in self._guards:
                guard.close()
            self._guards.clear()

    def watch(self, connection: socket.socket) -> None:
        """Shut a connection down when the time is over."""
        guard = connection.dup()  # stays valid when TLS takes the connection over
        with self._lock:
            self._guards.append(guard)
            expired = self.expired
        if expired:
            self._shut_down(guard)

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            for guard in self._guards:
                self._shut_down(guard)

    @staticmethod
    def _shut_down(guard: socket.socket) -> None:
        with suppress(OSError):
            guard.shutdown(socket.SHUT_RDWR)


def open_address(
    url: str,
    *,
    limit: TimeLimit,
    timeout_s: float,
    headers: Mapping[str, str] | None = None,
    token: str | None = None,
) -> HTTPResponse:
    """Open an http(s) address.

    Redirects lead to http and https addresses only, and none from the internet into a private
    network (a name that resolves differently the second time is not noticed). User and password
    of the address, or the token, are sent to its own host alone.

    Args:
        url: as people write it.
        limit: of time; an error after it has expired is its doing.
        timeout_s: time without a byte.
        headers: further headers.
        token: bearer token (RFC 6750), where the address has no user and password.

    Raises:
        InputError: it is not an address.
        OSError: the server answers with an error (`urllib.error.HTTPError`), or cannot be reached.
        http.client.HTTPException: the answer is not HTTP.
    """
    address = parse_address(url)
    request = Request(address.url, headers={"User-Agent": "rtmpose3d", **(headers or {})})
    authorization = address.authorization or (None if token is None else f"Bearer {token}")
    if authorization is not None:
        request.add_unredirected_header("Authorization", authorization)
    return _opener(limit).open(request, timeout=timeout_s)


def _opener(limit: TimeLimit) -> OpenerDirector:
    """An opener for http and https only; urllib's own one also opens ftp, file and data."""
    opener = OpenerDirector()
    opener.addheaders = []
    for handler in (
        ProxyHandler(),
        UnknownHandler(),
        _WatchedHTTP(limit),
        _WatchedHTTPS(limit),
        HTTPDefaultErrorHandler(),
        _Redirects(),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _ssl_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    with suppress(ImportError):  # some Pythons on macOS come without certificates
        context.load_verify_locations(import_module("certifi").where())
    return context


def _watched(
    kind: Callable[..., HTTPConnection], limit: TimeLimit, host: str, **options: object
) -> HTTPConnection:
    """A connection whose socket the limit watches from its first byte on."""
    connection = kind(host, **options)
    create = connection._create_connection  # type: ignore[attr-defined]

    def create_watched(*args: object, **kwargs: object) -> socket.socket:
        made = create(*args, **kwargs)
        limit.watch(made)
        return made

    connection._create_connection = create_watched  # type: ignore[attr-defined]
    return connection


class _WatchedHTTP(HTTPHandler):
    def __init__(self, limit: TimeLimit) -> None:
        super().__init__()
        self._limit = limit

    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(partial(_watched, HTTPConnection, self._limit), req)


class _WatchedHTTPS(HTTPSHandler):
    def __init__(self, limit: TimeLimit) -> None:
        super().__init__()
        self._limit = limit

    def https_open(self, req: Request) -> HTTPResponse:
        make = partial(_watched, HTTPSConnection, self._limit)
        return self.do_open(make, req, context=_ssl_context())


class _Redirects(HTTPRedirectHandler):
    max_redirections = MAX_REDIRECTS

    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: object,
        newurl: str,
    ) -> Request | None:
        if not is_url(newurl):
            raise URLError(f"redirected to {newurl[:100]!r}, which is not an http(s) address")
        host = urlsplit(newurl).hostname or ""
        if is_private_host(host) and not is_private_host(urlsplit(req.full_url).hostname or ""):
            raise URLError(f"redirected into a private network ({host})")
        return super().redirect_request(req, fp, code, msg, headers, parse_address(newurl).url)  # type: ignore[arg-type]


def is_private_host(host: str) -> bool:
    """Whether a host is this machine, or one that is not on the internet; no if it is unknown."""
    return any(not ipaddress.ip_address(address).is_global for address in resolve_host(host))


def resolve_host(host: str) -> list[str]:
    """The IP addresses of a host; none if it cannot be resolved here."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(entry[4][0]).partition("%")[0] for entry in found]
