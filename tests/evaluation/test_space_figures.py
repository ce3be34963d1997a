"""Errors in 3D by part: the official figures, what must not change them, camera-space errors."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.matching import ComparedPeople
from rtmpose3d.evaluation.metrics.metrics_3d import (
    h3wb_lines,
    keypoint_errors_m,
    keypoint_mpjpe_mm,
    root_figures,
    space_figures,
)
from rtmpose3d.evaluation.metrics.mpjpe import (
    auc_3d,
    mpjpe,
    n_mpjpe,
    pa_mpjpe,
    pck_3d,
    relative_to_root,
)
from rtmpose3d.evaluation.protocols.h3wb_json import compare_h3wb, read_h3wb_json, write_h3wb_json

seeds = st.integers(0, 2**32 - 1)
scales = st.floats(0.2, 5)
quick = settings(max_examples=25, deadline=None)


def compared(found: np.ndarray, true: np.ndarray, annotated: np.ndarray | None = None):
    count = len(true)
    return ComparedPeople(
        names=tuple(str(i) for i in range(count)),
        image_paths=(None,) * count,
        boxes_xyxy=np.tile([0.0, 0.0, 10.0, 20.0], (count, 1)),
        true=np.zeros((count, 133, 2)),
        annotated=np.ones((count, 133), bool) if annotated is None else annotated,
        found=np.zeros((count, 133, 2)),
        oks=np.ones(count),
        true_camera=true,
        found_camera=found,
    )


def pair(seed: int, people: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true = rng.normal([0, 0, 4], [0.4, 0.6, 0.3], (people, 133, 3))
    return true + rng.normal(0, 0.05, true.shape), true


def rotation(seed: int) -> np.ndarray:
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return turn * np.sign(np.linalg.det(turn))


def test_figures_equal_h3wbs_official_script(golden: Path) -> None:
    with np.load(golden / "eval" / "h3wb_style.npz") as data:
        people = compared(data["pred"] / 1000, data["gt"] / 1000)
        names = ("whole", "body", "face", "nose_aligned_face", "hand", "wrist_aligned_hand")
        expected = [float(data[name]) for name in names]
    assert list(h3wb_lines(space_figures(people)).values()) == pytest.approx(expected, rel=1e-9)


def test_n_mpjpe_equals_the_references_where_everything_is_annotated(golden: Path) -> None:
    with np.load(golden / "eval" / "mpjpe.npz") as data:
        found, true, mask, expected = data["pred"], data["gt"], data["mask"], data["n_mpjpe"]
    scale = (found * true).sum((1, 2)) / np.square(found).sum((1, 2))  # it ignores its mask here
    distance = np.linalg.norm(found * scale[:, None, None] - true, axis=2)
    assert distance[mask].mean() == pytest.approx(float(expected), rel=1e-9)
    everything = np.ones_like(mask)
    assert n_mpjpe(found, true, everything) == pytest.approx(distance.mean(axis=1), rel=1e-9)


@quick
@given(seed=seeds, scale=scales)
def test_pa_mpjpe_does_not_change_with_a_similarity(seed: int, scale: float) -> None:
    found, true = pair(seed)
    everything = np.ones(found.shape[:2], bool)
    moved = scale * found @ rotation(seed) + [3.0, -2.0, 7.0]
    before, after = (pa_mpjpe(points, true, everything) for points in (found, moved))
    np.testing.assert_allclose(before, after, rtol=1e-6)


@quick
@given(seed=seeds, scale=scales)
def test_n_mpjpe_does_not_change_with_the_scale_of_the_pose(seed: int, scale: float) -> None:
    found, true = (relative_to_root(points) for points in pair(seed))
    everything = np.ones(found.shape[:2], bool)
    before, after = (n_mpjpe(points, true, everything) for points in (found, scale * found))
    np.testing.assert_allclose(before, after, rtol=1e-9)


@quick
@given(seed=seeds)
def test_what_is_fitted_has_no_larger_squared_error(seed: int) -> None:
    found, true = (relative_to_root(points) for points in pair(seed, people=1))
    everything = np.ones(found.shape[:2], bool)
    scale = float((found * true).sum() / np.square(found).sum())
    assert np.square(scale * found - true).sum() <= np.square(found - true).sum() + 1e-12
    fitted = mpjpe(scale * found, true, everything)
    assert n_mpjpe(found, true, everything) == pytest.approx(fitted)


@quick
@given(seed=seeds)
def test_the_order_of_people_does_not_count(seed: int) -> None:
    found, true = pair(seed, people=4)
    order = np.random.default_rng(seed).permutation(4)
    one, other = (
        space_figures(compared(f, t)) for f, t in ((found, true), (found[order], true[order]))
    )
    for part, figures in one.items():
        assert vars(figures) == pytest.approx(vars(other[part]), nan_ok=True)


@quick
@given(seed=seeds)
def test_moving_everybody_changes_only_camera_space(seed: int) -> None:
    found, true = pair(seed)
    still, moved = (space_figures(compared(f, true)) for f in (found, np.add(found, [0, 0, 1.0])))
    assert moved["whole"].mpjpe_mm == pytest.approx(still["whole"].mpjpe_mm)
    assert moved["hands"].own_mpjpe_mm == pytest.approx(still["hands"].own_mpjpe_mm)
    assert moved["whole"].camera_mm > 500 > still["whole"].camera_mm


def test_the_distance_from_the_camera_is_judged_at_the_pelvis() -> None:
    _, true = pair(1, people=2)
    true[:, [11, 12], 2] = [[4.0, 4.0], [5.0, 5.0]]
    found = true.copy()
    found[0, :, 2] += 0.4
    found[1, :, 2] -= 0.25
    figures = root_figures(compared(found, true))
    assert figures.depth_mm == pytest.approx(325)
    assert figures.depth_share == pytest.approx((0.1 + 0.05) / 2)
    assert figures.bias_share == pytest.approx((0.1 - 0.05) / 2)


def test_only_annotated_keypoints_of_people_with_a_pelvis_count() -> None:
    found, true = pair(2)
    annotated = np.ones((3, 133), bool)
    annotated[0, 91:] = False  # no hands
    annotated[1, 11] = False  # no pelvis
    found[0, 91:] += 50.0
    found[2] = np.nan  # not found
    people = compared(found, true, annotated)
    figures = space_figures(people)
    assert (figures["whole"].points, figures["hands"].points) == (91, 0)
    assert figures["whole"].mpjpe_mm < 200
    assert math.isnan(figures["hands"].mpjpe_mm)
    assert math.isnan(figures["left hand"].own_mpjpe_mm)
    assert np.isnan(keypoint_errors_m(people)[1:]).all()
    count, _, _ = keypoint_mpjpe_mm(people)["nose"]
    assert count == 1


def test_pck_and_auc_known_by_hand() -> None:
    errors = np.array([0.0, 0.1, 0.15, 0.2])
    assert pck_3d(errors) == pytest.approx(0.75)
    steps = [0.25] * 20 + [0.5] * 10 + [0.75]  # 0 to 95 mm, 100 to 145 mm, 150 mm
    assert auc_3d(errors) == pytest.approx(np.mean(steps))
    assert math.isnan(auc_3d(np.zeros(0)))
    assert pck_3d(np.array([np.nan, 0.1])) == pytest.approx(0.5)


def test_data_and_models_without_3d_are_errors() -> None:
    found, true = pair(0)
    people = compared(found, true)
    with pytest.raises(InputError, match="need data with 3D"):
        space_figures(replace(people, true_camera=None))
    with pytest.raises(InputError, match="need a model with 3D"):
        space_figures(replace(people, found_camera=None))


def test_h3wb_files_written_and_read_again_are_the_same(tmp_path: Path) -> None:
    found, true = pair(3)
    names = ["7", "12", "3"]
    for name, points in (("found", found), ("true", true)):
        write_h3wb_json(tmp_path / f"{name}.json", names, points)
    read = read_h3wb_json(tmp_path / "found.json")
    assert list(read) == names
    np.testing.assert_allclose(np.stack(list(read.values())), found, atol=1e-6)
    people = compare_h3wb(read_h3wb_json(tmp_path / "true.json"), dict(reversed(read.items())))
    direct = space_figures(compared(found, true))["whole"].mpjpe_mm
    assert space_figures(people)["whole"].mpjpe_mm == pytest.approx(direct, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda points: points.pop("5"), "sample 'a': 'keypoints_3d' must hold 133 keypoints"),
        (lambda points: points["5"].pop("z"), "sample 'a', keypoint 5: 'z' must be a finite"),
        (lambda points: points["5"].update(x=float("nan")), "keypoint 5: 'x' must be a finite"),
        (lambda points: points.update({"5": [1, 2, 3]}), "keypoint '5' must be an object"),
    ],
)
def test_broken_h3wb_files_are_named(change, said: str, tmp_path: Path) -> None:
    write_h3wb_json(tmp_path / "a.json", ["a"], pair(0, people=1)[0])
    document = json.loads((tmp_path / "a.json").read_text())
    change(document["a"]["keypoints_3d"])
    (tmp_path / "a.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=said):
        read_h3wb_json(tmp_path / "a.json")


def test_predictions_must_be_of_the_same_samples() -> None:
    one = {"a": pair(0, people=1)[0][0]}
    with pytest.raises(InputError, match="has no pose of sample 'b'"):
        compare_h3wb(one | {"b": one["a"]}, one)
    with pytest.raises(InputError, match="has a pose of the unknown sample 'b'"):
        compare_h3wb(one, one | {"b": one["a"]})
