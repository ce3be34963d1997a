"""`rtmpose3d datasets` as a user runs it."""

import json
import sys
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from rtmpose3d.cli.app import app
from rtmpose3d.data import DATASETS

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from synthetic_dataset import SyntheticDataset

run = CliRunner().invoke
OTHER_FILE = ["--annotations", "annotations/coco_wholebody_val_v1.0.json"]


@pytest.fixture
def synthetic(tmp_path):
    return SyntheticDataset(tmp_path / "coco")


def check(synthetic, *arguments):
    command = [
        "datasets",
        "check",
        synthetic.name,
        str(synthetic.folder),
        "--split",
        synthetic.split,
    ]
    return run(app, [*command, *arguments])


def test_the_list_names_every_dataset_with_its_page():
    result = run(app, ["datasets"])
    assert result.exit_code == 0
    for spec in DATASETS.values():
        assert spec.name in result.output
        assert spec.page in result.output
    rows = json.loads(run(app, ["datasets", "--json"]).output)
    assert [row["name"] for row in rows] == list(DATASETS)
    assert all(row["licence"] and row["splits"] for row in rows)


def test_the_papers_datasets_and_those_of_others_rendered_and_own_people_are_listed():
    assert len(DATASETS) == 17 + 3 + 2 + 2
    assert {name for name, spec in DATASETS.items() if spec.has_3d} == {
        *("interhand2.6m", "h3wb", "ubody3d", "dna-rendering", "h36m", "mpi-inf-3dhp", "rendered")
    }


def test_a_check_counts_and_draws(synthetic, tmp_path):
    sheet = tmp_path / "sheet.png"
    result = check(synthetic, *OTHER_FILE, "--preview", str(sheet))
    assert result.exit_code == 0, result.output
    assert "3 people in 2 images, 2 of them opened" in result.output
    assert "body 51, feet 18, face 204, left_hand 63, right_hand 63" in result.output
    assert "  ok\n" in result.output
    assert cv2.imread(str(sheet)).shape[2] == 3


def test_a_check_with_problems_names_them_and_fails(synthetic):
    (synthetic.images / "8.jpg").unlink()
    result = check(synthetic, *OTHER_FILE)
    assert result.exit_code == 1
    assert f"{synthetic.file}, annotation 1 (id 101): its image" in result.output
    assert "2 problems" in result.output
    assert check(synthetic).exit_code == 1  # other numbers than published


def test_without_a_split_all_existing_splits_are_checked(synthetic):
    result = run(app, ["datasets", "check", synthetic.name, str(synthetic.folder)])
    assert "coco-wholebody, val:" in result.output
    assert "coco-wholebody, train:" not in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing", "."], "unknown dataset 'nothing'"),
        (["wflw", "."], "there is no annotation file"),
        (["wflw", ".", "--split", "x"], "unknown split of wflw 'x'"),
        (["wflw", ".", "--open", "some"], "expected a number of images, or all"),
        (["wflw", "no-folder"], "no-folder is no folder"),
    ],
)
def test_usage_errors_are_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(app, ["datasets", "check", *arguments])
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_a_preview_needs_a_known_ending(synthetic, tmp_path):
    result = check(synthetic, *OTHER_FILE, "--preview", str(tmp_path / "sheet.gif"))
    assert result.exit_code == 2
    assert "unknown suffix '.gif' of an image file" in result.output
