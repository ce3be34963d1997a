"""Clearing deletes what we put there, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rtmpose3d.weights import CACHE_DIR, cache_dir, clear_cache
from rtmpose3d.weights.download.cache import (
    FOLDER_LIST,
    Note,
    download_lock,
    file_state,
    partial_file,
    read_note,
    remember_folder,
    write_note,
)

pytestmark = pytest.mark.usefixtures("own_folders")


def put(folder: Path, name: str, *, ours: bool) -> Path:
    """Write a file as a download of this package leaves it, or as a user does."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(b"weights")
    if ours:
        write_note(path, Note(state=file_state(path), downloaded=True))
    return path


def test_the_default_folder_is_that_of_the_package_before_us(monkeypatch):
    monkeypatch.delenv("RTMPOSE3D_CACHE")
    assert cache_dir() == CACHE_DIR
    assert CACHE_DIR.parts[-3:] == (".cache", "rtmpose3d", "checkpoints")


def test_the_environment_and_the_argument_choose_the_folder(tmp_path):
    assert cache_dir() == tmp_path / "cache"
    assert cache_dir(tmp_path / "mine") == tmp_path / "mine"
    assert cache_dir("~/models").is_absolute()
    assert "~" not in str(cache_dir("~/models"))
    assert cache_dir("relative") == Path.cwd() / "relative"


def test_importing_makes_no_folder(tmp_path):
    code = "import rtmpose3d.weights"
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "USERPROFILE": str(tmp_path)}
    del environment["RTMPOSE3D_CACHE"]
    paths = os.pathsep.join(sys.path)
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**environment, "PYTHONPATH": paths}
    )
    assert list(tmp_path.iterdir()) == []


def test_clearing_leaves_what_the_user_put_there(tmp_path):
    folder = tmp_path / "cache"
    ours = put(folder, "ours.pth", ours=True)
    theirs = put(folder, "theirs.pth", ours=False)
    changed = put(folder, "changed.pth", ours=True)
    changed.write_bytes(b"their own training")
    assert clear_cache() == [ours]
    assert theirs.exists()
    assert changed.read_bytes() == b"their own training"
    assert clear_cache() == []


def test_clearing_takes_a_note_that_belongs_to_no_download_but_not_its_file(tmp_path):
    theirs = put(tmp_path / "cache", "theirs.pth", ours=False)
    write_note(theirs, Note(state=file_state(theirs), sha256_prefix="ab12"))
    assert clear_cache() == []
    assert theirs.exists()
    assert read_note(theirs) == Note()


def test_clearing_leaves_parts_of_files_that_were_never_downloaded(tmp_path):
    folder = tmp_path / "cache"
    theirs = partial_file(put(folder, "theirs.pth", ours=False))
    ours = partial_file(put(folder, "ours.pth", ours=True))
    for part in (theirs, ours):
        part.write_bytes(b"x")
    assert set(clear_cache()) == {ours, folder / "ours.pth"}
    assert theirs.exists()


def test_clearing_finds_every_folder_that_was_ever_used(tmp_path):
    first, second = tmp_path / "one", tmp_path / "two"
    files = [put(folder, "a.pth", ours=True) for folder in (first, second, tmp_path / "cache")]
    for folder in (first, second, first, tmp_path / "cache"):
        remember_folder(folder)
    assert (tmp_path / "cache" / FOLDER_LIST).read_text("utf-8") == f"{first}\n{second}\n"
    assert set(clear_cache()) == set(files)
    assert not (tmp_path / "cache" / FOLDER_LIST).exists()


def test_clearing_one_folder_leaves_the_others(tmp_path):
    mine, default = put(tmp_path / "one", "a.pth", ours=True), put(cache_dir(), "a.pth", ours=True)
    remember_folder(tmp_path / "one")
    assert clear_cache(tmp_path / "one") == [mine]
    assert default.exists()


def test_clearing_where_nothing_is_creates_nothing(tmp_path):
    assert clear_cache() == []
    assert clear_cache(tmp_path / "no") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links_are_not_followed(tmp_path):
    outside = put(tmp_path / "outside", "a.pth", ours=False)
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "a.pth").symlink_to(outside)
    write_note(folder / "a.pth", Note(state=file_state(folder / "a.pth"), downloaded=True))
    assert clear_cache() == []
    assert outside.exists()
    assert (folder / "a.pth").is_symlink()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"states": 1}', "\x00", '"a"', "[1, 2"])
def test_a_damaged_note_is_taken_as_empty(tmp_path, text):
    file = put(tmp_path / "cache", "a.pth", ours=True)
    (tmp_path / "cache" / ".a.pth.rtmpose3d.json").write_text(text)
    assert read_note(file) == Note()
    assert clear_cache() == []
    assert file.exists()


@pytest.mark.parametrize("text", [b"\xff\xfe\n", b"\x00\n\n\n", b"/no/such/folder\n"])
def test_a_damaged_list_of_folders_does_no_harm(tmp_path, text):
    file = put(tmp_path / "cache", "a.pth", ours=True)
    (tmp_path / "cache" / FOLDER_LIST).write_bytes(text)
    assert clear_cache() == [file]


def test_a_file_being_downloaded_is_left(tmp_path):
    file = put(tmp_path / "cache", "a.pth", ours=True)
    with download_lock(file):
        assert clear_cache() == []
    assert clear_cache() == [file]


@pytest.mark.slow
def test_two_processes_list_their_folders_without_losing_any(tmp_path):
    code = (
        "import sys, pathlib\n"
        "from rtmpose3d.weights.download.cache import remember_folder\n"
        "for i in range(20): remember_folder(pathlib.Path(sys.argv[1], f'{sys.argv[2]}{i}'))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], env=environment)
        for name in "ab"
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    lines = (tmp_path / "cache" / FOLDER_LIST).read_text("utf-8").splitlines()
    assert sorted(lines) == sorted(str(tmp_path / f"{name}{i}") for name in "ab" for i in range(20))


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch):
    file = put(tmp_path / "cache", "a.pth", ours=False)
    (tmp_path / "blocked").write_bytes(b"a file where the default folder should be")
    monkeypatch.setenv("RTMPOSE3D_CACHE", str(tmp_path / "blocked"))
    remember_folder(tmp_path / "cache")
    write_note(tmp_path / "no" / "such" / "a.pth", Note(downloaded=True))
    assert read_note(file) == Note()
