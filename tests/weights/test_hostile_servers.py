"""Servers that lie, crawl or break off cost no disk, no time and no byte that was received."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from file_server import BY_URL, DATA, NAME

from raw_server import reply
from rtmpose3d.errors import DownloadError
from rtmpose3d.weights import fetch
from rtmpose3d.weights.download import locking, transfer
from rtmpose3d.weights.download.cache import partial_file

pytestmark = pytest.mark.usefixtures("own_folders")


@pytest.fixture
def file(raw_server, monkeypatch):
    monkeypatch.setattr(transfer, "_wait", lambda seconds: None)
    return replace(BY_URL, urls=(f"{raw_server.url}/{NAME}",))


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "cache"


def endless(head: bytes, served: list[int], stop: threading.Event):
    """An answer that never ends, up to 64 MB."""

    def answer(connection, request):
        connection.sendall(head)
        for _ in range(1000):
            if stop.is_set():
                return
            connection.sendall(bytes(2**16))
            served[0] += 2**16

    return answer


@pytest.mark.parametrize("known", ["size", "nothing"])
@pytest.mark.parametrize("head", [b"HTTP/1.0 200 OK\r\n\r\n"], ids=["until closed"])
def test_no_more_is_written_than_the_file_has(raw_server, file, folder, monkeypatch, head, known):
    served = [0]
    raw_server.answer = endless(head, served, raw_server.stopped)
    monkeypatch.setattr(transfer, "MAX_FILE_BYTES", 2**20)
    wanted = replace(file, size_bytes=len(DATA)) if known == "size" else file
    with pytest.raises(DownloadError, match="sends more than the"):
        fetch(wanted)
    assert len(raw_server.requests) == 1
    assert not list(folder.glob("net*"))


def test_a_part_whose_length_contradicts_its_range_is_refused(raw_server, file, folder):
    """Content-Range says that all is there after the part, the body never ends."""
    served = [0]

    def answer(connection, head):
        if "Range:" in head:
            part = f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1000-{len(DATA) - 1}/"
            lie = f"{part}{len(DATA)}\r\nContent-Length: 99999999999\r\n\r\n".encode()
            return endless(lie, served, raw_server.stopped)(connection, head)
        return connection.sendall(reply(DATA))

    folder.mkdir()
    partial_file(folder / NAME).write_bytes(DATA[:1000])
    raw_server.answer = answer
    assert fetch(file).read_bytes() == DATA
    assert len(raw_server.requests) == 2


@pytest.mark.parametrize(
    "stated", ["bytes 0-102399/102400", "bytes 2000-102399/102400", "bytes x-y/z", "", "bytes */5"]
)
def test_a_part_that_was_not_asked_for_is_not_mixed_in(raw_server, file, folder, stated):
    def answer(connection, head):
        if "Range:" in head:
            body = reply(DATA[1000:], status="206 Partial Content", Content_Range=stated)
            return connection.sendall(body)
        return connection.sendall(reply(DATA))

    folder.mkdir()
    partial_file(folder / NAME).write_bytes(DATA[:1000])
    raw_server.answer = answer
    assert fetch(file).read_bytes() == DATA


def test_a_part_as_answer_to_the_whole_file_is_refused(raw_server, file):
    part = reply(DATA, status="206 Partial Content", Content_Range="bytes 0-9/10")
    raw_server.answer = lambda connection, head: connection.sendall(part)
    with pytest.raises(DownloadError, match="not asked for"):
        fetch(file)
    assert len(raw_server.requests) == 4


def test_no_byte_is_lost_when_the_connection_is_reset(raw_server, file):
    """A reset discards what the receiver has not read yet: the rest is sent once that is read."""

    def answer(connection, head):
        wanted = re.search(r"Range: bytes=(\d+)-", head)
        first = int(wanted[1]) if wanted else 0
        body = DATA[first:]
        status = "206 Partial Content" if first else "200 OK"
        stated = f"bytes {first}-{len(DATA) - 1}/{len(DATA)}"
        headers = {"Content_Range": stated} if first else {}
        connection.sendall(reply(body, status, **headers)[: -max(len(body) - 30_000, 0) or None])
        time.sleep(0.3)
        if len(body) > 30_000:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    raw_server.answer = answer
    assert fetch(file).read_bytes() == DATA
    starts = [re.search(r"bytes=(\d+)", head) for head in raw_server.requests]
    assert [int(one[1]) for one in starts if one] == [30_000, 60_000, 90_000]


def test_a_server_that_crawls_is_given_up_by_its_rate(raw_server, file, monkeypatch):
    def answer(connection, head):
        connection.sendall(reply(DATA)[: -len(DATA)])
        raw_server.drip(connection, DATA[:200])

    raw_server.answer = answer
    monkeypatch.setattr(transfer, "RATE_WINDOW_S", 0.3)
    with pytest.raises(DownloadError, match=r"too slow: \d+ bytes per second"):
        fetch(file)
    assert len(raw_server.requests) == 1


def test_a_header_that_crawls_is_given_up(raw_server, file, monkeypatch):
    raw_server.answer = lambda connection, head: raw_server.drip(connection, b"HTTP/1.1 200 " * 20)
    monkeypatch.setattr(transfer, "HEADER_TIMEOUT_S", 0.2)
    with pytest.raises(DownloadError, match="4 tries in a row"):
        fetch(file)


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/a", "file:///etc/passwd"])
def test_redirects_to_other_schemes_are_refused(raw_server, file, target):
    moved = reply(status="302 Found", Location=target)
    raw_server.answer = lambda connection, head: connection.sendall(moved)
    with pytest.raises(DownloadError, match=r"302|not an http"):
        fetch(file)


def test_a_lock_that_is_held_without_progress_names_its_holder(file, folder, monkeypatch):
    monkeypatch.setattr(locking, "STALL_S", 0.2)
    monkeypatch.setattr(locking, "_POLL_S", 0.05)
    folder.mkdir()
    held = threading.Event()
    release = threading.Event()

    def hold() -> None:
        with locking.held_by_this_process(folder / NAME):
            held.set()
            release.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    with pytest.raises(DownloadError, match=r"process \d+ on .* has received nothing for 0 s"):
        fetch(file)
    release.set()
    thread.join(10)


def test_a_lock_is_waited_for_while_the_file_grows(raw_server, file, folder, monkeypatch):
    monkeypatch.setattr(locking, "STALL_S", 5.0)
    monkeypatch.setattr(locking, "_POLL_S", 0.05)
    folder.mkdir()
    held = threading.Event()

    def download_slowly() -> None:
        with locking.held_by_this_process(folder / NAME):
            held.set()
            with partial_file(folder / NAME).open("wb") as partial:
                for at in range(0, len(DATA), 20_000):
                    partial.write(DATA[at : at + 20_000])
                    partial.flush()
                    raw_server.stopped.wait(0.05)
            partial_file(folder / NAME).replace(folder / NAME)

    thread = threading.Thread(target=download_slowly)
    thread.start()
    assert held.wait(10)
    assert fetch(file).read_bytes() == DATA
    assert raw_server.requests == []
    thread.join(10)
