"""Errors in 3D by part: H3WB's official metrics, invariances, and people who do not count."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtmpose3d.evaluation.metrics import (
    keypoint_metrics_3d,
    metrics_3d,
    mpjpe,
    n_mpjpe,
    pa_mpjpe,
    relative_to_root,
    root_metrics,
    select_poses_3d,
)
from rtmpose3d.evaluation.metrics.metrics_3d import OWN_ROOTS, pelvis_aligned_errors_m
from rtmpose3d.evaluation.metrics.mpjpe import auc_3d, pck_3d
from rtmpose3d.evaluation.reports.tables import h3wb_lines
from rtmpose3d.skeletons import HIPS, PART_INDICES

seeds = st.integers(0, 2**32 - 1)
scales = st.floats(0.2, 5)
few = settings(max_examples=25)


def measure(predicted: np.ndarray, truth: np.ndarray, annotated: np.ndarray | None = None):
    known = np.ones(truth.shape[:2], bool) if annotated is None else annotated
    return metrics_3d(select_poses_3d(predicted, truth, known))


def pair(seed: int, people: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal([0, 0, 4], [0.4, 0.6, 0.3], (people, 133, 3))
    return truth + rng.normal(0, 0.05, truth.shape), truth


def rotation(seed: int) -> np.ndarray:
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return matrix * np.sign(np.linalg.det(matrix))


def test_metrics_equal_h3wbs_official_script(golden: Path) -> None:
    with np.load(golden / "eval" / "h3wb_style.npz") as data:
        metrics = measure(data["pred"] / 1000, data["gt"] / 1000)
        names = ("whole", "body", "face", "nose_aligned_face", "hand", "wrist_aligned_hand")
        expected = [float(data[name]) for name in names]
    assert list(h3wb_lines(metrics).values()) == pytest.approx(expected, rel=1e-9)


def test_n_mpjpe_equals_the_reference_where_everything_is_annotated(golden: Path) -> None:
    with np.load(golden / "eval" / "mpjpe.npz") as data:
        predicted, truth, mask, expected = data["pred"], data["gt"], data["mask"], data["n_mpjpe"]
    scale = (predicted * truth).sum((1, 2)) / np.square(predicted).sum((1, 2))  # ignores its mask
    distance = np.linalg.norm(predicted * scale[:, None, None] - truth, axis=2)
    assert distance[mask].mean() == pytest.approx(float(expected), rel=1e-9)
    every = np.ones_like(mask)
    assert n_mpjpe(predicted, truth, every) == pytest.approx(distance.mean(axis=1), rel=1e-9)


@few
@given(seed=seeds, scale=scales)
def test_pa_mpjpe_is_invariant_to_similarity_transforms(seed: int, scale: float) -> None:
    predicted, truth = pair(seed)
    every = np.ones(predicted.shape[:2], bool)
    moved = scale * predicted @ rotation(seed) + [3.0, -2.0, 7.0]
    before, after = (pa_mpjpe(points, truth, every) for points in (predicted, moved))
    np.testing.assert_allclose(before, after, rtol=1e-6)


@few
@given(seed=seeds)
def test_pa_mpjpe_is_not_invariant_to_reflections(seed: int) -> None:
    _, truth = pair(seed)
    every = np.ones(truth.shape[:2], bool)
    assert (pa_mpjpe(truth * [-1, 1, 1], truth, every) > 0.05).all()


@few
@given(seed=seeds, scale=scales)
def test_n_mpjpe_is_invariant_to_the_scale_of_the_pose(seed: int, scale: float) -> None:
    predicted, truth = (relative_to_root(points) for points in pair(seed))
    every = np.ones(predicted.shape[:2], bool)
    before, after = (n_mpjpe(points, truth, every) for points in (predicted, scale * predicted))
    np.testing.assert_allclose(before, after, rtol=1e-9)


@few
@given(seed=seeds)
def test_the_fitted_scale_minimises_the_squared_error(seed: int) -> None:
    predicted, truth = (relative_to_root(points) for points in pair(seed, people=1))
    every = np.ones(predicted.shape[:2], bool)
    scale = float((predicted * truth).sum() / np.square(predicted).sum())
    assert np.square(scale * predicted - truth).sum() <= np.square(predicted - truth).sum() + 1e-12
    fitted = mpjpe(scale * predicted, truth, every)
    assert n_mpjpe(predicted, truth, every) == pytest.approx(fitted)


@few
@given(seed=seeds)
def test_the_order_of_people_does_not_matter(seed: int) -> None:
    predicted, truth = pair(seed, people=4)
    order = np.random.default_rng(seed).permutation(4)
    one, other = measure(predicted, truth), measure(predicted[order], truth[order])
    for part, metrics in one.items():
        assert vars(metrics) == pytest.approx(vars(other[part]), nan_ok=True)


@few
@given(seed=seeds)
def test_a_shift_of_everyone_changes_only_camera_space(seed: int) -> None:
    predicted, truth = pair(seed)
    still, moved = measure(predicted, truth), measure(np.add(predicted, [0, 0, 1.0]), truth)
    assert moved["wholebody"].mpjpe_mm == pytest.approx(still["wholebody"].mpjpe_mm)
    assert moved["hands"].own_root_mpjpe_mm == pytest.approx(still["hands"].own_root_mpjpe_mm)
    assert moved["wholebody"].camera_space_mm > 500 > still["wholebody"].camera_space_mm


def test_errors_are_in_millimetres_from_metres() -> None:
    _, truth = pair(5)
    predicted = truth.copy()
    predicted[:, PART_INDICES["face"]] += [0.03, 0, 0.04]
    face = measure(predicted, truth)["face"]
    assert (face.mpjpe_mm, face.camera_space_mm) == pytest.approx((50, 50))
    assert face.pck_150mm == 1


@pytest.mark.parametrize("part", OWN_ROOTS)
def test_people_without_the_parts_root_do_not_count_for_its_own_alignment(part: str) -> None:
    """Whatever is predicted for the nose or wrist of people without one must not matter."""
    predicted, truth = pair(6)
    root = OWN_ROOTS[part]
    annotated = np.ones((3, 133), bool)
    annotated[1, root] = False
    expected = measure(predicted[[0, 2]], truth[[0, 2]])[part].own_root_mpjpe_mm
    others = np.setdiff1d(PART_INDICES[part], [root])
    assert measure(predicted, truth, annotated)[part].own_root_mpjpe_mm == pytest.approx(expected)
    moved = predicted.copy()
    moved[1, [root, *others]] += 9.0
    assert measure(moved, truth, annotated)[part].own_root_mpjpe_mm == pytest.approx(expected)
    annotated[:, root] = False
    assert math.isnan(measure(predicted, truth, annotated)[part].own_root_mpjpe_mm)


def test_both_hands_are_the_mean_of_the_two_at_their_own_wrists() -> None:
    metrics = measure(*pair(7))
    left, right = metrics["left_hand"], metrics["right_hand"]
    both = metrics["hands"].own_root_mpjpe_mm
    assert both == pytest.approx((left.own_root_mpjpe_mm + right.own_root_mpjpe_mm) / 2)
    assert left.own_root_mpjpe_mm != pytest.approx(right.own_root_mpjpe_mm)


def test_each_hand_is_aligned_separately() -> None:
    _, truth = pair(8)
    predicted = truth.copy()
    predicted[:, PART_INDICES["left_hand"]] += [0.5, 0, 0]  # the other hand stays
    hands = measure(predicted, truth)["hands"]
    assert hands.pa_mpjpe_mm == pytest.approx(0, abs=1e-6)
    assert hands.mpjpe_mm == pytest.approx(250)


def test_a_mean_is_over_keypoints_not_over_people() -> None:
    _, truth = pair(9, people=2)
    annotated = np.zeros((2, 133), bool)
    annotated[:, list(HIPS)] = True
    annotated[0, 23] = annotated[1, 23:26] = True
    predicted = truth.copy()
    predicted[0, 23] += [0.4, 0, 0]
    face = measure(predicted, truth, annotated)["face"]
    assert face.keypoints == 4
    assert face.mpjpe_mm == pytest.approx(100)


def test_aligned_errors_are_means_over_keypoints_too() -> None:
    """The person with more keypoints has the larger weight."""
    predicted, truth = pair(10, people=2)
    truth[0] = predicted[0]  # no error
    annotated = np.zeros((2, 133), bool)
    annotated[:, list(HIPS)] = True
    annotated[0, 23:27], annotated[1, 23:43] = True, True
    face = measure(predicted, truth, annotated)["face"]
    alone = measure(predicted[1:], truth[1:], annotated[1:])["face"]
    assert face.pa_mpjpe_mm == pytest.approx(alone.pa_mpjpe_mm * 20 / 24)
    assert face.n_mpjpe_mm == pytest.approx(alone.n_mpjpe_mm * 20 / 24)


def test_the_distance_from_the_camera_is_measured_at_the_pelvis() -> None:
    _, truth = pair(1, people=2)
    truth[:, list(HIPS), 2] = [[4.0, 4.0], [5.0, 5.0]]
    predicted = truth.copy()
    predicted[0, :, 2] += 0.4
    predicted[1, :, 2] -= 0.25
    metrics = root_metrics(select_poses_3d(predicted, truth, np.ones((2, 133), bool)))
    assert metrics.depth_mm == pytest.approx(325)
    assert metrics.depth_share == pytest.approx((0.1 + 0.05) / 2)
    assert metrics.bias_share == pytest.approx((0.1 - 0.05) / 2)


def test_only_annotated_keypoints_of_detected_people_with_a_pelvis_count() -> None:
    predicted, truth = pair(2)
    annotated = np.ones((3, 133), bool)
    annotated[0, 91:] = False  # no hands
    annotated[1, 11] = False  # no pelvis
    predicted[0, 91:] += 50.0
    predicted[2] = np.nan  # not detected
    metrics = measure(predicted, truth, annotated)
    assert (metrics["wholebody"].keypoints, metrics["hands"].keypoints) == (91, 0)
    assert metrics["wholebody"].mpjpe_mm < 200
    assert math.isnan(metrics["hands"].mpjpe_mm)
    assert math.isnan(metrics["left_hand"].own_root_mpjpe_mm)
    errors = pelvis_aligned_errors_m(predicted, truth, annotated)
    assert np.isnan(errors[1:]).all()
    count, _, _ = keypoint_metrics_3d(errors)["nose"]
    assert count == 1


def test_keypoints_with_an_unknown_position_do_not_count() -> None:
    predicted, truth = pair(3)
    annotated = np.ones((3, 133), bool)
    annotated[:, 40:60] = False
    expected = measure(predicted, truth, annotated)
    truth[:, 40:60] = np.nan
    for part, metrics in measure(predicted, truth).items():
        assert vars(metrics) == pytest.approx(vars(expected[part]), nan_ok=True)


def test_metrics_of_every_keypoint_are_named_in_order() -> None:
    _, truth = pair(4)
    predicted = truth.copy()
    predicted[:, 10] += [0, 0.2, 0]
    table = keypoint_metrics_3d(pelvis_aligned_errors_m(predicted, truth, np.ones((3, 133), bool)))
    assert table["right_wrist"] == (3, pytest.approx(200), 0)
    assert table["left_wrist"] == (3, pytest.approx(0), 1)


def test_pck_and_auc_known_by_hand() -> None:
    errors = np.array([0.0, 0.1, 0.15, 0.2])
    assert pck_3d(errors) == pytest.approx(0.75)
    steps = [0.25] * 20 + [0.5] * 10 + [0.75]  # 0 to 95 mm, 100 to 145 mm, 150 mm
    assert auc_3d(errors) == pytest.approx(np.mean(steps))
    assert math.isnan(auc_3d(np.zeros(0)))
    assert pck_3d(np.array([np.nan, 0.1])) == pytest.approx(0.5)
