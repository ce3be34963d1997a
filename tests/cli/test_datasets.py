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
from made_up_sets import MadeUpSet

run = CliRunner().invoke
OTHER_FILE = ["--annotations", "annotations/coco_wholebody_val_v1.0.json"]


@pytest.fixture
def made_up(tmp_path):
    return MadeUpSet(tmp_path / "coco")


def check(made_up, *arguments):
    command = ["datasets", "check", made_up.name, str(made_up.folder), "--split", made_up.split]
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


def test_the_paper_s_seventeen_datasets_three_to_evaluate_on_and_rendered_people_are_listed():
    assert len(DATASETS) == 17 + 3 + 1
    assert {name for name, spec in DATASETS.items() if spec.has_3d} == {
        *("interhand2.6m", "h3wb", "ubody3d", "dna-rendering", "h36m", "mpi-inf-3dhp", "rendered")
    }


def test_a_check_counts_and_draws(made_up, tmp_path):
    sheet = tmp_path / "sheet.png"
    result = check(made_up, *OTHER_FILE, "--preview", str(sheet))
    assert result.exit_code == 0, result.output
    assert "3 people in 2 images, 2 of them opened" in result.output
    assert "body 51, feet 18, face 204, left_hand 63, right_hand 63" in result.output
    assert "  ok\n" in result.output
    assert cv2.imread(str(sheet)).shape[2] == 3


def test_a_check_with_problems_names_them_and_fails(made_up):
    (made_up.images / "8.jpg").unlink()
    result = check(made_up, *OTHER_FILE)
    assert result.exit_code == 1
    assert f"{made_up.file}, annotation 1 (id 101): its image" in result.output
    assert "2 problems" in result.output
    assert check(made_up).exit_code == 1  # other numbers than published


def test_without_a_split_all_existing_splits_are_checked(made_up):
    result = run(app, ["datasets", "check", made_up.name, str(made_up.folder)])
    assert "coco-wholebody, val:" in result.output
    assert "coco-wholebody, train:" not in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing", "."], "unknown dataset 'nothing'"),
        (["wflw", "."], "there is no annotation file"),
        (["wflw", ".", "--split", "x"], "unknown split of wflw 'x'"),
        (["wflw", ".", "--images", "some"], "expected a number of images, or all"),
        (["wflw", "no-folder"], "no-folder is no folder"),
    ],
)
def test_usage_errors_are_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(app, ["datasets", "check", *arguments])
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_a_preview_needs_a_known_ending(made_up, tmp_path):
    result = check(made_up, *OTHER_FILE, "--preview", str(tmp_path / "sheet.gif"))
    assert result.exit_code == 2
    assert "unknown suffix '.gif' of an image file" in result.output
