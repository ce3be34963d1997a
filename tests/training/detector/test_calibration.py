"""Scores are moved to where inference expects them, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.metrics import AnnotatedBoxes
from rtmpose3d.structures import Detections
from rtmpose3d.training.detector.calibration import calibrate, write_shifted
from rtmpose3d.weights import read_checkpoint, write_torch_file


def scenes(count: int = 50) -> tuple[list[AnnotatedBoxes], list[Detections]]:
    """A person each, found with 0.6, and something else, found with 0.01 to 0.5."""
    person, thing = [10, 10, 60, 90], [70, 5, 95, 95]
    images = [
        AnnotatedBoxes(
            boxes_xyxy=np.array([person], np.float32),
            ignored=np.zeros(1, bool),
            size_wh=(100, 100),
        )
    ] * count
    found = [
        Detections(
            boxes_xyxy=np.array([person, thing], np.float32),
            scores=np.array([0.6, (i + 1) / 100], np.float32),
        )
        for i in range(count)
    ]
    return images, found


def test_the_minimum_score_with_the_precision_becomes_inferences_threshold() -> None:
    result = calibrate(*scenes(), precision=0.8)
    # n objects at or above the score: 50 / (50 + n) >= 0.8 from n = 12 on, which is 0.39
    assert result.score == pytest.approx(0.39, abs=0.011)
    assert result.at_score.precision >= 0.8
    logit = np.log(result.score / (1 - result.score)) + result.shift
    assert 1 / (1 + np.exp(-logit)) == pytest.approx(0.3)


def test_a_precision_that_no_score_has_is_an_error() -> None:
    images, found = scenes()
    lower = [Detections(boxes_xyxy=f.boxes_xyxy[1:], scores=f.scores[1:]) for f in found]
    with pytest.raises(InputError, match="no score of these detections"):
        calibrate(images, lower, precision=0.8)


def test_only_the_scores_biases_move(tmp_path: Path) -> None:
    arrays = {
        "backbone.weight": np.ones((2, 3), np.float32),
        "bbox_head.rtm_cls.0.bias": np.array([-4.0], np.float32),
        "bbox_head.rtm_cls.0.weight": np.ones((1, 2, 1, 1), np.float32),
        "bbox_head.rtm_reg.0.bias": np.zeros(4, np.float32),
    }
    write_torch_file(tmp_path / "before.pth", arrays, {"meta": {"step": 7}})
    write_shifted(tmp_path / "before.pth", -0.25, tmp_path / "after.pth")
    after = read_checkpoint(tmp_path / "after.pth")
    assert after["bbox_head.rtm_cls.0.bias"] == -4.25
    for name in arrays.keys() - {"bbox_head.rtm_cls.0.bias"}:
        np.testing.assert_array_equal(after[name], arrays[name])
    write_torch_file(tmp_path / "other.pth", {"a": np.ones(1, np.float32)})
    with pytest.raises(InputError, match="not the file of a trained detector"):
        write_shifted(tmp_path / "other.pth", 0.1, tmp_path / "never.pth")
    assert not (tmp_path / "never.pth").exists()
