"""The mean pose of benchmarks/mean_pose.py: averaged, saved, placed in boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mean_pose import load_mean_pose, mean_pose, standing_mean_pose

from rtmpose3d.data import PoseRecord
from rtmpose3d.errors import InputError


def pose(shift: float, box: list[float], labelled: int = 133) -> PoseRecord:
    corners = np.array(box, np.float32)
    in_box = np.column_stack([np.linspace(0, 1, 133), np.full(133, shift)])
    metres = np.column_stack([np.full(133, shift), np.zeros(133), np.ones(133)])
    metres[[11, 12]] = 0.0
    return PoseRecord(
        image=Path("a.jpg"),
        box_xyxy=corners,
        keypoints_px=(corners[:2] + in_box * (corners[2:] - corners[:2])).astype(np.float32),
        visible=(np.arange(133) < labelled).astype(np.float32),
        source="synthetic",
        licence="none",
        keypoints_camera_m=metres.astype(np.float32),
    )


def test_the_mean_is_relative_to_each_box() -> None:
    poses = [pose(0.2, [10, 20, 60, 220]), pose(0.6, [300, 5, 420, 90])]
    mean = mean_pose(poses, source="two people")
    np.testing.assert_allclose(mean.in_box[:, 0], np.linspace(0, 1, 133), atol=1e-6)
    np.testing.assert_allclose(mean.in_box[:, 1], 0.4, atol=1e-6)
    np.testing.assert_allclose(mean.relative_m[0], [0.4, 0, 1], atol=1e-6)
    placed = mean.in_boxes(np.array([[100.0, 50.0, 140.0, 150.0]]))
    np.testing.assert_allclose(placed[0, [0, 132]], [[100, 90], [140, 90]], atol=1e-4)


def test_only_annotated_keypoints_count() -> None:
    poses = [pose(0.2, [0, 0, 10, 10]), pose(0.6, [0, 0, 10, 10], labelled=50)]
    mean = mean_pose(poses, source="two people")
    assert mean.in_box[49, 1] == pytest.approx(0.4)
    assert mean.in_box[50, 1] == pytest.approx(0.2)


def test_keypoints_that_are_never_annotated_are_in_the_middle_of_the_box() -> None:
    mean = mean_pose([pose(0.2, [0, 0, 10, 10], labelled=5)], source="one")
    assert mean.in_box[132].tolist() == [0.5, 0.5]
    assert np.isnan(mean.relative_m[132]).all()


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    mean = mean_pose([pose(0.2, [0, 0, 10, 10], labelled=100)], source="one person")
    mean.save(tmp_path / "mean.npz")
    again = load_mean_pose(tmp_path / "mean.npz")
    np.testing.assert_array_equal(again.in_box, mean.in_box)
    np.testing.assert_array_equal(again.relative_m, mean.relative_m)
    assert (again.poses, again.source) == (1, "one person")


def test_the_standing_person_fills_the_box_upright() -> None:
    in_box = standing_mean_pose().in_box
    assert in_box.min() == pytest.approx(0)
    assert in_box.max() == pytest.approx(1)
    assert in_box[0, 1] < 0.2 < 0.8 < in_box[15, 1]  # nose, ankle


def test_no_poses_and_other_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one pose"):
        mean_pose([], source="nothing")
    (tmp_path / "other.npz").write_bytes(b"PK no archive")
    with pytest.raises(InputError, match=r"mean pose .* (cannot|does not exist)"):
        load_mean_pose(tmp_path / "other.npz")
    with pytest.raises(InputError, match=r"mean pose .* (cannot|does not exist)"):
        load_mean_pose(tmp_path / "absent.npz")
