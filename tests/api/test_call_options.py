"""Options of a call change the results of the bundled model in the way that they say."""

from __future__ import annotations

import numpy as np
import pytest

from rtmpose3d import Camera, InputError, PoseResult, RTMPose3D


@pytest.fixture(scope="module")
def default(bundled: RTMPose3D, people: np.ndarray) -> PoseResult:
    result = bundled(people)
    assert len(result) == 3
    return result


def middle_score(result: PoseResult) -> float:
    """A threshold that only the best person passes."""
    return float(result.bbox_scores[:2].mean())


def test_bbox_thr_keeps_people_above_it(bundled, people, default):
    few = bundled(people, bbox_thr=middle_score(default))
    np.testing.assert_array_equal(few.bboxes, default.bboxes[:1])
    np.testing.assert_allclose(few.keypoints_2d, default.keypoints_2d[:1], atol=0.01)
    assert len(bundled(people, middle_score(default))) == 1, "also by position"
    assert len(bundled(people, bbox_thr=0.9999)) == 0


def test_the_configuration_gives_the_threshold_of_calls(people, default):
    model = RTMPose3D.from_pretrained(
        "rtmw3d-n", device="cpu", bbox_thr=middle_score(default), flip_test=False
    )
    assert len(model(people)) == 1
    assert len(model(people, bbox_thr=0.3)) == 3


def test_single_person_is_the_main_person(bundled, people, default):
    areas = (default.bboxes[:, 2:] - default.bboxes[:, :2]).prod(axis=1)
    main = int((areas * default.bbox_scores).argmax())
    single = bundled(people, single_person=True)
    np.testing.assert_array_equal(single.bboxes, default.bboxes[main : main + 1])
    np.testing.assert_array_equal(single.bbox_scores, default.bbox_scores[main : main + 1])


def test_root_depth_m_is_the_depth_and_moves_all_keypoints(bundled, people, default):
    given = bundled(people, root_depth_m=[3.0, 4.0, 5.0])
    np.testing.assert_array_equal(given.root_depth_m, [3, 4, 5])
    assert given.root_depth_source == ("given",) * 3
    moved = given.keypoints_in("camera")[..., 2] - default.keypoints_in("camera")[..., 2]
    expected = given.root_depth_m - default.root_depth_m
    np.testing.assert_allclose(moved, np.repeat(expected[:, None], 133, axis=1), atol=1e-4)
    np.testing.assert_array_equal(given.keypoints_2d, default.keypoints_2d)


def test_height_m_scales_the_depth(bundled, people, default):
    short, tall = (bundled(people, height_m=height) for height in (1.5, 1.8))
    np.testing.assert_allclose(tall.root_depth_m / short.root_depth_m, 1.2, rtol=0.05)
    mixed = bundled(people, height_m=[1.5, 1.8, 1.5])
    np.testing.assert_allclose(
        mixed.root_depth_m,
        [short.root_depth_m[0], tall.root_depth_m[1], short.root_depth_m[2]],
    )
    assert (tall.root_depth_std_m < default.root_depth_std_m).all(), "what is known is surer"


def test_a_longer_lens_sees_people_farther_away(bundled, people, default):
    height, width = people.shape[:2]
    longer = Camera.from_fov(width=width, height=height, fov_deg=30)
    result = bundled(people, camera=longer)
    assert result.camera == longer
    ratio = longer.fx / default.camera.fx
    np.testing.assert_allclose(result.root_depth_m / default.root_depth_m, ratio, rtol=0.1)


def test_axes_choose_the_frame_of_keypoints_3d(bundled, people, default):
    result = bundled(people, axes="camera")
    np.testing.assert_allclose(result.keypoints_3d, default.keypoints_in("camera"), atol=1e-5)
    assert np.abs(result.keypoints_3d - default.keypoints_3d).max() > 1


def test_each_image_of_a_list_has_its_boxes_and_its_camera(bundled, people, default):
    left, right = people[:, :600], people[100:, 300:]
    cameras = [
        Camera.from_fov(width=600, height=640, fov_deg=50),
        Camera.from_fov(width=660, height=540, fov_deg=70),
    ]
    boxes = [[[80, 110, 290, 600]], [[100, 10, 240, 430], [345, 10, 540, 490]]]
    together = bundled([left, right], boxes=boxes, camera=cameras)
    for i, image in enumerate((left, right)):
        alone = bundled(image, boxes=boxes[i], camera=cameras[i])
        assert together[i].camera == alone.camera == cameras[i]
        assert together[i].image_size_wh == alone.image_size_wh
        np.testing.assert_array_equal(together[i].bboxes, boxes[i])
        np.testing.assert_allclose(together[i].keypoints_2d, alone.keypoints_2d, atol=0.01)
        np.testing.assert_allclose(together[i].keypoints_3d, alone.keypoints_3d, atol=1e-3)
        assert together[i].frame_index is None
        assert alone.frame_index is None


def test_boxes_of_a_list_may_be_missing_for_some_images(bundled, people, default):
    box = [[80, 110, 290, 600]]
    detected, given = bundled([people, people], boxes=[None, box])
    np.testing.assert_allclose(detected.bboxes, default.bboxes, atol=0.01)
    np.testing.assert_array_equal(given.bboxes, box)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"boxes": [[1, 2, 30, 40]]}, "boxes for 2 images must be a list of 2, got 1"),
        ({"boxes": np.zeros((2, 4))}, "boxes for 2 images must be a list of 2, got ndarray"),
        ({"camera": [Camera.from_fov(width=960, height=640)]}, "1 cameras for 2 images"),
        (
            {
                "camera": [
                    Camera.from_fov(width=960, height=640),
                    Camera.from_fov(width=9, height=6),
                ]
            },
            r"camera.scaled\(960, 640\)",
        ),
    ],
)
def test_lists_that_do_not_fit_the_images_are_refused(bundled, people, options, text):
    with pytest.raises(InputError, match=text):
        bundled([people, people], **options)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([0.2, 0.1, 0.4, 0.9], "in pixels, not in fractions"),
        ([100, 100, 100.5, 200], "sides of at least 1 px"),
        ([5000, 100, 5100, 200], "outside the image of"),
    ],
)
def test_boxes_that_are_of_no_person_in_the_image_are_refused(bundled, people, box, message):
    with pytest.raises(InputError, match=message):
        bundled(people, boxes=[box])


def test_tracked_streams_have_standard_deviations(bundled, people):
    with bundled.stream([people] * 4, smooth="off") as stream:
        tracked = next(stream)
    with bundled.stream([people], track=False, flip_test=False) as stream:
        plain = next(stream)

    assert plain.keypoints_2d_std is None
    assert tracked.keypoints_2d_std is not None
    assert tracked.depth_std_m is not None
    sure = tracked.confidence > 0.5
    with bundled.stream([people], track=False, flip_test=True) as stream:
        flipped = next(stream)
    assert flipped.keypoints_2d_std is not None
    assert sure.any()
    ratio = tracked.keypoints_2d_std[sure] / flipped.keypoints_2d_std[: len(tracked)][sure]
    assert 0.7 < np.median(ratio) < 1.4, "as with the flip test"
