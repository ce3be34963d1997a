"""OKS and average precision, known by hand and compared with the official evaluation."""

from __future__ import annotations

import json
import math
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.evaluation.metrics import OksImage, average_precision, oks_matrix
from rtmpose3d.skeletons import WHOLEBODY

PARTS = {  # official name: field of the annotation, indices, validity flag
    "body": ("keypoints", slice(0, 17), None),
    "foot": ("foot_kpts", slice(17, 23), "foot_valid"),
    "face": ("face_kpts", slice(23, 91), "face_valid"),
    "lefthand": ("lefthand_kpts", slice(91, 112), "lefthand_valid"),
    "righthand": ("righthand_kpts", slice(112, 133), "righthand_valid"),
}


def image(oks: list[list[float]], scores: list[float], ignored: tuple[int, ...] = ()) -> OksImage:
    matrix = np.array(oks, float).reshape(len(scores), -1 if scores else 0)
    ignored_rows = np.isin(np.arange(matrix.shape[1]), ignored)
    return OksImage(oks=matrix, scores=np.array(scores), ignored=ignored_rows, crowd=ignored_rows)


def test_similarity_known_by_hand() -> None:
    sigmas = np.array([0.1, 0.05])
    truth_points = np.array([[[40.0, 30.0], [90.0, 10.0]]])
    predicted = np.add(truth_points, [[[6.0, 8.0], [0.0, 0.0]]])  # the first is off by 10 px
    area, box = np.array([2500.0]), np.array([[20.0, 5.0, 95.0, 60.0]])
    both = oks_matrix(predicted, truth_points, np.ones((1, 2), bool), area, box, sigmas)
    # exponent: 100 / (4 * 0.01) / (2 * 2500) = 0.5
    assert both.item() == pytest.approx((math.exp(-0.5) + 1) / 2)
    second = oks_matrix(predicted, truth_points, np.array([[False, True]]), area, box, sigmas)
    assert second.item() == pytest.approx(1)


def test_perfect_detections_score_one() -> None:
    result = average_precision([image([[1, 0], [0, 1]], [0.9, 0.8])])
    assert (result.ap, result.ap50, result.ap75, result.ar, result.people) == pytest.approx(
        (1, 1, 1, 1, 2)
    )


def test_a_false_detection_above_the_true_one_halves_precision() -> None:
    result = average_precision([image([[0.1], [0.97]], [0.9, 0.8])])
    assert result.ap == pytest.approx(0.5)
    assert result.ar == pytest.approx(1)


def test_a_similarity_counts_up_to_its_threshold() -> None:
    result = average_precision([image([[0.72]], [0.9])])
    assert result.ap == pytest.approx(0.5)  # thresholds .50 to .70
    assert (result.ap50, result.ap75) == pytest.approx((1, 0))


def test_a_person_is_detected_once() -> None:
    result = average_precision([image([[0.99], [0.98]], [0.9, 0.8])])
    assert result.ap == pytest.approx(1)
    result = average_precision([image([[0.99, 0.0], [0.98, 0.0]], [0.9, 0.8])])
    assert result.ap == pytest.approx(51 / 101)  # one of two people: recalls 0 to .50


def test_detections_of_crowds_are_neither_true_nor_false() -> None:
    result = average_precision([image([[0.98, 0], [0.98, 0], [0, 0.99]], [0.9, 0.8, 0.7], (0,))])
    assert (result.ap, result.people) == pytest.approx((1, 1))


def test_without_annotated_people_there_is_no_ap() -> None:
    assert math.isnan(average_precision([image([], [])]).ap)
    assert math.isnan(average_precision([image([[0.9]], [0.5], (0,))]).ap)


@pytest.mark.parametrize("part", PARTS)
def test_metrics_equal_the_official_evaluation(part: str, shared: Path) -> None:
    samples = shared / "samples" / "coco_wholebody_eval"
    truth = json.loads((samples / "example_gt.json").read_text())["annotations"]
    predicted = json.loads((samples / "example_pred.json").read_text())
    official = json.loads((shared / "golden" / "eval" / "official_coco_wholebody.json").read_text())
    expected = official["example"]["results"][part]
    by_image = {
        image: ([a for a in truth if a["image_id"] == image], list(people))
        for image, people in groupby(
            sorted(predicted, key=lambda p: p["image_id"]), lambda p: p["image_id"]
        )
    }
    result = average_precision([_image(*pair, part) for pair in by_image.values()])
    assert result.ap == pytest.approx(expected["AP"], abs=1e-9)
    assert result.ap50 == pytest.approx(expected["AP .5"], abs=1e-9)
    assert result.ap75 == pytest.approx(expected["AP .75"], abs=1e-9)
    assert result.ar == pytest.approx(expected["AR"], abs=1e-9)


def _image(truth: list[dict], predicted: list[dict], part: str) -> OksImage:
    key, indices, valid = PARTS[part]
    truth_points = np.array([a[key] for a in truth]).reshape(len(truth), -1, 3)
    points = np.array([p[key] for p in predicted]).reshape(len(predicted), -1, 3)
    boxes = np.array([a["bbox"] for a in truth])
    boxes[:, 2:] += boxes[:, :2]
    annotated = truth_points[..., 2] > 0
    crowd = np.array([bool(a["iscrowd"]) for a in truth])
    ignored = crowd | ~annotated.any(axis=1)
    if valid is not None:
        ignored |= ~np.array([a[valid] for a in truth])
    areas = np.array([a["area"] for a in truth])
    sigmas = WHOLEBODY.sigmas[indices]
    oks = oks_matrix(points[..., :2], truth_points[..., :2], annotated, areas, boxes, sigmas)
    name = "score" if part == "body" else f"{part}_score"
    scores = np.array([p[name] for p in predicted])
    return OksImage(oks=oks, scores=scores, ignored=ignored, crowd=crowd)
