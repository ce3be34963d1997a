"""The mean pose: made, kept, put into boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation import MeanPose


def pose(shift: float, box: list[float], seen: int = 133):
    corners = np.array(box)
    size = corners[2:] - corners[:2]
    in_box = np.column_stack([np.linspace(0, 1, 133), np.full(133, shift)])
    relative = np.column_stack([np.full(133, shift), np.zeros(133), np.ones(133)])
    return corners[:2] + in_box * size, np.arange(133) < seen, corners, relative


def test_the_mean_is_taken_in_parts_of_each_box() -> None:
    poses = [pose(0.2, [10, 20, 60, 220]), pose(0.6, [300, 5, 420, 90])]
    mean = MeanPose.of_poses(poses, of="two people")
    np.testing.assert_allclose(mean.in_box[:, 0], np.linspace(0, 1, 133))
    np.testing.assert_allclose(mean.in_box[:, 1], 0.4)
    np.testing.assert_allclose(mean.relative_m[:, 0], 0.4)
    placed = mean.place(np.array([[100.0, 50.0, 140.0, 150.0]]))
    np.testing.assert_allclose(placed[0, [0, 132]], [[100, 90], [140, 90]])


def test_keypoints_count_only_where_they_are_annotated() -> None:
    poses = [pose(0.2, [0, 0, 10, 10]), pose(0.6, [0, 0, 10, 10], seen=50)]
    mean = MeanPose.of_poses(poses, of="two people")
    assert mean.in_box[49, 1] == pytest.approx(0.4)
    assert mean.in_box[50, 1] == pytest.approx(0.2)


def test_never_seen_keypoints_lie_in_the_middle_of_the_box() -> None:
    mean = MeanPose.of_poses([pose(0.2, [0, 0, 10, 10], seen=5)], of="one")
    assert mean.in_box[132].tolist() == [0.5, 0.5]
    assert np.isnan(mean.relative_m[132]).all()


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    mean = MeanPose.of_poses([pose(0.2, [0, 0, 10, 10], seen=100)], of="one person")
    mean.save(tmp_path / "mean.npz")
    again = MeanPose.load(tmp_path / "mean.npz")
    np.testing.assert_array_equal(again.in_box, mean.in_box)
    np.testing.assert_array_equal(again.relative_m, mean.relative_m)
    assert (again.poses, again.of) == (1, "one person")


def test_no_poses_and_other_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one pose"):
        MeanPose.of_poses([], of="nobody")
    (tmp_path / "other.npz").write_bytes(b"PK no archive")
    with pytest.raises(InputError, match="is no mean pose"):
        MeanPose.load(tmp_path / "other.npz")
    with pytest.raises(InputError, match="is no mean pose"):
        MeanPose.load(tmp_path / "absent.npz")
