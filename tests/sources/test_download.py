"""Images at http addresses, limited in size and time."""

from __future__ import annotations

import numpy as np
import pytest
from encoding import encoded, example_image

from raw_server import reply
from rtmpose3d.errors import InputError
from rtmpose3d.sources import limits, load_image

IMAGE = encoded(example_image(), "PNG")
BGR = np.asarray(example_image())[..., ::-1]


def test_an_image_at_an_address_is_read(raw_server):
    raw_server.answer = lambda connection, head: connection.sendall(reply(IMAGE))
    assert np.array_equal(load_image(f"{raw_server.url}/a.png?size=large"), BGR)
    assert np.array_equal(load_image(f" {raw_server.url}/grüße aus.png"), BGR)
    assert raw_server.requests[1].startswith("GET /gr%C3%BC%C3%9Fe%20aus.png ")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(status="404 Not Found"), "the server answered 404 Not Found"),
        (reply(status="401 Unauthorized"), "user:password@host"),
        (reply(b"<!DOCTYPE html>"), "web page"),
        (reply(IMAGE)[:-50], r"connection was lost after \d+ of \d+ bytes"),
        (b"nonsense\r\n\r\n", "cannot be read"),
        (b"", "cannot be read|cannot be reached"),
        (reply(status="302 Found", Location="ftp://127.0.0.1/a"), "cannot be reached|302"),
    ],
)
def test_addresses_that_give_no_image_are_errors(raw_server, answer, words):
    raw_server.answer = lambda connection, head: connection.sendall(answer)
    with pytest.raises(InputError, match=words):
        load_image(f"{raw_server.url}/b.png")


@pytest.mark.parametrize("address", ["http://", "http://host:port/a.png", "http://a b/c.png"])
def test_what_is_no_address_is_an_error(address):
    with pytest.raises(InputError, match="is not an address"):
        load_image(address)


def test_a_server_that_cannot_be_reached_is_named(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:1/a\.png cannot be reached"):
        load_image("http://me:secret@127.0.0.1:1/a.png")


@pytest.mark.parametrize("length", [True, False])
def test_a_large_body_is_refused(raw_server, monkeypatch, length):
    whole = reply(IMAGE) if length else b"HTTP/1.0 200 OK\r\n\r\n" + IMAGE
    raw_server.answer = lambda connection, head: connection.sendall(whole)
    monkeypatch.setattr(limits, "MAX_DOWNLOAD_BYTES", 64)
    with pytest.raises(InputError, match="is larger than"):
        load_image(f"{raw_server.url}/a.png")


@pytest.mark.parametrize("at", [0, 20, 60])
def test_a_server_that_crawls_is_given_up_in_its_header_and_in_its_body(
    raw_server, monkeypatch, at
):
    def answer(connection, head):
        connection.sendall(reply(IMAGE)[:at])
        raw_server.drip(connection, reply(IMAGE)[at:])

    raw_server.answer = answer
    monkeypatch.setattr(limits, "DOWNLOAD_TIMEOUT_S", 0.3)
    with pytest.raises(InputError, match=r"a\.png did not arrive within 0 s"):
        load_image(f"{raw_server.url}/a.png")
