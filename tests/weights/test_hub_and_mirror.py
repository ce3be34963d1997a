"""The hub's cache is cleared of what was downloaded; the mirror replaces a dead server."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from file_server import BY_HUB, BY_URL, DATA, HUB_PATH, NAME, PATH, PREFIX

from rtmpose3d.errors import DownloadError
from rtmpose3d.weights import clear_cache, fetch
from rtmpose3d.zoo import MODELS, RemoteFile
from rtmpose3d.zoo.published import published_file

pytestmark = pytest.mark.usefixtures("loopback")
EITHER = replace(BY_URL, hub_repo="someone/net")


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "cache"


def test_clearing_takes_from_the_hubs_cache_what_was_downloaded_and_leaves_the_rest(server):
    server.files[HUB_PATH] = DATA
    ours = fetch(BY_HUB)
    repository = ours.parents[2]
    theirs = [repository / "mine.txt", ours.parent / "notes.md"]
    for file in theirs:
        file.write_text("mine")
    content = ours.resolve()
    assert clear_cache() == [ours]
    assert not ours.exists()
    assert not content.exists()
    assert all(file.read_text() == "mine" for file in theirs)


def test_clearing_leaves_what_another_program_downloaded_to_the_hubs_cache(server):
    from huggingface_hub import hf_hub_download

    server.files[HUB_PATH] = DATA
    theirs = Path(hf_hub_download("someone/net", NAME, endpoint=server.url))
    assert fetch(BY_HUB) == theirs
    assert clear_cache() == []
    assert theirs.read_bytes() == DATA


def test_a_file_of_two_commits_stays_for_the_other_one(server):
    server.files[HUB_PATH] = DATA
    ours = fetch(BY_HUB)
    other = ours.parents[1] / "other" / NAME
    other.parent.mkdir()
    other.symlink_to(ours.resolve())
    assert clear_cache() == [ours]
    assert other.read_bytes() == DATA


@pytest.mark.parametrize("status", [429, 503])
def test_a_hub_that_asks_to_wait_for_an_hour_is_left_for_the_address(server, folder, status):
    server.files[PATH] = server.files[HUB_PATH] = DATA
    server.states, server.retry_after = [status], "3600"
    assert fetch(EITHER) == folder / NAME
    assert server.gets(HUB_PATH) == []


def test_a_hub_that_stalls_is_left_for_the_address(server, folder, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr("rtmpose3d.weights.download.hub.STALL_S", 0.2)
    monkeypatch.setattr("rtmpose3d.weights.download.hub._POLL_S", 0.05)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *a, **k: release.wait(30))
    server.files[PATH] = DATA
    assert fetch(EITHER) == folder / NAME
    release.set()


# -- the second source -------------------------------------------------------------------------

MIRROR_PATH = f"/Tau-J/RTMPose/resolve/main/{NAME}"
DEAD = "http://127.0.0.1:9"


def copied_file() -> RemoteFile:
    """A file of the model table's kind, of which OpenMMLab's server and the mirror have copies."""
    return replace(published_file(f"projects/{NAME}"), sha256_prefix=PREFIX)


def test_every_file_below_projects_has_the_mirror_as_its_second_source():
    files = [spec.file for spec in MODELS.values() if isinstance(spec.file, RemoteFile)]
    below = [file for file in files if file.urls and "/projects/" in file.urls[0]]
    assert len(below) > 10
    for file in below:
        path = file.urls[0].partition("/projects/")[2]
        assert file.urls[1] == f"https://huggingface.co/Tau-J/RTMPose/resolve/main/{path}"
    others = [file for file in files if file.urls and file not in below]
    assert all(file.hub_repo for file in others)


def test_a_dead_first_host_gives_way_to_the_mirror(server, folder, monkeypatch, caplog):
    monkeypatch.setenv("RTMPOSE3D_OPENMMLAB_URL", DEAD)
    server.files[MIRROR_PATH] = DATA
    assert fetch(copied_file()) == folder / NAME
    assert (folder / NAME).read_bytes() == DATA
    assert f"{DEAD}/projects/{NAME}: no connection" in caplog.text


def test_the_mirrors_file_is_verified_by_its_hash(server, folder, monkeypatch):
    monkeypatch.setenv("RTMPOSE3D_OPENMMLAB_URL", DEAD)
    server.files[MIRROR_PATH] = b"something else"
    with pytest.raises(DownloadError, match=f"{PREFIX} is expected"):
        fetch(copied_file())
    assert not list(folder.glob("net*"))


def test_a_wrong_file_of_the_first_source_gives_way_to_the_mirror(server, folder):
    server.files[PATH], server.files[MIRROR_PATH] = b"something else", DATA
    assert fetch(copied_file()).read_bytes() == DATA


def test_two_dead_hosts_are_one_message_with_both_reasons_in_lines(monkeypatch, folder):
    monkeypatch.setenv("RTMPOSE3D_OPENMMLAB_URL", DEAD)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:10")
    with pytest.raises(DownloadError) as caught:
        fetch(copied_file())
    lines = str(caught.value).splitlines()
    assert lines[0] == f"cannot fetch {NAME}"
    assert lines[1].startswith(f"  - {DEAD}/projects/{NAME}: no connection")
    assert lines[2].startswith(f"  - http://127.0.0.1:10{MIRROR_PATH}: no connection")
    assert lines[3:] == [
        "By hand: get the file from one of these addresses and put it at",
        f"  {folder / NAME}",
    ]
