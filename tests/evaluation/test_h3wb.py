"""H3WB's protocol: leaderboard files, and its metrics on images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.annotated_people import Oracle, group_images, record
from rtmpose3d.errors import InputError
from rtmpose3d.evaluation import H3wbProtocol, RunOptions, evaluate
from rtmpose3d.evaluation.protocols.h3wb import match_samples, read_leaderboard, write_leaderboard


def poses(seed: int, people: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal([0, 0, 4], [0.4, 0.6, 0.3], (people, 133, 3))


def test_written_files_are_read_again_unchanged(tmp_path: Path) -> None:
    names, points = ["7", "12", "3"], poses(3)
    write_leaderboard(tmp_path / "a.json", names, points)
    read = read_leaderboard(tmp_path / "a.json")
    assert list(read) == names
    np.testing.assert_allclose(np.stack(list(read.values())), points, atol=1e-6)
    document = json.loads((tmp_path / "a.json").read_text())
    assert document["12"]["keypoints_3d"]["5"]["z"] == pytest.approx(1000 * points[1, 5, 2])


def test_samples_are_paired_by_name_in_any_order(tmp_path: Path) -> None:
    points = poses(4)
    write_leaderboard(tmp_path / "a.json", ["a", "b", "c"], points)
    write_leaderboard(tmp_path / "b.json", ["c", "b", "a"], points[::-1])
    evaluation = H3wbProtocol().score_files(tmp_path / "a.json", tmp_path / "b.json")
    assert set(evaluation.metrics["h3wb_mm"].values()) == {0.0}
    assert "root" not in evaluation.metrics  # no camera is known


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda points: points.pop("5"), "sample 'a': 'keypoints_3d' must hold 133 keypoints"),
        (lambda points: points["5"].pop("z"), "sample 'a', keypoint 5: 'z' must be a finite"),
        (lambda points: points["5"].update(x=float("nan")), "keypoint 5: 'x' must be a finite"),
        (lambda points: points.update({"5": [1, 2, 3]}), "keypoint '5' must be an object"),
    ],
)
def test_broken_files_are_named(change, message: str, tmp_path: Path) -> None:
    write_leaderboard(tmp_path / "a.json", ["a"], poses(0, people=1))
    document = json.loads((tmp_path / "a.json").read_text())
    change(document["a"]["keypoints_3d"])
    (tmp_path / "a.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=message):
        read_leaderboard(tmp_path / "a.json")


def test_predictions_must_be_of_the_same_samples() -> None:
    one = {"a": poses(0, people=1)[0]}
    with pytest.raises(InputError, match="has no pose of sample 'b'"):
        match_samples(one | {"b": one["a"]}, one)
    with pytest.raises(InputError, match="has a pose of the unknown sample 'b'"):
        match_samples(one, one | {"b": one["a"]})


def test_the_six_metrics_come_first(tmp_path: Path) -> None:
    images = group_images(record(tmp_path, i, dataset="h3wb") for i in range(3))
    evaluation = evaluate(Oracle(images), images, H3wbProtocol(), options=RunOptions())
    assert evaluation.tables[0].title == "H3WB's metrics"
    assert evaluation.metrics["h3wb_mm"]["Pelvis aligned MPJPE"] == pytest.approx(0, abs=1e-3)


def test_models_and_annotations_without_3d_are_errors(tmp_path: Path) -> None:
    images = group_images([record(tmp_path, 0, dataset="h3wb")])
    with pytest.raises(InputError, match="need a model with 3D"):
        evaluate(Oracle(images, has_3d=False), images, H3wbProtocol())
