"""The check of a download finds what is wrong with it."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from rtmpose3d.data import DATASETS
from rtmpose3d.data.checking import check_dataset, spread


@pytest.fixture
def expected_counts(monkeypatch):
    """The synthetic dataset's own counts in the table: only what a test breaks is a problem."""
    spec = DATASETS["coco-wholebody"]
    split = replace(spec.splits["val"], people=3, image_count=2)
    changed = replace(spec, splits={**spec.splits, "val": split})
    monkeypatch.setitem(DATASETS, "coco-wholebody", changed)


def check(synthetic, **arguments):
    return check_dataset(synthetic.name, synthetic.folder, synthetic.split, **arguments)


@pytest.mark.usefixtures("expected_counts")
def test_a_good_download_is_in_order_and_counted(synthetic):
    steps = []
    result = check(synthetic, progress=lambda *step: steps.append(step), keep=1)
    assert result.ok
    assert (result.people, result.images, result.opened) == (3, 2, 2)
    assert result.keypoints == {
        "body": 51,
        "feet": 18,
        "face": 204,
        "left_hand": 63,
        "right_hand": 63,
    }
    assert steps[-1] == ("images", 2, 2)
    assert len(result.kept) == 1
    assert not result.notes


def test_other_numbers_than_published_are_wrong(synthetic):
    problems = check(synthetic).problems
    assert any("3 people with labels, expected 6352" in text for text in problems)
    assert any("list 2 images, expected 5000" in text for text in problems)
    other_file = check(synthetic, annotations="annotations/coco_wholebody_val_v1.0.json")
    assert other_file.ok
    assert "not compared" in other_file.notes[0]


@pytest.mark.usefixtures("expected_counts")
def test_bad_labels_missing_broken_and_resized_images_are_wrong(synthetic):
    synthetic.change(1, face_kpts=[1.0])
    cv2.imwrite(str(synthetic.images / "7.jpg"), np.zeros((60, 97, 3), np.uint8))
    (synthetic.images / "8.jpg").write_bytes(b"\xff\xd8 broken")
    result = check(synthetic, keep=5)
    assert not result.ok
    for index, text in ((1, "face_kpts"), (0, "97 x 61 px"), (2, "8.jpg")):
        found = [p for p in result.problems if f"annotation {index} " in p and text in p]
        assert found, (index, text, result.problems)
    assert not result.kept
    (synthetic.images / "8.jpg").unlink()
    assert any("8.jpg does not exist" in text for text in check(synthetic).problems)


@pytest.mark.usefixtures("expected_counts")
def test_as_many_images_are_opened_as_asked_for(synthetic):
    (synthetic.images / "8.jpg").write_bytes(b"broken")
    assert check(synthetic, open_images=0).ok
    assert check(synthetic, open_images=1).opened == 1
    assert not check(synthetic, open_images=None).ok


@pytest.mark.usefixtures("expected_counts")
def test_keypoints_outside_their_image_are_noted(synthetic):
    points = synthetic.document["annotations"][0]["foot_kpts"]
    synthetic.change(0, foot_kpts=[140.0, 20.0, 2, *points[3:]])
    result = check(synthetic)
    assert result.ok
    assert "1 people have labelled keypoints outside" in result.notes[0]
    assert "annotation 0" in result.notes[0]


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (1, [0]), (3, [0, 4, 9]), (99, range(10))]
)
def test_spreading_takes_records_evenly(count, expected):
    assert spread(list(range(10)), count) == list(expected)
