"""Distances that the sizes of boxes suggest, with a camera of unequal focal lengths."""

import numpy as np
import pytest
from people_in_3d import make_people

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera, solve_root_depth
from rtmpose3d.geometry.box_extents import LOWEST_JOINTS, BoxExtents, visible_boxes
from rtmpose3d.geometry.root_depth import KeypointAccuracy
from rtmpose3d.zoo import resolve_pose

CAMERA = Camera(fx=1145.0, fy=1000.0, cx=700.0, cy=310.0, width=1280, height=720)
EXTENTS = BoxExtents(
    whole=tuple((1.0 + kind, 0.2) for kind in range(5)),
    cut=tuple((0.5 + kind, 0.4) for kind in range(5)),
)


def log_depth(boxes, lowest):
    return EXTENTS.log_depth(*visible_boxes(np.array(boxes), CAMERA), np.array(lowest))


@pytest.mark.parametrize("kind", range(len(LOWEST_JOINTS)))
def test_a_box_of_a_certain_height_is_as_far_as_its_height_in_metres_says(kind):
    log_z, std = log_depth([[600, 200, 700, 400]], [kind])

    assert np.exp(log_z[0]) == pytest.approx((1 + kind) * 1000 / 200)
    assert std[0] == 0.2


@pytest.mark.parametrize(
    "box", [[0, 300, 200, 400], [1079, 300, 1279, 400], [500, 0, 600, 175], [500, 544, 600, 719]]
)
def test_a_box_at_any_border_belongs_to_a_person_who_is_cut_off(box):
    _, std = log_depth([box], [3])

    assert std[0] == 0.4


def test_the_part_of_a_box_outside_the_image_does_not_count():
    (inside, beyond), _ = log_depth([[100, 300, 200, 719.5], [100, 300, 200, 3000]], [1, 1])

    assert inside == pytest.approx(beyond)


def test_boxes_outside_the_image_and_empty_ones_have_finite_depths():
    boxes = [[5000, 5000, 6000, 6000], [-90, 10, -20, 50], [300, 300, 300, 300]]

    log_z, std = log_depth(boxes, [0, 4, 2])

    assert np.isfinite(log_z).all()
    assert (std > 0).all()


def test_without_keypoints_the_box_says_the_distance():
    nothing = np.zeros((1, 133))
    box = np.array([[600, 200, 700, 400]])

    solved = solve_root_depth(
        *(np.zeros((1, 133, 2)), nothing, nothing, CAMERA),
        accuracy=KeypointAccuracy(box_extents=EXTENTS),
        boxes_xyxy=box,
    )

    std = solved.std_m[0] / solved.depth_m[0]
    # The estimate of smallest expected relative error lies below the median.
    assert solved.depth_m[0] == pytest.approx(5.0 * np.exp(-(std**2)), rel=0.02)


def test_with_many_bones_the_box_hardly_matters():
    people = make_people(30, np.random.default_rng(0), camera=CAMERA, distance_m=(4.0, 9.0))
    arrays = people.keypoints_2d, people.depth_m, people.confidence, people.camera
    low, high = people.keypoints_2d.min(axis=1), people.keypoints_2d.max(axis=1)
    twice_as_large = BoxExtents(whole=((3.3, 0.5),) * 5, cut=((3.3, 0.5),) * 5)
    accuracy = KeypointAccuracy(box_extents=twice_as_large)

    without = solve_root_depth(*arrays, accuracy=accuracy)
    boxed = solve_root_depth(
        *arrays, accuracy=accuracy, boxes_xyxy=np.concatenate([low, high], axis=1)
    )

    assert np.abs(boxed.depth_m / without.depth_m - 1).max() < 0.15


def test_a_box_that_is_too_small_for_the_keypoints_is_not_used():
    people = make_people(5, np.random.default_rng(1))
    arrays = people.keypoints_2d, people.depth_m, people.confidence, people.camera
    accuracy = KeypointAccuracy(box_extents=EXTENTS)
    boxes = np.tile([300.0, 300.0, 309.0, 309.0], (5, 1))

    without = solve_root_depth(*arrays, accuracy=accuracy)
    boxed = solve_root_depth(*arrays, accuracy=accuracy, boxes_xyxy=boxes)

    np.testing.assert_allclose(boxed.depth_m, without.depth_m, rtol=0.03)


def test_published_models_do_not_use_boxes():
    people = make_people(5, np.random.default_rng(1))
    arrays = people.keypoints_2d, people.depth_m, people.confidence, people.camera
    boxes = np.tile([0.0, 0.0, 50.0, 50.0], (5, 1))

    for name in ("rtmw3d-l", "rtmw-m-256x192"):
        accuracy = resolve_pose(name).accuracy
        solved = solve_root_depth(*arrays, accuracy=accuracy, boxes_xyxy=boxes)
        assert (solved.depth_m == solve_root_depth(*arrays, accuracy=accuracy).depth_m).all()


def test_a_table_without_a_row_for_each_kind_is_refused():
    with pytest.raises(InputError, match="whole must hold metres"):
        BoxExtents(whole=((1.0, 0.5),), cut=EXTENTS.cut)
