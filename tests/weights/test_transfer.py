"""HTTP transfers are resumed, retried and checked, and clear about what went wrong."""

from __future__ import annotations

import errno
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from file_server import BY_URL, DATA, NAME, PATH

from rtmpose3d.errors import DownloadError
from rtmpose3d.weights import clear_cache, fetch
from rtmpose3d.zoo import RemoteFile

pytestmark = pytest.mark.usefixtures("loopback")


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def interrupted(server, folder) -> Path:
    """The first bytes of a download that was given up: the part of the file that is there."""
    server.files[PATH] = DATA
    server.drops, server.drop_after = 1, 1000
    server.states = [200, 503, 503, 503]
    with pytest.raises(DownloadError, match="HTTP 503"):
        fetch(BY_URL)
    server.requests.clear()
    return folder / f"{NAME}.partial"


def test_a_dropped_connection_is_resumed_where_it_broke(server, folder):
    server.files[PATH] = DATA
    server.drops = 3
    assert fetch(BY_URL).read_bytes() == DATA
    assert server.gets(PATH) == [None, "bytes=1000-", "bytes=2000-", "bytes=3000-"]


def test_a_server_without_ranges_is_asked_from_the_start(server, folder):
    server.files[PATH] = DATA
    server.ranges, server.drops = False, 2
    assert fetch(BY_URL).read_bytes() == DATA


def test_a_file_without_a_known_hash_is_never_resumed(server, folder):
    server.files[PATH] = DATA
    server.drops = 2
    assert fetch(replace(BY_URL, sha256_prefix=None)).read_bytes() == DATA
    assert server.gets(PATH) == [None] * 3


def test_a_connection_that_always_drops_at_once_ends_in_an_error(server, folder):
    server.files[PATH] = DATA
    server.drops, server.drop_after = 10_000, 0
    with pytest.raises(DownloadError, match=r"after 0 of 102400 bytes \(4 tries in a row\)"):
        fetch(BY_URL)
    assert len(server.gets(PATH)) == 4


def test_the_next_call_continues_where_the_last_one_stopped(server, interrupted):
    assert interrupted.read_bytes() == DATA[:1000]
    assert fetch(BY_URL).read_bytes() == DATA
    assert server.gets(PATH) == ["bytes=1000-"]
    assert not interrupted.exists()


def test_a_damaged_part_is_dropped_and_the_file_downloaded_again(server, interrupted):
    interrupted.write_bytes(b"x" * 1000)
    assert fetch(BY_URL).read_bytes() == DATA
    assert server.gets(PATH) == ["bytes=1000-", None]


def test_an_answer_to_another_range_is_not_mixed_in(server, interrupted):
    server.shift = 7
    assert fetch(BY_URL).read_bytes() == DATA


@pytest.mark.parametrize("surplus", [b"", b"and more"])
def test_a_part_that_is_already_complete_is_taken_and_a_longer_one_is_not(
    server, interrupted, surplus
):
    interrupted.write_bytes(DATA + surplus)
    assert fetch(BY_URL).read_bytes() == DATA
    assert len(server.gets(PATH)) == (2 if surplus else 1)


def test_clearing_takes_a_part(interrupted):
    assert clear_cache() == [interrupted]
    assert not interrupted.exists()


def test_transient_server_errors_are_tried_again(server, folder):
    server.files[PATH] = DATA
    server.states = [503, 429, 500]
    assert fetch(BY_URL).read_bytes() == DATA


def test_a_web_page_is_not_taken_for_the_file(server, folder):
    server.files[PATH] = b"<html>please log in</html>"
    server.content_type = "text/html; charset=utf-8"
    with pytest.raises(DownloadError, match="web page"):
        fetch(BY_URL)


def test_a_file_of_another_size_is_not_even_downloaded(server, folder):
    server.files[PATH] = DATA
    file = RemoteFile(name=NAME, urls=BY_URL.urls, size_bytes=5)
    with pytest.raises(DownloadError, match="the server has 102400 bytes, 5 are expected"):
        fetch(file)


def test_a_server_that_cannot_be_reached_is_an_error_with_the_way_out(monkeypatch, folder):
    monkeypatch.setenv("RTMPOSE3D_OPENMMLAB_URL", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"(?s)no connection \(.*refused\).*put it at"):
        fetch(BY_URL)


def test_a_full_disk_is_named_and_nothing_is_left_on_it(server, folder, monkeypatch):
    server.files[PATH] = DATA
    real = Path.open

    class Full:
        """A file on a disk with room for nothing."""

        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def flush(self):
            self.file.flush()

        def write(self, data):
            self.file.write(data[:100])
            raise OSError(errno.ENOSPC, "No space left on device")

    def opened(self, mode="r", *args, **kwargs):
        file = real(self, mode, *args, **kwargs)
        return Full(file) if self.name.endswith(".partial") and mode in ("ab", "wb") else file

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        with pytest.raises(DownloadError, match=r"(?s)disk is full.*put it at"):
            fetch(BY_URL)
    assert not list(folder.glob("net*"))
    assert fetch(BY_URL).read_bytes() == DATA


def test_too_little_space_is_found_before_the_first_byte(server, folder, monkeypatch):
    server.files[PATH] = DATA
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(DownloadError, match="0 MB needed, 0 MB free"):
        fetch(BY_URL)
    assert not (folder / NAME).exists()


def test_ctrl_c_keeps_the_part_and_frees_the_lock(server, folder, monkeypatch):
    server.files[PATH] = DATA
    server.drops, server.drop_after = 1, 5000

    def interrupt(seconds):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rtmpose3d.weights.download.transfer._wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch(BY_URL)
    assert (folder / f"{NAME}.partial").stat().st_size == 5000
    assert fetch(BY_URL).read_bytes() == DATA
    assert server.gets(PATH) == [None, "bytes=5000-"]


def test_a_terminal_gets_a_bar_on_stderr(server, capsys, monkeypatch):
    server.files[PATH] = DATA
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    fetch(BY_URL)
    captured = capsys.readouterr()
    assert NAME[:20] in captured.err
    assert captured.out == ""


def test_without_a_terminal_nothing_is_printed(server, capsys):
    server.files[PATH] = DATA
    fetch(BY_URL)
    assert capsys.readouterr() == ("", "")


def test_proxies_of_the_environment_are_honoured(server, monkeypatch):
    monkeypatch.setenv("RTMPOSE3D_OPENMMLAB_URL", "http://nowhere.invalid")
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", server.url)
    server.files[f"http://nowhere.invalid{PATH}"] = DATA
    assert urllib.request.getproxies()["http"] == server.url
    assert fetch(BY_URL).read_bytes() == DATA
