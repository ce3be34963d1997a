"""Labels: within the image, next to their people, off faces and off each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_results import perfect_result

from rtmpose3d.viz.labels import position_labels
from rtmpose3d.viz.overlay import _face_box, person_labels
from rtmpose3d.viz.text import label_size_wh

SIZE_WH = (1200, 800)
NO_FACES = np.zeros((0, 4))


def overlap(a, b) -> float:
    """Area that two boxes share, px."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    return float(np.maximum(np.subtract(high, low), 0).prod())


def box(x: float, y: float, width: float, height: float) -> list[float]:
    return [x, y, x + width, y + height]


BOXES = st.builds(
    box, st.floats(-50, 1150), st.floats(-50, 750), st.floats(30, 500), st.floats(60, 700)
)


@given(st.lists(BOXES, min_size=1, max_size=6))
def test_labels_neither_overlap_nor_cover_faces_nor_leave_the_image(boxes):
    heads = [box(0.65 * b[0] + 0.35 * b[2], b[1], 0.3 * (b[2] - b[0]), 30) for b in boxes]
    texts = [[f"#{i}  0.50", f"#{i}"] for i in range(len(boxes))]
    labels = position_labels(
        np.array(boxes), texts, [14.0] * len(boxes), SIZE_WH, faces=np.array(heads)
    )
    assert [label.index for label in labels] == list(range(len(boxes)))
    for label in labels:
        left, top, right, bottom = label.box
        assert left >= 0
        assert top >= 0
        assert right <= SIZE_WH[0]
        assert bottom <= SIZE_WH[1]
        assert all(overlap(label.box, head) == 0 for head in heads)
        assert all(overlap(label.box, other.box) == 0 for other in labels if other is not label)


def test_a_label_is_above_its_box_if_there_is_room():
    (label,) = position_labels(
        np.array([[300.0, 200, 500, 700]]), [["#0"]], [20.0], SIZE_WH, faces=NO_FACES
    )
    assert label.left == 300
    assert 200 - 20 < label.box[3] <= 200


def test_of_two_people_at_one_location_the_first_gets_the_better_position():
    boxes = np.array([[300.0, 200, 500, 700]] * 2)
    first, second = position_labels(boxes, [["#0"], ["#1"]], [20.0, 20.0], SIZE_WH, faces=NO_FACES)
    assert first.box[3] <= 200
    assert overlap(first.box, second.box) == 0
    assert abs(second.left - 300) + abs(second.top - 200) < 400


def test_a_hundred_labels_at_one_location_stay_in_the_image():
    boxes = np.array([[10.0, 10, 60, 90]] * 100)
    labels = position_labels(boxes, [["#00"]] * 100, [12.0] * 100, (100, 100), faces=boxes[:1])
    assert len(labels) == 100
    assert all(label.box[2] <= 100 and label.box[3] <= 100 for label in labels)


def test_boxes_that_are_not_finite_and_images_without_room_have_no_labels():
    boxes = np.array([[np.nan, 0, 1, 1], [0, 0, np.inf, 5], [5, 5, 90, 90.0]])
    texts = [["#0"], ["#1"], ["#2"]]
    labels = position_labels(boxes, texts, [10.0] * 3, (200, 200), faces=NO_FACES)
    assert [label.index for label in labels] == [2]
    assert position_labels(boxes, texts, [10.0] * 3, (5, 5), faces=NO_FACES) == []


def test_a_shorter_text_is_taken_where_the_longer_has_no_room():
    long, short = "#0  0.123456789", "#0"
    width = label_size_wh(short, 12)[0] + 4
    (label,) = position_labels(
        np.array([[0.0, 0, 20, 20]]), [[long, short]], [12.0], (width, 100), faces=NO_FACES
    )
    assert label.text == short


@pytest.mark.parametrize(("width", "height"), [(640, 480), (4000, 3000)])
def test_sizes_of_labels_differ_little_within_an_image(width, height):
    result = perfect_result([(-0.6, 2.5, 0.0), (1.5, 12.0, 30.0)])
    scale = np.float32(width / result.image_size_wh[0])
    canvas = np.zeros((height, width, 3), np.uint8)
    scaled = replace(
        result,
        keypoints_2d=result.keypoints_2d * scale,
        bboxes=result.bboxes * scale,
        image_size_wh=(width, height),
    )
    labels = person_labels(scaled, [0, 1], canvas, 0.3)
    sizes = [label.text_px for label in labels]
    assert len(sizes) == 2
    assert min(sizes) >= 9
    assert max(sizes) <= 64
    for label in labels:
        for i in range(2):
            face = _face_box(scaled, i, 0.3)
            assert face is not None
            assert overlap(label.box, face) == 0
