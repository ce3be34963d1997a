"""PCK and errors in pixels, on numbers whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.metrics import keypoint_metrics_2d, metrics_2d, relative_errors
from rtmpose3d.skeletons import PART_INDICES, WHOLEBODY

BOXES = np.array([[10.0, 20.0, 60.0, 220.0], [300.0, 50.0, 400.0, 90.0]])  # longer: 200, 100


def people(error_px: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth = np.random.default_rng(0).uniform(0, 300, (2, 133, 2))
    predicted = np.add(truth, [0.6 * error_px, -0.8 * error_px])
    return predicted, truth, np.ones((2, 133), bool)


def pck(predicted, truth, annotated, **more):
    metrics = metrics_2d(relative_errors(predicted, truth, BOXES), annotated, **more)
    return {part: row.pck for part, row in metrics.items()}


def test_errors_are_relative_to_each_boxs_longer_side() -> None:
    predicted, truth, annotated = people(9.99)  # 0.05 of 200, 0.1 of 100
    shares = pck(predicted, truth, annotated)
    assert shares["body"] == shares["right_hand"] == (0.5, 1.0, 1.0)
    counts = metrics_2d(relative_errors(predicted, truth, BOXES), annotated)
    assert {part: row.keypoints for part, row in counts.items()} == {
        "wholebody": 266,
        "body": 34,
        "feet": 12,
        "face": 136,
        "left_hand": 42,
        "right_hand": 42,
    }


def test_an_error_equal_to_the_threshold_is_within_it() -> None:
    errors = np.full((1, 133), 0.125)
    annotated = np.ones((1, 133), bool)
    (share,) = metrics_2d(errors, annotated, parts=["body"], thresholds=[0.125])["body"].pck
    assert share == 1


def test_only_annotated_keypoints_count() -> None:
    predicted, truth, annotated = people(0.0)
    annotated[:] = False
    annotated[0, [0, 5, 17, 91]] = True
    predicted[~annotated] = 1e6
    predicted[0, 5] += 500
    metrics = metrics_2d(relative_errors(predicted, truth, BOXES), annotated)
    assert metrics["body"].pck == (0.5, 0.5, 0.5)
    assert metrics["body"].keypoints == 2
    assert metrics["feet"].pck == (1.0, 1.0, 1.0)
    assert metrics["face"].keypoints == 0
    assert all(math.isnan(value) for value in (*metrics["face"].pck, metrics["face"].mean))


def test_keypoints_of_undetected_people_are_missed_and_have_no_error() -> None:
    predicted, truth, annotated = people(9.99)
    predicted[1] = np.nan
    face = metrics_2d(relative_errors(predicted, truth, BOXES), annotated)["face"]
    assert face.pck == (0.5, 0.5, 0.5)
    assert (face.missed, face.keypoints) == (68, 136)
    assert face.mean == pytest.approx(9.99 / 200)


def test_mean_and_median_are_over_keypoints_not_over_people() -> None:
    annotated = np.zeros((2, 133), bool)
    annotated[0, 0] = annotated[1, :3] = True
    errors = np.zeros((2, 133))
    errors[0, 0], errors[1, :3] = 0.4, (0.1, 0.1, 0.2)
    body = metrics_2d(errors, annotated)["body"]
    assert body.mean == pytest.approx(0.2)
    assert body.median == pytest.approx(0.15)


@given(st.integers(0, 2**32 - 1))
def test_a_part_is_the_pool_of_its_keypoints(seed: int) -> None:
    rng = np.random.default_rng(seed)
    errors, annotated = rng.exponential(0.1, (4, 133)), rng.random((4, 133)) < 0.5
    by_name = keypoint_metrics_2d(errors, annotated)
    for part, row in metrics_2d(errors, annotated).items():
        names = [WHOLEBODY.keypoint_names[i] for i in PART_INDICES[part]]
        counts = [by_name[name].keypoints for name in names]
        assert row.keypoints == sum(counts)
        inside = sum(n * by_name[name].pck[1] for n, name in zip(counts, names, strict=True) if n)
        assert row.pck[1] == pytest.approx(inside / sum(counts))


def test_parts_cover_every_keypoint_once() -> None:
    for parts in (
        ("body", "feet", "face", "hands"),
        ("body_with_feet", "face", "left_hand", "right_hand"),
        ("wholebody",),
    ):
        covered = np.concatenate([PART_INDICES[part] for part in parts])
        assert sorted(covered.tolist()) == list(range(133))
    for part, indices in WHOLEBODY.parts.items():
        np.testing.assert_array_equal(PART_INDICES[part], np.arange(133)[indices])


def test_part_indices_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        PART_INDICES["body"][0] = 5


def test_a_box_without_extent_and_other_shapes_are_errors() -> None:
    predicted, truth, _ = people(0.0)
    with pytest.raises(InputError, match="some extent"):
        relative_errors(predicted, truth, np.array([[5.0, 5, 5, 5], [0.0, 0, 9, 9]]))
    with pytest.raises(InputError, match="must be"):
        relative_errors(predicted[:1], truth, BOXES)
