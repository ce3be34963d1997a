"""Errors in 3D, on numbers whose answer is known and compared with the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.evaluation.metrics import align_similarity, mpjpe, pa_mpjpe, relative_to_root


def moved(points: np.ndarray, scale: float) -> np.ndarray:
    a, b = np.deg2rad([31, -58])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return scale * points @ (about_z @ about_x) + [0.3, -2.0, 5.0]


def person(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.5, (2, 133, 3))


def test_a_constant_shift_is_the_error_and_vanishes_relative_to_the_root() -> None:
    truth = person()
    predicted = np.add(truth, [0.03, 0.0, 0.04])
    all_annotated = np.ones((2, 133), bool)
    assert mpjpe(predicted, truth, all_annotated) == pytest.approx([0.05, 0.05])
    centred = mpjpe(relative_to_root(predicted), relative_to_root(truth), all_annotated)
    assert centred == pytest.approx([0, 0], abs=1e-12)


def test_unannotated_keypoints_neither_count_nor_help_to_align() -> None:
    truth = person()
    predicted = np.stack([moved(points, 1.3) for points in truth])
    annotated = np.zeros((2, 133), bool)
    annotated[:, ::3] = True
    predicted[~annotated] += 7.0
    assert pa_mpjpe(predicted, truth, annotated) == pytest.approx([0, 0], abs=1e-12)
    assert (pa_mpjpe(predicted, truth, np.ones_like(annotated)) > 0.1).all()


def test_alignment_does_not_reflect() -> None:
    truth = person()[0]
    reflected = truth * [-1, 1, 1]
    assert np.abs(align_similarity(reflected, truth) - truth).max() > 0.1


def test_people_with_too_few_annotated_keypoints_have_no_error() -> None:
    truth = person()
    annotated = np.zeros((2, 133), bool)
    annotated[0, :2] = True
    assert np.isnan(mpjpe(truth, truth, annotated)).tolist() == [False, True]
    assert np.isnan(pa_mpjpe(truth, truth, annotated)).tolist() == [True, True]


def test_identical_points_are_moved_to_the_centre() -> None:
    aligned = align_similarity(np.ones((5, 3)), person()[0, :5])
    np.testing.assert_allclose(aligned, np.tile(person()[0, :5].mean(axis=0), (5, 1)))


def test_errors_equal_the_reference(golden: Path) -> None:
    with np.load(golden / "eval" / "mpjpe.npz") as data:
        predicted, truth, mask = data["pred"], data["gt"], data["mask"]
        expected, aligned, p_expected = data["mpjpe"], data["procrustes_aligned"], data["p_mpjpe"]
    ours = np.linalg.norm(predicted - truth, axis=2)[mask].mean()
    assert ours == pytest.approx(float(expected), rel=1e-6)
    all_annotated = np.ones_like(mask)  # the reference's alignment ignores its mask
    for i in range(len(predicted)):
        np.testing.assert_allclose(align_similarity(predicted[i], truth[i]), aligned[i], atol=1e-6)
    distance = np.linalg.norm(aligned - truth, axis=2)
    assert distance[mask].mean() == pytest.approx(float(p_expected), rel=1e-6)
    assert pa_mpjpe(predicted, truth, all_annotated) == pytest.approx(
        distance.mean(axis=1), rel=1e-5
    )


def test_hip_centred_errors_equal_the_official_script_of_h3wb(golden: Path) -> None:
    with np.load(golden / "eval" / "h3wb_style.npz") as data:
        predicted, truth = data["pred"], data["gt"]
        expected = {part: float(data[part]) for part in ("whole", "body", "face", "hand")}
    ranges = {
        "whole": slice(0, 133),
        "body": slice(0, 23),
        "face": slice(23, 91),
        "hand": slice(91, 133),
    }
    distance = np.linalg.norm(relative_to_root(predicted) - relative_to_root(truth), axis=2)
    for part, indices in ranges.items():
        assert distance[:, indices].mean() == pytest.approx(expected[part], rel=1e-6)
