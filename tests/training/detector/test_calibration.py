"""Scores are moved to where inference expects them, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.metrics import AnnotatedBoxes
from rtmpose3d.structures import Detections
from rtmpose3d.training.detector import calibration
from rtmpose3d.training.detector.calibration import calibrate, write_calibrated
from rtmpose3d.weights import read_checkpoint, read_meta, write_torch_file


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
    write_calibrated(tmp_path / "before.pth", -0.25, tmp_path / "after.pth")
    after = read_checkpoint(tmp_path / "after.pth")
    assert after["bbox_head.rtm_cls.0.bias"] == -4.25
    for name in arrays.keys() - {"bbox_head.rtm_cls.0.bias"}:
        np.testing.assert_array_equal(after[name], arrays[name])
    write_torch_file(tmp_path / "other.pth", {"a": np.ones(1, np.float32)})
    with pytest.raises(InputError, match="not the file of a trained detector"):
        write_calibrated(tmp_path / "other.pth", 0.1, tmp_path / "never.pth")
    assert not (tmp_path / "never.pth").exists()


def test_the_slope_spreads_scores_about_the_threshold(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "bbox_head.rtm_cls.0.weight": rng.normal(size=(1, 8, 1, 1)).astype(np.float32),
        "bbox_head.rtm_cls.0.bias": np.array([-0.5], np.float32),
    }
    write_torch_file(tmp_path / "before.pth", arrays, {"meta": {"score_shift": -0.25}})
    write_calibrated(tmp_path / "before.pth", 0.5, tmp_path / "after.pth", slope=3.0)
    after = read_checkpoint(tmp_path / "after.pth")
    features = rng.normal(size=(20, 8)).astype(np.float32)
    before, then = (
        features @ a["bbox_head.rtm_cls.0.weight"].reshape(8) + a["bbox_head.rtm_cls.0.bias"]
        for a in (arrays, after)
    )
    threshold = np.log(0.3 / 0.7)
    np.testing.assert_allclose(then - threshold, 3 * (before + 0.5 - threshold), atol=1e-4)
    assert read_meta(tmp_path / "after.pth") == {"score_shift": 0.25, "score_slope": 3.0}
    with pytest.raises(InputError, match="slope must be above 0"):
        write_calibrated(tmp_path / "before.pth", 0.0, tmp_path / "never.pth", slope=0.0)


def test_scores_are_calibrated_on_the_boxes_of_another_detector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, found = scenes()
    names = [f"{i}.png" for i in range(len(found))]
    for name in names:
        cv2.imwrite(str(tmp_path / name), np.zeros((100, 100, 3), np.uint8))
    np.savez(
        tmp_path / "labels.npz",
        names=np.array(names),
        detector_boxes=np.tile(np.float32([[10, 10, 60, 90], [1, 1, 5, 95]]), (len(names), 1)),
        detector_scores=np.tile(np.float32([0.9, 0.3]), len(names)),
        detector_counts=np.full(len(names), 2),
    )
    write_torch_file(tmp_path / "a.pth", {"bbox_head.rtm_cls.0.bias": np.array([-4.0], np.float32)})
    detections = iter(found)
    monkeypatch.setattr(calibration, "open_detector", lambda *_: None)
    monkeypatch.setattr(calibration, "detect_people", lambda *_, **__: [next(detections)])
    out = tmp_path / "b.pth"
    calibration.main([str(tmp_path / "a.pth"), "--boxes", str(tmp_path), "--out", str(out)])
    expected = calibrate(*scenes(), precision=0.8)
    shifted = read_checkpoint(out)["bbox_head.rtm_cls.0.bias"]
    assert shifted == pytest.approx(-4 + expected.shift)
