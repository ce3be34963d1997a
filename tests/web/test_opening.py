"""Connections: a limit of time that holds, and redirects within rules."""

from __future__ import annotations

import time
from contextlib import suppress
from http.client import HTTPException
from urllib.error import URLError

import pytest

from raw_server import reply
from rtmpose3d.web import opening
from rtmpose3d.web.opening import TimeLimit, open_address


def get(url: str, seconds: float = 10.0) -> bytes:
    with TimeLimit(seconds) as limit, open_address(url, limit=limit, timeout_s=10) as response:
        data = b""
        while piece := response.read1(1000):
            data += piece
        return data


def test_an_address_is_read_with_user_and_password(raw_server):
    raw_server.answer = lambda connection, head: connection.sendall(reply(b"hello"))
    host = raw_server.url.removeprefix("http://")
    assert get(f"  http://me:secret@{host}/ä b.jpg ") == b"hello"
    (head,) = raw_server.requests
    assert head.startswith("GET /%C3%A4%20b.jpg HTTP/1.1\r\n")
    assert "Authorization: Basic bWU6c2VjcmV0\r\n" in head


@pytest.mark.parametrize("slow", ["header", "body", "chunks", "nothing"])
def test_a_limit_of_time_ends_connections_that_crawl(raw_server, slow):
    def answer(connection, head):
        if slow == "header":
            raw_server.drip(connection, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 500)
        elif slow == "body":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
            raw_server.drip(connection, b"x" * 500)
        elif slow == "chunks":
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            raw_server.drip(connection, b"1\r\nx\r\n" * 100)
        else:
            raw_server.stopped.wait(20)

    raw_server.answer = answer
    before = time.monotonic()
    with (
        TimeLimit(0.4) as limit,
        suppress(OSError, HTTPException),
        open_address(raw_server.url, limit=limit, timeout_s=10) as response,
    ):
        while response.read1(1000):
            pass
    assert limit.expired
    assert time.monotonic() - before < 8  # the server needs 25 s, the timeout without a byte is 10


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/a", "file:///etc/passwd", "data:,x"])
def test_redirects_to_other_schemes_are_refused(raw_server, target):
    raw_server.answer = lambda connection, head: connection.sendall(
        reply(status="302 Found", Location=target)
    )
    with pytest.raises((URLError, OSError)):
        get(raw_server.url)
    assert len(raw_server.requests) == 1


def test_a_redirect_is_followed_and_does_not_take_the_password_along(raw_server):
    def answer(connection, head):
        if head.startswith("GET /first "):
            connection.sendall(reply(status="302 Found", Location="/second ü"))
        else:
            connection.sendall(reply(b"there"))

    raw_server.answer = answer
    host = raw_server.url.removeprefix("http://")
    assert get(f"http://me:secret@{host}/first") == b"there"
    assert "Authorization" in raw_server.requests[0]
    assert "Authorization" not in raw_server.requests[1]


def test_a_redirect_from_the_internet_into_a_private_network_is_refused(raw_server, monkeypatch):
    hosts = {"127.0.0.1": ["8.8.8.8"], "localhost": ["127.0.0.1"], "inside.example": ["10.0.0.7"]}
    monkeypatch.setattr(opening, "resolve_host", lambda host: hosts[host])
    for target in ("localhost", "inside.example"):
        raw_server.answer = lambda connection, head, target=target: connection.sendall(
            reply(status="302 Found", Location=f"http://{target}/a")
        )
        with pytest.raises(URLError, match=f"into a private network \\({target}\\)"):
            get(raw_server.url)


def test_a_loop_of_redirects_ends(raw_server):
    raw_server.answer = lambda connection, head: connection.sendall(
        reply(status="302 Found", Location="/again")
    )
    with pytest.raises(OSError):
        get(raw_server.url)
    assert len(raw_server.requests) <= opening.MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("192.168.0.1", True),
        ("169.254.169.254", True),
        ("8.8.8.8", False),
        ("", False),
    ],
)
def test_private_hosts_are_known(host, private):
    assert opening.is_private_host(host) == private
