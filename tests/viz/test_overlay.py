"""Skeletons drawn over the image."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from synthetic_results import image, perfect_result

from rtmpose3d.errors import InputError
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.viz import draw_2d
from rtmpose3d.viz.palette import KEYPOINT_RGB
from rtmpose3d.viz.text import label_size_wh

POSITIONS = [(-0.9, 4.2, 25.0), (1.1, 5.5, -40.0)]
# Body keypoints that nothing else is drawn over.
CLEAR = [5, 6, 7, 8, 13, 14, 15, 16]


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any(axis=-1)


def test_the_image_is_not_changed_and_the_drawing_is_a_new_array():
    result = perfect_result(POSITIONS)
    before = result.image.copy()
    drawn = draw_2d(result.image, result)
    np.testing.assert_array_equal(result.image, before)
    assert drawn.shape == before.shape
    assert drawn.dtype == np.uint8
    assert not np.shares_memory(drawn, result.image)
    assert changed(before, drawn).any()


@pytest.mark.parametrize("size_wh", [(640, 480), (1920, 1080)])
def test_each_keypoint_has_the_colour_of_its_part(size_wh):
    result = perfect_result(POSITIONS, size_wh)
    drawn = draw_2d(result.image, result, boxes=False, labels=False)
    for person in range(2):
        for i in CLEAR:
            x, y = np.rint(result.keypoints_2d[person, i]).astype(int)
            if not (0 <= x < size_wh[0] and 0 <= y < size_wh[1]):
                continue
            lighter = KEYPOINT_RGB[i] * 0.7 + 255 * 0.3
            np.testing.assert_allclose(drawn[y, x, ::-1], lighter, atol=14)


def test_pixels_away_from_people_stay_as_they_are():
    result = perfect_result(POSITIONS)
    drawn = draw_2d(result.image, result, labels=False)
    away = np.ones(drawn.shape[:2], bool)
    for x1, y1, x2, y2 in result.bboxes:
        away[max(int(y1) - 6, 0) : int(y2) + 7, max(int(x1) - 6, 0) : int(x2) + 7] = False
    assert away.any()
    assert not changed(result.image, drawn)[away].any()


def test_left_keypoints_are_cool_and_right_ones_warm():
    red, blue = KEYPOINT_RGB[:, 0].astype(int), KEYPOINT_RGB[:, 2].astype(int)
    for i, side in enumerate(WHOLEBODY.side_of_keypoint):
        if side != "middle":
            assert (blue[i] > red[i]) == (side == "left"), WHOLEBODY.keypoint_names[i]
    apart = np.abs(KEYPOINT_RGB.astype(int) - KEYPOINT_RGB[WHOLEBODY.flip_index].astype(int))
    sided = [i for i in range(133) if WHOLEBODY.side_of_keypoint[i] != "middle"]
    assert apart[sided].max(axis=1).min() > 50


def test_keypoints_below_the_threshold_are_not_drawn():
    result = perfect_result(POSITIONS, confidence=0.2)
    drawn = draw_2d(result.image, result, boxes=False, labels=False)
    np.testing.assert_array_equal(drawn, result.image)
    drawn = draw_2d(result.image, result, confidence_thr=0.1, boxes=False, labels=False)
    assert changed(result.image, drawn).any()


def test_unsure_keypoints_are_paler():
    sure, unsure = (
        perfect_result(POSITIONS, confidence=1.0),
        perfect_result(POSITIONS, confidence=0.35),
    )
    difference = [
        np.abs(draw_2d(r.image, r, boxes=False, labels=False).astype(int) - r.image).sum()
        for r in (sure, unsure)
    ]
    assert difference[1] < 0.8 * difference[0]


def test_no_people_leave_the_image_as_it_is():
    result = perfect_result([])
    np.testing.assert_array_equal(draw_2d(result.image, result), result.image)


def test_keypoints_off_the_image_or_without_a_number_do_no_harm():
    result = perfect_result(POSITIONS)
    keypoints, boxes = result.keypoints_2d.copy(), result.bboxes.copy()
    keypoints[0, :40] = [np.nan, np.inf]
    keypoints[0, 40:80] = [1e12, -1e12]
    keypoints[0, 80:] += 5000
    boxes[0] = [-1e9, np.nan, 3, 4]
    broken = replace(result, keypoints_2d=keypoints, bboxes=boxes)
    alone = draw_2d(result.image, result[1:], labels=False)
    np.testing.assert_array_equal(draw_2d(result.image, broken, labels=False), alone)
    flat = replace(perfect_result(POSITIONS, with_3d=False), keypoints_2d=keypoints, bboxes=boxes)
    np.testing.assert_array_equal(draw_2d(result.image, flat, labels=False), alone)


@pytest.mark.parametrize("size_wh", [(1, 1), (1, 50), (7, 3), (160, 120), (9000, 40)])
def test_any_size_of_image_works(size_wh):
    result = perfect_result(POSITIONS, size_wh)
    drawn = draw_2d(result.image, result)
    assert drawn.shape == (size_wh[1], size_wh[0], 3)


def test_twice_the_size_looks_the_same():
    small, large = perfect_result(POSITIONS, (640, 480)), perfect_result(POSITIONS, (1280, 960))
    plain = np.full((480, 640, 3), 90, np.uint8)
    one = draw_2d(plain, small, labels=False)
    two = draw_2d(cv2.resize(plain, (1280, 960)), large, labels=False)
    halved = cv2.resize(two, (640, 480), interpolation=cv2.INTER_AREA)
    touched = changed(plain, one)
    difference = np.abs(halved.astype(int) - one.astype(int)).mean(axis=-1)
    assert difference[touched].mean() < 22
    assert difference.mean() < 1.5


def test_a_small_person_is_no_blob():
    result = perfect_result([(6.0, 26.0, 10.0)], (640, 480))
    drawn = draw_2d(result.image, result, boxes=False, labels=False)
    x1, y1, x2, y2 = np.rint(result.bboxes[0]).astype(int)
    assert y2 - y1 < 60
    marked = np.abs(drawn.astype(int) - result.image).max(axis=-1)[y1:y2, x1:x2] > 12
    assert 0.05 < marked.mean() < 0.45


@pytest.mark.parametrize(
    "box", [(0, 0, 90, 200), (-40, -30, 60, 100), (580, 5, 700, 470), (300, 100, 420, 300)]
)
def test_the_label_is_completely_within_the_image(box):
    result = perfect_result(POSITIONS[:1])
    result = replace(result, bboxes=np.array([box], np.float32))
    without = draw_2d(result.image, result, labels=False)
    y, x = np.nonzero(changed(without, draw_2d(result.image, result)))
    size = np.ptp(x) + 1, np.ptp(y) + 1
    sizes = [label_size_wh("#0  0.87", px) for px in range(8, 20)]
    assert any(np.abs(np.subtract(size, other)).max() <= 2 for other in sizes)


def test_a_nearer_person_covers_a_farther_one():
    result = perfect_result([(0.0, 4.0, 0.0), (0.0, 6.0, 0.0)])
    both = draw_2d(result.image, result, boxes=False, labels=False)
    near = draw_2d(result.image, result[0], boxes=False, labels=False)
    x, y = np.rint(result.keypoints_2d[0, 7]).astype(int)
    np.testing.assert_array_equal(both[y, x], near[y, x])
    order = result[[1, 0]]
    np.testing.assert_array_equal(draw_2d(result.image, order, boxes=False, labels=False), both)


def test_the_same_result_gives_the_same_image():
    result = perfect_result(POSITIONS)
    np.testing.assert_array_equal(draw_2d(result.image, result), draw_2d(result.image, result))


def test_an_image_that_the_poses_do_not_belong_to_is_refused():
    result = perfect_result(POSITIONS, (640, 480))
    with pytest.raises(InputError, match=r"\(640, 480\).*\(480, 640\)"):
        draw_2d(image(480, 640), result)
    with pytest.raises(InputError, match=r"\(H, W, 3\) uint8 BGR"):
        draw_2d(image(640, 480)[..., 0], result)
    with pytest.raises(InputError, match="float32"):
        draw_2d(image(640, 480).astype(np.float32), result)
