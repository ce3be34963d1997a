"""Errors in 3D, on numbers whose answer is known and against the reference's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.evaluation import align_similarity, mpjpe, pa_mpjpe, relative_to_root


def turned(points: np.ndarray, scale: float) -> np.ndarray:
    a, b = np.deg2rad([31, -58])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return scale * points @ (about_z @ about_x) + [0.3, -2.0, 5.0]


def person(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.5, (2, 133, 3))


def test_a_constant_shift_is_the_error_and_vanishes_relative_to_the_root() -> None:
    true = person()
    found = np.add(true, [0.03, 0.0, 0.04])
    everything = np.ones((2, 133), bool)
    assert mpjpe(found, true, everything) == pytest.approx([0.05, 0.05])
    centred = mpjpe(relative_to_root(found), relative_to_root(true), everything)
    assert centred == pytest.approx([0, 0], abs=1e-12)


def test_what_is_not_annotated_neither_counts_nor_helps_to_align() -> None:
    true = person()
    found = np.stack([turned(points, 1.3) for points in true])
    annotated = np.zeros((2, 133), bool)
    annotated[:, ::3] = True
    found[~annotated] += 7.0
    assert pa_mpjpe(found, true, annotated) == pytest.approx([0, 0], abs=1e-12)
    assert (pa_mpjpe(found, true, np.ones_like(annotated)) > 0.1).all()


def test_alignment_does_not_mirror() -> None:
    true = person()[0]
    mirrored = true * [-1, 1, 1]
    assert np.abs(align_similarity(mirrored, true) - true).max() > 0.1


def test_people_with_too_little_annotated_get_no_figure() -> None:
    true = person()
    annotated = np.zeros((2, 133), bool)
    annotated[0, :2] = True
    assert np.isnan(mpjpe(true, true, annotated)).tolist() == [False, True]
    assert np.isnan(pa_mpjpe(true, true, annotated)).tolist() == [True, True]


def test_all_points_in_one_place_are_moved_there() -> None:
    aligned = align_similarity(np.ones((5, 3)), person()[0, :5])
    np.testing.assert_allclose(aligned, np.tile(person()[0, :5].mean(axis=0), (5, 1)))


def test_figures_equal_the_references(golden: Path) -> None:
    with np.load(golden / "eval" / "mpjpe.npz") as data:
        found, true, mask = data["pred"], data["gt"], data["mask"]
        expected, aligned, p_expected = data["mpjpe"], data["procrustes_aligned"], data["p_mpjpe"]
    ours = np.linalg.norm(found - true, axis=2)[mask].mean()
    assert ours == pytest.approx(float(expected), rel=1e-6)
    everything = np.ones_like(mask)  # the reference's alignment ignores its mask
    for i in range(len(found)):
        np.testing.assert_allclose(align_similarity(found[i], true[i]), aligned[i], atol=1e-6)
    distance = np.linalg.norm(aligned - true, axis=2)
    assert distance[mask].mean() == pytest.approx(float(p_expected), rel=1e-6)
    assert pa_mpjpe(found, true, everything) == pytest.approx(distance.mean(axis=1), rel=1e-5)


def test_hip_centred_errors_equal_the_official_script_of_h3wb(golden: Path) -> None:
    with np.load(golden / "eval" / "h3wb_style.npz") as data:
        found, true = data["pred"], data["gt"]
        expected = {part: float(data[part]) for part in ("whole", "body", "face", "hand")}
    ranges = {
        "whole": slice(0, 133),
        "body": slice(0, 23),
        "face": slice(23, 91),
        "hand": slice(91, 133),
    }
    distance = np.linalg.norm(relative_to_root(found) - relative_to_root(true), axis=2)
    for part, places in ranges.items():
        assert distance[:, places].mean() == pytest.approx(expected[part], rel=1e-6)
