"""The commands of docs/reproduce.md run on mmpose's annotation samples."""

from __future__ import annotations

import json
import runpy
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rtmpose3d.cli.app import app

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = (ROOT / "docs" / "reproduce.md").read_text("utf-8")
COMMANDS = [line for line in DOCUMENT.splitlines() if line.startswith("rtmpose3d ")]
ON_SAMPLES = "--allow-missing --on-bad skip --steps 2 --batch-size 2"


@pytest.fixture(scope="module")
def folder(shared, tmp_path_factory):
    """A folder with the samples in `data`, laid out as datasets."""
    folder = tmp_path_factory.mktemp("reproduce")
    script = str(ROOT / "benchmarks" / "lay_out_samples.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(script).parent)  # as for a script that is run
        patch.setattr(sys, "argv", [script, str(shared / "samples"), str(folder / "data")])
        runpy.run_path(script, run_name="__main__")
    return folder


def run(line, *more):
    return CliRunner().invoke(app, [*shlex.split(line)[1:], *map(str, more)])


@pytest.mark.parametrize("line", [line for line in COMMANDS if " train " in line])
def test_trainings_find_their_data(folder, monkeypatch, line):
    monkeypatch.chdir(folder)
    assert ON_SAMPLES in DOCUMENT
    result = run(line, *ON_SAMPLES.split(), "--dry-run")
    assert result.exit_code == 0, result.output
    assert "coco-wholebody@train: 3 people" in result.output
    assert "2 of 2 images" in result.output


def test_an_incomplete_download_is_reported(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (line,) = (line for line in COMMANDS if " datasets " in line)
    result = run(line)
    assert result.exit_code == 1
    assert "the files list 4 images, expected 5000" in result.output


def test_average_precision_is_measured(folder, shared, monkeypatch):
    monkeypatch.chdir(folder)
    (line,) = (line for line in COMMANDS if "evaluate coco-wholebody" in line)
    boxes = shared / "samples" / "coco" / "test_coco_det_AP_H_56.json"
    line = line.replace("detections.json", str(boxes)).replace("rtmw-l-384x288", "rtmw3d-n")
    result = run(line, "--skip-bad")
    assert result.exit_code == 1, result.output  # two of the four images are missing
    results = json.loads((folder / "evaluation" / "results.json").read_text("utf-8"))
    assert results["flip test"] == "yes"
    assert "2 items skipped" in result.output
