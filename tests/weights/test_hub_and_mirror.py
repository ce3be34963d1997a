"""Files in the cache of the hub's library are used and never changed; tokens; the mirror."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from file_server import BY_HUB, BY_URL, DATA, HUB_PATH, NAME, PATH, PREFIX

from rtmpose3d.errors import DownloadError
from rtmpose3d.weights import clear_cache, fetch, locate
from rtmpose3d.weights.download.hub import hub_cache_dir
from rtmpose3d.zoo import MODELS, RemoteFile
from rtmpose3d.zoo.published import published_file

pytestmark = pytest.mark.usefixtures("loopback")
EITHER = replace(BY_URL, hub_repo="someone/net")
COMMIT = "1" * 40


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "cache"


def put_into_hub_cache(cache: Path, data: bytes) -> Path:
    """A file as the hub's library leaves it: a link of a snapshot to its content."""
    repository = cache / "models--someone--net"
    content, file = repository / "blobs" / PREFIX, repository / "snapshots" / COMMIT / NAME
    for one in (content, file, repository / "refs" / "main"):
        one.parent.mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    content.write_bytes(data)
    file.symlink_to(content)
    return file


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("variable", "below"),
    [
        ("HF_HUB_CACHE", ""),
        ("HUGGINGFACE_HUB_CACHE", ""),
        ("HF_HOME", "hub"),
        ("XDG_CACHE_HOME", "huggingface/hub"),
    ],
)
def test_what_the_hubs_library_downloaded_is_used_and_never_cleared(
    tmp_path, monkeypatch, variable, below
):
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv(variable, str(tmp_path / "other"))
    theirs = put_into_hub_cache(tmp_path / "other" / below, DATA)
    assert hub_cache_dir() == tmp_path / "other" / below
    assert fetch(BY_HUB) == theirs
    assert locate(BY_HUB) == theirs
    assert clear_cache() == []
    assert theirs.read_bytes() == DATA


def test_a_damaged_copy_of_the_hubs_library_stays_and_the_file_is_downloaded(
    server, folder, monkeypatch
):
    theirs = put_into_hub_cache(hub_cache_dir(), DATA[:50])
    server.files[HUB_PATH] = DATA
    with monkeypatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(DownloadError, match="damaged \\("):
            fetch(BY_HUB)
    assert fetch(BY_HUB) == folder / NAME
    assert fetch(BY_HUB).read_bytes() == DATA
    assert theirs.read_bytes() == DATA[:50]


@pytest.mark.parametrize("commit", ["", "../../..", "unknown"])
def test_a_hub_cache_without_the_commit_it_names_holds_no_file(server, commit):
    file = put_into_hub_cache(hub_cache_dir(), DATA)
    (file.parents[2] / "refs" / "main").write_text(commit)
    assert locate(BY_HUB) is None


def test_the_hub_redirects_to_another_host_which_does_not_get_the_token(server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    server.redirects[HUB_PATH] = f"{server.url.replace('127.0.0.1', 'localhost')}/content"
    server.files["/content"] = DATA
    assert fetch(BY_HUB).read_bytes() == DATA
    assert server.tokens == ["Bearer hf_secret", None]


def test_the_token_of_the_hubs_program_is_sent_to_the_hub_alone(server, tmp_path, monkeypatch):
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "token").write_text("hf_file\n")
    server.files[PATH] = DATA
    monkeypatch.setenv("HF_ENDPOINT", f"{server.url}/mirror")
    fetch(EITHER)
    assert server.tokens == ["Bearer hf_file", None]


def test_a_refusal_says_which_variable_gives_access(server):
    server.states = [401]
    with pytest.raises(DownloadError, match=r"HTTP 401 .*needs HF_TOKEN"):
        fetch(BY_HUB)


@pytest.mark.parametrize("status", [429, 503])
def test_a_hub_that_asks_to_wait_for_an_hour_is_left_for_the_address(server, folder, status):
    server.files[PATH] = server.files[HUB_PATH] = DATA
    server.states, server.retry_after = [status] * 4, "3600"
    assert fetch(EITHER) == folder / NAME
    assert len(server.gets(PATH)) == 1


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
