"""Weights on this disk: downloaded, checked, noticed when damaged, named by their model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from raw_server import reply
from rtmpose3d.cli.checks import check_weights
from rtmpose3d.cli.commands import train
from rtmpose3d.zoo import MODELS, resolve

DATA = bytes(range(256)) * 30
NAMES = ("rtmw3d-l", "rtmdet-m")


@pytest.fixture
def published(raw_server, tmp_path, monkeypatch):
    """Two models whose files a server on the loopback has."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("rtmpose3d.weights.download.transfer._wait", lambda seconds: None)
    for name in NAMES:
        file = replace(
            MODELS[name].file,
            urls=(f"{raw_server.url}/{name}.pth",),
            hub_repo=None,
            sha256_prefix=hashlib.sha256(DATA).hexdigest()[:8],
        )
        monkeypatch.setitem(MODELS, name, replace(MODELS[name], file=file))
    raw_server.answer = lambda connection, head: connection.sendall(reply(DATA))
    return tmp_path / "weights"


def test_download_fetches_a_model_and_its_detector_and_prints_where(cli, published, raw_server):
    done = cli("download", "rtmw3d-l", "--cache-dir", str(published))
    assert done.exit_code == 0, done.output
    for name in NAMES:
        path = published / MODELS[name].file.name
        assert f"{name}: {path}" in done.output
        assert path.read_bytes() == DATA
    again = cli("download", "rtmw3d-l", "rtmdet-m", "rtmw3d-n", "--cache-dir", str(published))
    assert again.exit_code == 0
    assert len(raw_server.requests) == 2


def test_download_continues_after_a_failure_and_exits_with_1(cli, published, raw_server):
    raw_server.answer = lambda connection, head: connection.sendall(
        reply(DATA) if "rtmdet" in head else reply(status="404 Not Found")
    )
    done = cli("download", "rtmw3d-l", "--cache-dir", str(published))
    assert done.exit_code == 1
    assert "rtmw3d-l: failed: cannot fetch" in done.output
    assert f"rtmdet-m: {published}" in done.output
    assert cli("download", "no-such-model").exit_code == 2


def test_download_of_a_model_without_its_detector(cli, published, raw_server):
    done = cli("download", "rtmw3d-l", "--no-detector", "--cache-dir", str(published))
    assert done.exit_code == 0
    assert len(raw_server.requests) == 1


@pytest.mark.parametrize("damage", [DATA[:5000], b"", DATA[:-1] + b"x"])
def test_damaged_files_are_called_damaged(cli, published, damage):
    cli("download", "rtmw3d-l", "--cache-dir", str(published))
    assert check_weights(published).status == "OK"
    (published / MODELS["rtmw3d-l"].file.name).write_bytes(damage)
    check = check_weights(published)
    assert check.status == "FAIL"
    assert "damaged: rtmw3d-l (" in check.found
    assert check.advice == "rtmpose3d download rtmw3d-l"
    rows = json.loads(cli("models", "--json", "--cache-dir", str(published)).output)
    faults = {row["name"]: row["fault"] for row in rows if row["fault"]}
    assert list(faults) == ["rtmw3d-l"]
    assert "damaged" in cli("models", "--cache-dir", str(published)).output


def test_the_weights_of_a_training_may_be_named_by_a_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train._weights_file(Path("rtmw3d-n")) == resolve("rtmw3d-n").file.path
    assert train._weights_file(Path("mine.pth")) == Path("mine.pth")
    (tmp_path / "rtmw3d-n").touch()
    assert train._weights_file(Path("rtmw3d-n")) == Path("rtmw3d-n")
