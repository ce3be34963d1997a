"""A checkpoint at an address is cached by its whole address, and renewed when it changes there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw_server import reply
from rtmpose3d.api.checkpoints import checkpoint_path
from rtmpose3d.errors import DownloadError, InputError
from rtmpose3d.weights import clear_cache, fetch_address
from rtmpose3d.weights.download.addressed import cached_name
from rtmpose3d.zoo import resolve

pytestmark = pytest.mark.usefixtures("own_folders")


@pytest.fixture
def files(raw_server, monkeypatch):
    """Files of a server by path; with an ETag unless `tags` is empty."""
    monkeypatch.setattr("rtmpose3d.weights.download.transfer._wait", lambda seconds: None)
    contents: dict[str, bytes] = {}

    def answer(connection, head):
        path = head.split()[1]
        if path not in contents:
            return connection.sendall(reply(status="404 Not Found"))
        tag = f'"{hashlib.sha256(contents[path]).hexdigest()}"'
        if "untagged" in path:
            return connection.sendall(reply(contents[path]))
        if f"If-None-Match: {tag}" in head:
            return connection.sendall(reply(status="304 Not Modified", ETag=tag))
        return connection.sendall(reply(contents[path], ETag=tag))

    raw_server.answer = answer
    return contents


def test_two_addresses_that_end_alike_are_two_files(raw_server, files):
    files["/alice/best.pth"], files["/bob/best.pth"] = b"alice", b"bob"
    spec = resolve("rtmw3d-n")
    alice = checkpoint_path(spec, f"{raw_server.url}/alice/best.pth", None)
    bob = checkpoint_path(spec, f"{raw_server.url}/bob/best.pth", None)
    assert (alice.read_bytes(), bob.read_bytes()) == (b"alice", b"bob")
    assert alice.suffix == bob.suffix == ".pth"


@pytest.mark.parametrize("query", ["?v=1", "?v=2", "#a", ""])
def test_the_query_is_part_of_the_address(raw_server, files, query):
    files[f"/best.pth{query.partition('#')[0]}"] = query.encode() or b"plain"
    path = fetch_address(f"{raw_server.url}/best.pth{query}")
    assert path.read_bytes() == (query.encode() or b"plain")


def test_a_file_that_did_not_change_is_asked_for_but_not_sent_again(raw_server, files):
    files["/best.pth"] = b"first"
    path = fetch_address(f"{raw_server.url}/best.pth")
    before = path.stat().st_mtime_ns
    assert fetch_address(f"{raw_server.url}/best.pth") == path
    assert path.stat().st_mtime_ns == before
    assert [("If-None-Match" in head) for head in raw_server.requests] == [False, True]


def test_a_newer_file_at_the_same_address_replaces_the_old_one(raw_server, files):
    files["/best.pth"] = b"first"
    path = fetch_address(f"{raw_server.url}/best.pth")
    files["/best.pth"] = b"second"
    assert fetch_address(f"{raw_server.url}/best.pth") == path
    assert path.read_bytes() == b"second"
    assert sorted(one.name for one in path.parent.iterdir() if one.name[0] != ".") == [path.name]
    assert clear_cache() == [path]


def test_without_a_version_of_the_server_the_copy_is_used_until_it_is_cleared(raw_server, files):
    files["/untagged.pth"] = b"first"
    path = fetch_address(f"{raw_server.url}/untagged.pth")
    files["/untagged.pth"] = b"second"
    assert fetch_address(f"{raw_server.url}/untagged.pth").read_bytes() == b"first"
    assert len(raw_server.requests) == 1
    clear_cache()
    assert fetch_address(f"{raw_server.url}/untagged.pth") == path
    assert path.read_bytes() == b"second"


def test_where_the_server_is_away_the_copy_is_used_with_a_warning(raw_server, files, caplog):
    files["/best.pth"] = b"first"
    path = fetch_address(f"{raw_server.url}/best.pth")
    del files["/best.pth"]
    assert fetch_address(f"{raw_server.url}/best.pth") == path
    assert f"404 Not Found; the copy at {path} is used" in caplog.text


def test_offline_the_copy_is_used_and_nothing_asked(raw_server, files, monkeypatch):
    files["/best.pth"] = b"first"
    path = fetch_address(f"{raw_server.url}/best.pth")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert fetch_address(f"{raw_server.url}/best.pth") == path
    assert len(raw_server.requests) == 1
    with pytest.raises(DownloadError, match="offline"):
        fetch_address(f"{raw_server.url}/other.pth")


@pytest.mark.parametrize(
    "path", ["/" + "x" * 300 + ".pth", "/grüße/ä b.pth", "/", "/a/..", "/.hidden", "/CON:x.pth"]
)
def test_any_last_part_of_an_address_gives_a_name(raw_server, files, path):
    raw_server.answer = lambda connection, head: connection.sendall(reply(b"weights"))
    found = fetch_address(raw_server.url + path)
    assert found.read_bytes() == b"weights"
    assert len(f".{found.name}.rtmpose3d.json".encode()) < 255


def test_a_password_is_sent_and_shown_nowhere(raw_server, files, caplog):
    host = raw_server.url.removeprefix("http://")
    with pytest.raises(DownloadError, match="404") as caught:
        fetch_address(f"http://me:secret@{host}/best.pth")
    assert "Authorization: Basic" in raw_server.requests[0]
    assert "secret" not in str(caught.value) + caplog.text
    with pytest.raises(DownloadError, match="is not an address"):
        fetch_address("http://me:secret@/best.pth")


@given(text=st.text(max_size=300))
def test_names_are_plain_and_different(text):
    try:
        name = cached_name("http://host/" + text)
    except InputError:
        return
    assert Path(name).name == name
    assert name.isascii()
    assert len(name) < 130
    assert cached_name(f"http://other/{text}") != name
