"""Clearing deletes what we put there, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rtmpose3d.weights import CACHE_DIR, cache_dir, clear_cache
from rtmpose3d.weights.download.cache import (
    RECORD,
    hub_cache_dir,
    lock_of,
    read_record,
    remember_folder,
    remember_ours,
    stamp_of,
    update_record,
)


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Every test has its own home, cache and hub cache."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("RTMPOSE3D_CACHE", str(tmp_path / "cache"))


def put(folder: Path, name: str, *, ours: bool) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(b"weights")
    if ours:
        remember_ours(folder, {name: stamp_of(path)})
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


def test_the_hubs_cache_follows_its_variables(tmp_path, monkeypatch):
    assert hub_cache_dir() == tmp_path / "hf" / "hub"
    assert hub_cache_dir(tmp_path / "mine") == tmp_path / "mine"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub2"))
    assert hub_cache_dir() == tmp_path / "hub2"


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


def test_clearing_takes_unfinished_downloads(tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    remember_ours(folder, {"a.pth": None})
    for name in ("a.pth.partial", "a.pth.partial.json", "b.pth.partial"):
        (folder / name).write_bytes(b"x")
    assert {path.name for path in clear_cache()} == {"a.pth.partial", "a.pth.partial.json"}
    assert (folder / "b.pth.partial").exists()


def test_clearing_finds_every_folder_that_was_ever_used(tmp_path):
    first, second = tmp_path / "one", tmp_path / "two"
    files = [put(folder, "a.pth", ours=True) for folder in (first, second, tmp_path / "cache")]
    for folder in (first, second, first):
        remember_folder(folder)
    assert read_record(tmp_path / "cache").folders == (str(first), str(second))
    assert set(clear_cache()) == set(files)
    assert read_record(tmp_path / "cache").folders == ()


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
    remember_ours(folder, {"a.pth": stamp_of(outside)})
    assert clear_cache() == []
    assert outside.exists()


def test_a_tampered_record_does_not_lead_out_of_the_folder(tmp_path):
    outside = put(tmp_path, "outside.pth", ours=False)
    folder = tmp_path / "cache"
    folder.mkdir()
    names = {"../outside.pth": list(stamp_of(outside)), str(outside): list(stamp_of(outside))}
    (folder / RECORD).write_text(json.dumps({"ours": names, "verified": {}, "folders": []}))
    assert clear_cache() == []
    assert outside.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ours": [1]}', "\x00", '{"ours": {"a": [1]}}'])
def test_a_damaged_record_is_taken_as_empty(tmp_path, text, caplog):
    (tmp_path / RECORD).write_text(text)
    assert read_record(tmp_path).ours == {}
    assert "not readable" in caplog.text


def test_a_file_being_downloaded_is_left(tmp_path):
    folder = tmp_path / "cache"
    file = put(folder, "a.pth", ours=True)
    with lock_of(folder, "a.pth"):
        assert clear_cache() == []
    assert clear_cache() == [file]


def test_two_processes_remember_without_losing_anything(tmp_path):
    code = (
        "import sys, pathlib\n"
        "from rtmpose3d.weights.download.cache import remember_ours\n"
        "for i in range(20): remember_ours(pathlib.Path(sys.argv[1]), {f'{sys.argv[2]}{i}': None})"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], env=environment)
        for name in "ab"
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert len(read_record(tmp_path).ours) == 40


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("rtmpose3d.weights.download.cache.atomic_write", refuse)
    update_record(tmp_path, lambda record: replace(record, folders=("x",)))
    assert read_record(tmp_path).folders == ()
    update_record(tmp_path / "no" / "such", lambda record: replace(record, folders=("x",)))
