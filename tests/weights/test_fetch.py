"""Published files come from the disk, the hub or their URL: whole, checked, once."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from rtmpose3d.errors import DownloadError, InputError
from rtmpose3d.weights import clear_cache, fetch, locate
from rtmpose3d.weights.download.cache import read_record
from rtmpose3d.zoo.remote import OPENMMLAB_URL, RemoteFile

DATA = bytes(range(256)) * 400
PREFIX = hashlib.sha256(DATA).hexdigest()[:8]
NAME = f"net-256x192-{PREFIX}_20240101.pth"
PATH = f"/projects/{NAME}"
BY_URL = RemoteFile(name=NAME, url=f"{OPENMMLAB_URL}projects/{NAME}", sha256_prefix=PREFIX)
BY_HUB = RemoteFile(name=NAME, hub_repo="someone/net", sha256_prefix=PREFIX)
HUB_PATH = f"/someone/net/resolve/main/{NAME}"


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch, server):
    """Own caches, the loopback server as hub and mirror, no waiting."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("RTMPOSE3D_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RTMPOSE3D_OPENMMLAB_URL", server.url)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("rtmpose3d.weights.download.transfer._wait", lambda seconds: None)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was touched")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)


def test_a_file_comes_by_its_url_and_lands_whole(server, folder):
    server.files[PATH] = DATA
    assert fetch(BY_URL) == folder / NAME
    assert (folder / NAME).read_bytes() == DATA
    assert [p.name for p in folder.iterdir() if not p.name.startswith(".")] == [NAME]


def test_the_second_time_the_network_is_not_touched(server, folder, request):
    server.files[PATH] = DATA
    fetch(BY_URL)
    request.getfixturevalue("no_network")
    assert fetch(BY_URL) == folder / NAME
    assert locate(BY_URL) == folder / NAME


@pytest.mark.parametrize("file", [BY_URL, BY_HUB], ids=["url", "hub"])
def test_a_file_put_there_by_hand_is_used_and_never_cleared(folder, no_network, file):
    folder.mkdir()
    (folder / NAME).write_bytes(DATA)
    assert fetch(file) == folder / NAME
    assert clear_cache() == []
    assert (folder / NAME).exists()


def test_a_hash_found_right_is_not_computed_again_until_the_file_changes(folder, monkeypatch):
    folder.mkdir()
    (folder / NAME).write_bytes(DATA)
    fetch(BY_URL, offline=True)
    with monkeypatch.context() as patch:
        patch.setattr("hashlib.sha256", lambda: pytest.fail("hashed again"))
        fetch(BY_URL, offline=True)
    (folder / NAME).write_bytes(DATA[:-1] + b"x")
    with pytest.raises(DownloadError, match="is damaged"):
        fetch(BY_URL, offline=True)


def test_a_dropped_connection_is_resumed_where_it_broke(server, folder):
    server.files[PATH] = DATA
    server.drops = 3
    assert fetch(BY_URL).read_bytes() == DATA
    assert server.gets(PATH) == [None, "bytes=1000-", "bytes=2000-", "bytes=3000-"]


def test_a_server_without_ranges_is_asked_from_the_start(server, folder):
    server.files[PATH] = DATA
    server.ranges, server.drops = False, 2
    assert fetch(BY_URL).read_bytes() == DATA


def test_without_a_version_tag_nothing_is_resumed(server, folder):
    server.files[PATH] = DATA
    server.tags, server.drops = False, 2
    assert fetch(BY_URL).read_bytes() == DATA
    assert server.gets(PATH) == [None] * 3


def test_a_connection_that_always_drops_ends_in_an_error_and_keeps_the_part(server, folder):
    server.files[PATH] = DATA
    server.drops, server.drop_after = 10_000, 0
    with pytest.raises(DownloadError, match="connection was lost after 0 of 102400 bytes"):
        fetch(BY_URL)
    assert len(server.gets(PATH)) == 4
    server.drops, server.drop_after = 10_000, 10
    with pytest.raises(DownloadError, match="connection was lost 100 times"):
        fetch(BY_URL)
    assert (folder / f"{NAME}.partial").stat().st_size == 1000
    server.drops = 0
    assert fetch(BY_URL).read_bytes() == DATA
    assert server.gets(PATH)[-1] == "bytes=1000-"


def test_a_file_that_changed_on_the_server_meanwhile_is_not_mixed(server, folder):
    server.files[PATH] = b"old" * 5000
    server.drops, server.drop_after = 10_000, 10
    with pytest.raises(DownloadError):
        fetch(BY_URL)
    server.files[PATH], server.drops = DATA, 0
    assert fetch(BY_URL).read_bytes() == DATA


def test_a_damaged_part_is_dropped_and_the_file_fetched_afresh(server, folder):
    server.files[PATH] = DATA
    server.drops, server.drop_after = 10_000, 10
    with pytest.raises(DownloadError):
        fetch(BY_URL)
    partial = folder / f"{NAME}.partial"
    partial.write_bytes(b"x" * partial.stat().st_size)
    server.drops = 0
    assert fetch(BY_URL).read_bytes() == DATA


def test_a_part_that_is_already_whole_is_taken(server, folder):
    server.files[PATH] = DATA
    server.drops, server.drop_after = 10_000, 10
    with pytest.raises(DownloadError):
        fetch(BY_URL)
    (folder / f"{NAME}.partial").write_bytes(DATA)
    server.drops = 0
    assert fetch(BY_URL).read_bytes() == DATA


def test_passing_server_errors_are_tried_again(server, folder):
    server.files[PATH] = DATA
    server.states = [503, 429, 500]
    assert fetch(BY_URL).read_bytes() == DATA


def test_a_wrong_hash_deletes_the_file_and_says_so(server, folder):
    server.files[PATH] = b"something else"
    with pytest.raises(DownloadError, match=rf"{PREFIX} is expected.*it was deleted"):
        fetch(BY_URL)
    assert not list(folder.glob("net*"))


def test_a_missing_file_says_what_from_where_why_and_where_to_put_it(server, folder):
    with pytest.raises(DownloadError) as caught:
        fetch(BY_URL)
    text = str(caught.value)
    assert f"cannot fetch {NAME}" in text
    assert f"{server.url}{PATH}: HTTP 404" in text
    assert f"get it from {BY_URL.url} and put it at {folder / NAME}" in text


def test_a_web_page_is_not_taken_for_the_file(server, folder):
    server.files[PATH] = b"<html>please log in</html>"
    server.content_type = "text/html; charset=utf-8"
    with pytest.raises(DownloadError, match="web page"):
        fetch(BY_URL)


def test_a_file_of_another_size_is_not_even_fetched(server, folder):
    server.files[PATH] = DATA
    file = RemoteFile(name=NAME, url=BY_URL.url, size_bytes=5)
    with pytest.raises(DownloadError, match="has 102400 bytes, 5 are expected"):
        fetch(file)


def test_a_server_that_is_not_there_is_an_error_with_the_way_out(monkeypatch, folder):
    monkeypatch.setenv("RTMPOSE3D_OPENMMLAB_URL", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"no connection .* \(4 tries in a row\).*put it at"):
        fetch(BY_URL)


def test_offline_no_connection_is_tried(no_network, monkeypatch):
    for file in (BY_URL, BY_HUB):
        with pytest.raises(DownloadError, match=r"offline, so nothing was downloaded.*put it at"):
            fetch(file, offline=True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadError, match="offline"):
        fetch(BY_URL)
    assert locate(BY_HUB) is None


def test_a_damaged_copy_is_named_offline_and_replaced_online(server, folder, caplog):
    server.files[PATH] = DATA
    fetch(BY_URL)
    (folder / NAME).write_bytes(DATA[:100])
    with pytest.raises(DownloadError, match=r"the copy at .* is damaged"):
        fetch(BY_URL, offline=True)
    assert fetch(BY_URL).read_bytes() == DATA
    assert "downloading it again" in caplog.text
    assert (folder / f"{NAME}.replaced").read_bytes() == DATA[:100]


def test_a_model_without_a_published_file_says_so():
    with pytest.raises(DownloadError, match="no file is published"):
        fetch(RemoteFile(name=""))
    with pytest.raises(DownloadError, match="no address of it is known"):
        fetch(RemoteFile(name="mine.pth"))
    assert locate(RemoteFile(name="")) is None


def test_names_with_folders_and_addresses_of_other_kinds_are_refused(monkeypatch):
    for name in ("../a.pth", "a/b.pth", "a\\b.pth", ".hidden", "c:x"):
        with pytest.raises(InputError):
            RemoteFile(name=name)
    with pytest.raises(InputError):
        RemoteFile(name="a", url="file:///etc/passwd")
    monkeypatch.setenv("RTMPOSE3D_OPENMMLAB_URL", "file:///etc")
    with pytest.raises(DownloadError, match="must be an http"):
        fetch(BY_URL)


def test_a_custom_folder_is_used_and_remembered_for_clearing(server, folder, tmp_path):
    server.files[PATH] = DATA
    path = fetch(BY_URL, cache_dir=tmp_path / "mine")
    assert path == tmp_path / "mine" / NAME
    assert read_record(folder).folders == (str(tmp_path / "mine"),)
    assert clear_cache() == [path]


def test_a_full_disk_is_named_and_the_part_kept(server, folder, monkeypatch):
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

        def write(self, data):
            self.file.write(data[:100])
            raise OSError(errno.ENOSPC, "No space left on device")

    def opened(self, mode="r", *args, **kwargs):
        file = real(self, mode, *args, **kwargs)
        return Full(file) if self.name.endswith(".partial") and mode in ("ab", "wb") else file

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        with pytest.raises(DownloadError, match=r"disk is full.*put it at"):
            fetch(BY_URL)
    assert (folder / f"{NAME}.partial").stat().st_size == 100
    assert fetch(BY_URL).read_bytes() == DATA
    assert server.gets(PATH)[-1] == "bytes=100-"


def test_too_little_space_is_found_before_the_first_byte(server, folder, monkeypatch):
    server.files[PATH] = DATA
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(DownloadError, match="0 MB are needed on its disk and 0 MB are free"):
        fetch(BY_URL)
    assert not (folder / NAME).exists()


def test_a_folder_that_cannot_be_made_is_named(server, tmp_path):
    server.files[PATH] = DATA
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DownloadError, match=r"cannot write .*a file, not a folder"):
        fetch(BY_URL, cache_dir=tmp_path / "file" / "cache")


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path):
    server.files[PATH] = DATA
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.access(locked, os.W_OK):
        pytest.skip("this user (root, or on Windows) may write everywhere")
    with pytest.raises(DownloadError, match="permission denied"):
        fetch(BY_URL, cache_dir=locked)


def test_a_file_in_a_folder_that_cannot_be_written_is_used(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir()
    (locked / NAME).write_bytes(DATA)
    locked.chmod(0o500)
    assert fetch(BY_URL, cache_dir=locked, offline=True) == locked / NAME


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


FETCH = """
import sys
from rtmpose3d.weights import fetch
from rtmpose3d.zoo.remote import RemoteFile
name, url, repo, prefix = sys.argv[1:]
print(fetch(RemoteFile(name=name, url=url or None, hub_repo=repo or None, sha256_prefix=prefix)))
"""


@pytest.mark.parametrize("file", [BY_URL, BY_HUB], ids=["url", "hub"])
def test_two_processes_download_once(server, file):
    server.files[PATH] = server.files[HUB_PATH] = DATA
    server.wait_s = 1.0
    words = [file.name, file.url or "", file.hub_repo or "", PREFIX]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", FETCH, *words],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    assert Path(answers[0][0].strip()).read_bytes() == DATA
    assert answers[0][0] == answers[1][0]
    assert len(server.gets(PATH)) + len(server.gets(HUB_PATH)) == 1
    assert "%" not in answers[0][1]  # no bar where there is no terminal


def test_the_hub_is_asked_once_and_then_never_again(server, tmp_path, request):
    server.files[HUB_PATH] = DATA
    path = fetch(BY_HUB)
    assert path.read_bytes() == DATA
    assert path.is_relative_to(tmp_path / "hf" / "hub" / "models--someone--net")
    request.getfixturevalue("no_network")
    assert fetch(BY_HUB) == path
    assert locate(BY_HUB) == path


def test_a_custom_folder_holds_the_hubs_files_too(server, tmp_path):
    server.files[HUB_PATH] = DATA
    path = fetch(BY_HUB, cache_dir=tmp_path / "mine")
    assert path.is_relative_to(tmp_path / "mine" / "models--someone--net")


def test_where_the_hub_fails_the_url_is_tried(server, folder, caplog):
    server.files[PATH] = DATA
    file = RemoteFile(name=NAME, url=BY_URL.url, hub_repo="someone/net", sha256_prefix=PREFIX)
    assert fetch(file) == folder / NAME
    assert "trying its URL" in caplog.text


def test_where_both_fail_both_are_named(server, folder):
    file = RemoteFile(name=NAME, url=BY_URL.url, hub_repo="someone/net", sha256_prefix=PREFIX)
    with pytest.raises(DownloadError) as caught:
        fetch(file)
    assert f"{server.url}/someone/net: HTTP 404" in str(caught.value)
    assert f"{server.url}{PATH}: HTTP 404" in str(caught.value)


def test_a_hub_that_is_not_there_is_an_error_at_once(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *a, **k: pytest.fail("asked"))
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9/someone/net: no connection"):
        fetch(BY_HUB)


def test_a_wrong_file_on_the_hub_is_refused(server):
    server.files[HUB_PATH] = b"something else"
    with pytest.raises(DownloadError, match=r"what the hub sent is not the published file"):
        fetch(BY_HUB)


def test_a_damaged_copy_in_the_hubs_cache_is_fetched_again(server, caplog):
    server.files[HUB_PATH] = DATA
    path = fetch(BY_HUB)
    path.resolve().write_bytes(DATA[:50])
    with pytest.raises(DownloadError, match="is damaged"):
        fetch(BY_HUB, offline=True)
    assert fetch(BY_HUB).read_bytes() == DATA


def test_clearing_takes_the_published_repository_from_the_hubs_cache(server, tmp_path):
    from rtmpose3d.zoo import HUB_REPO

    for repo in (HUB_REPO, "someone/net"):
        server.files[f"/{repo}/resolve/main/{NAME}"] = DATA
    ours = fetch(RemoteFile(name=NAME, hub_repo=HUB_REPO, sha256_prefix=PREFIX))
    theirs = fetch(BY_HUB)
    assert clear_cache() == [ours]
    assert not ours.exists()
    assert theirs.exists()


def test_a_terminal_gets_a_bar_on_stderr(server, capsys):
    server.files[PATH] = DATA
    fetch(BY_URL, progress=True)
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
