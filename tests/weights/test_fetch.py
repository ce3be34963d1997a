"""Published files come from the disk, the hub or their addresses: complete, checked, once."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from file_server import BY_HUB, BY_URL, DATA, HUB_PATH, NAME, PATH, PREFIX

from rtmpose3d.errors import DownloadError, InputError
from rtmpose3d.weights import LocalCopy, check_copy, clear_cache, fetch, locate
from rtmpose3d.zoo import RemoteFile, resolve

pytestmark = pytest.mark.usefixtures("loopback")
EITHER = replace(BY_URL, hub_repo="someone/net")


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def offline(monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_a_file_comes_by_its_address_and_lands_complete(server, folder):
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


@pytest.mark.usefixtures("offline")
def test_a_hash_found_right_is_not_computed_again_until_the_file_changes(folder, monkeypatch):
    folder.mkdir()
    (folder / NAME).write_bytes(DATA)
    fetch(BY_URL)
    with monkeypatch.context() as patch:
        patch.setattr("hashlib.sha256", lambda: pytest.fail("hashed again"))
        fetch(BY_URL)
    (folder / NAME).write_bytes(DATA[:-1] + b"x")
    with pytest.raises(DownloadError, match="damaged \\("):
        fetch(BY_URL)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("position", range(len(PREFIX)))
@pytest.mark.parametrize("checked", [False, True], ids=["new", "checked before"])
def test_every_digit_of_the_hash_counts(folder, position, checked):
    folder.mkdir()
    (folder / NAME).write_bytes(DATA)
    if checked:
        fetch(BY_URL)
    digits = list(PREFIX)
    digits[position] = "0" if digits[position] != "0" else "1"
    with pytest.raises(DownloadError, match=f"starts with {PREFIX}, {''.join(digits)} is expected"):
        fetch(replace(BY_URL, sha256_prefix="".join(digits)))


@pytest.mark.usefixtures("offline")
def test_a_file_of_another_size_is_refused_and_an_empty_one_always(folder):
    folder.mkdir()
    (folder / NAME).write_bytes(DATA)
    unhashed = RemoteFile(name=NAME)
    assert fetch(replace(unhashed, size_bytes=len(DATA))) == folder / NAME
    with pytest.raises(DownloadError, match=f"it has {len(DATA)} bytes, 5 are expected"):
        fetch(replace(unhashed, size_bytes=5))
    (folder / NAME).write_bytes(b"")
    with pytest.raises(DownloadError, match="it is empty"):
        fetch(unhashed)


def test_a_copy_put_in_place_of_a_download_belongs_to_the_user(server, folder):
    server.files[PATH] = DATA
    fetch(BY_URL)
    (folder / NAME).write_bytes(DATA)
    os.utime(folder / NAME, (0, 0))
    assert fetch(BY_URL) == folder / NAME
    assert clear_cache() == []
    assert (folder / NAME).exists()


def test_two_threads_download_once(server, folder):
    server.files[PATH] = DATA
    server.wait_s = 0.2
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(fetch, [BY_URL, BY_URL]))
    assert paths == [folder / NAME] * 2
    assert len(server.gets(PATH)) == 1


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
    assert f"get the file from one of these addresses and put it at\n  {folder / NAME}" in text
    assert text.count(f"{server.url}{PATH}") == 1


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
@pytest.mark.parametrize("file", [BY_URL, BY_HUB], ids=["url", "hub"])
def test_offline_no_connection_is_tried(no_network, monkeypatch, variable, file):
    monkeypatch.setenv(variable, "1")
    with pytest.raises(DownloadError, match=r"(?s): offline \(.*put it at"):
        fetch(file)
    assert locate(file) is None


def test_a_damaged_copy_is_named_offline_and_replaced_online(server, folder, caplog, monkeypatch):
    server.files[PATH] = DATA
    fetch(BY_URL)
    (folder / NAME).write_bytes(DATA[:100])
    with monkeypatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(DownloadError, match=r"\.pth: damaged \("):
            fetch(BY_URL)
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
        RemoteFile(name="a", urls=("https://a.org/a", "file:///etc/passwd"))
    monkeypatch.setenv("RTMPOSE3D_OPENMMLAB_URL", "file:///etc")
    with pytest.raises(DownloadError, match="must be an http"):
        fetch(BY_URL)


def test_a_custom_folder_is_used_and_remembered_for_clearing(server, folder, tmp_path):
    server.files[PATH] = DATA
    path = fetch(BY_URL, cache_dir=tmp_path / "mine")
    assert path == tmp_path / "mine" / NAME
    assert clear_cache() == [path]


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


@pytest.mark.usefixtures("offline")
def test_a_file_in_a_folder_that_cannot_be_written_is_used(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir()
    (locked / NAME).write_bytes(DATA)
    locked.chmod(0o500)
    assert fetch(BY_URL, cache_dir=locked) == locked / NAME


FETCH = """
import sys
from rtmpose3d.weights import fetch
from rtmpose3d.zoo.remote import RemoteFile
name, repo, prefix, *urls = sys.argv[1:]
print(fetch(RemoteFile(name=name, urls=tuple(urls), hub_repo=repo or None, sha256_prefix=prefix)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("file", [BY_URL, BY_HUB], ids=["url", "hub"])
def test_two_processes_download_once(server, file):
    server.files[PATH] = server.files[HUB_PATH] = DATA
    server.wait_s = 1.0
    words = [file.name, file.hub_repo or "", PREFIX, *file.urls]
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


def test_the_hub_is_asked_once_and_then_never_again(server, folder, request):
    server.files[HUB_PATH] = DATA
    path = fetch(BY_HUB)
    assert path == folder / NAME
    assert path.read_bytes() == DATA
    request.getfixturevalue("no_network")
    assert fetch(BY_HUB) == path
    assert locate(BY_HUB) == path
    assert clear_cache() == [path]


def test_a_custom_folder_holds_the_hubs_files_too(server, tmp_path):
    server.files[HUB_PATH] = DATA
    assert fetch(BY_HUB, cache_dir=tmp_path / "mine") == tmp_path / "mine" / NAME


def test_where_the_hub_fails_the_address_is_tried(server, folder, caplog):
    server.files[PATH] = DATA
    assert fetch(EITHER) == folder / NAME
    assert f"{server.url}{HUB_PATH}: HTTP 404" in caplog.text


def test_where_the_hub_has_the_file_no_address_is_tried(server):
    server.files[PATH] = server.files[HUB_PATH] = DATA
    assert fetch(EITHER).read_bytes() == DATA
    assert server.gets(PATH) == []


def test_addresses_are_tried_in_order_until_one_has_the_file(server, folder):
    server.files["/second"] = server.files["/third"] = DATA
    urls = tuple(f"{server.url}/{name}" for name in ("first", "second", "third"))
    assert fetch(replace(BY_URL, urls=urls)).read_bytes() == DATA
    assert [len(server.gets(path)) for path in ("/first", "/second", "/third")] == [1, 1, 0]


def test_where_every_source_fails_every_one_is_named(server):
    with pytest.raises(DownloadError) as caught:
        fetch(EITHER)
    assert f"{server.url}{HUB_PATH}: HTTP 404" in str(caught.value)
    assert f"{server.url}{PATH}: HTTP 404" in str(caught.value)


def test_a_hub_that_cannot_be_reached_is_an_error_at_once(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(
        "rtmpose3d.weights.download.transfer._wait", lambda seconds: pytest.fail("tried again")
    )
    with pytest.raises(DownloadError, match=f"127\\.0\\.0\\.1:9{HUB_PATH}: no connection"):
        fetch(BY_HUB)


def test_a_wrong_file_on_the_hub_is_refused(server):
    server.files[HUB_PATH] = b"something else"
    with pytest.raises(DownloadError, match=r"the received file is not the published one"):
        fetch(BY_HUB)


# -- all digits of a hash, and checks without a download ---------------------------------------

DIGITS = hashlib.sha256(DATA).hexdigest()


def test_all_digits_of_a_known_hash_are_checked(server, folder):
    server.files[PATH] = DATA
    assert fetch(replace(BY_URL, sha256=DIGITS)) == folder / NAME
    last = "0" if DIGITS[-1] != "0" else "1"
    with pytest.raises(DownloadError, match=r"damaged|not the published one"):
        fetch(replace(BY_URL, sha256=DIGITS[:-1] + last))
    for wrong in (DIGITS[:63], DIGITS.upper(), "0" * 64):
        with pytest.raises(InputError, match="64 lower-case hex digits"):
            replace(BY_URL, sha256=wrong)


@pytest.mark.usefixtures("no_network")
def test_a_copy_is_checked_without_a_download(folder):
    assert check_copy(BY_URL) is None
    folder.mkdir()
    (folder / NAME).write_bytes(DATA)
    assert check_copy(BY_URL) == LocalCopy(path=folder / NAME)
    (folder / NAME).write_bytes(DATA[:5000])
    copy = check_copy(BY_URL)
    assert copy is not None
    assert "is expected" in str(copy.fault)


@pytest.mark.usefixtures("no_network")
def test_a_cut_archive_without_a_known_hash_is_noticed(folder):
    folder.mkdir()
    unhashed = RemoteFile(name="net.pth")
    with zipfile.ZipFile(folder / "net.pth", "w") as archive:
        archive.writestr("data", bytes(5000))
    assert check_copy(unhashed) == LocalCopy(path=folder / "net.pth")
    (folder / "net.pth").write_bytes((folder / "net.pth").read_bytes()[:3000])
    assert check_copy(unhashed) == LocalCopy(path=folder / "net.pth", fault="it is cut short")
    assert check_copy(resolve("rtmw3d-n").file).fault is None
