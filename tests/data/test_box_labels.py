"""Boxes of another detector in `labels.npz`."""

import numpy as np
import pytest

from rtmpose3d.data.box_labels import read_box_labels
from rtmpose3d.errors import InputError


def write(folder, **changes):
    arrays = {
        "names": np.array(["a.jpg", "b.jpg", "c.jpg"]),
        "detector_boxes": np.arange(12, dtype=np.float32).reshape(3, 4),
        "detector_scores": np.array([0.9, 0.4, 0.5], np.float32),
        "detector_counts": np.array([2, 0, 1]),
        **changes,
    }
    np.savez(folder / "labels.npz", **{k: v for k, v in arrays.items() if v is not None})
    return folder


def test_boxes_belong_to_their_images_and_doubtful_ones_are_ignored(tmp_path):
    first, second, third = read_box_labels(write(tmp_path))
    assert first.path == tmp_path / "a.jpg"
    np.testing.assert_array_equal(first.boxes_xyxy, [[0, 1, 2, 3], [4, 5, 6, 7]])
    assert first.ignored.tolist() == [False, True]
    assert second.boxes_xyxy.shape == (0, 4)
    np.testing.assert_array_equal(third.boxes_xyxy, [[8, 9, 10, 11]])
    assert third.ignored.tolist() == [False]
    assert read_box_labels(tmp_path, min_score=0.6)[2].ignored.tolist() == [True]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"detector_counts": np.array([2, 0, 2])}, "do not fit"),
        ({"detector_counts": np.array([4, -2, 1])}, "do not fit"),
        ({"detector_scores": np.zeros(2)}, "do not fit"),
        ({"detector_boxes": np.full((3, 4), np.nan, np.float32)}, "do not fit"),
        ({"detector_boxes": None}, "no boxes"),
    ],
)
def test_arrays_that_do_not_fit_are_an_error(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_box_labels(write(tmp_path, **changes))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_box_labels(tmp_path)
