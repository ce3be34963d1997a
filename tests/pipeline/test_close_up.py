"""A face that fills an image is found without a detection, if the pose network is sure of it."""

from __future__ import annotations

import numpy as np
import pytest

from fake_sessions import open_crops, open_people, open_standing, paint_image
from rtmpose3d.pipeline import PoseEstimator, PoseOptions
from rtmpose3d.structures import Detections, Frame

SIZE_WH = (160, 120)
EMPTY = np.zeros((0, 4), np.float32), np.zeros(0)
ONE_PERSON = np.array([[10, 15, 60, 110]], np.float32), np.array([0.6])
DETECTOR = open_people({10: EMPTY, 20: ONE_PERSON}, SIZE_WH)[0]


def estimate(model, images, open_pose=open_standing, people=None, **options):
    estimator = PoseEstimator(pose=open_pose(model)[0], detector=DETECTOR, flip_test=False)
    frames = [Frame(image=paint_image(value, SIZE_WH)) for value in images]
    return estimator.run(frames, PoseOptions(**options), people=people)


def test_a_face_that_the_network_is_sure_of_is_a_person_whose_box_is_the_image():
    (result,) = estimate("rtmw3d-n", [10])

    np.testing.assert_array_equal(result.bboxes, [[0, 0, *SIZE_WH]])
    assert 0.95 <= result.bbox_scores[0] <= 1
    assert result.keypoints_camera.shape == (1, 133, 3)


def test_an_image_without_a_face_has_no_people():
    (result,) = estimate("rtmw3d-n", [10], open_crops)  # whose confidence is low

    assert len(result) == 0


def test_where_a_person_is_detected_no_close_up_is_looked_for():
    close_up, detected = estimate("rtmw3d-n", [10, 20])

    np.testing.assert_array_equal(close_up.bboxes, [[0, 0, *SIZE_WH]])
    np.testing.assert_allclose(detected.bboxes, ONE_PERSON[0], atol=1e-3)


def test_where_the_caller_says_that_there_are_no_people_there_are_none():
    empty = Detections(boxes_xyxy=EMPTY[0], scores=EMPTY[1])

    (result,) = estimate("rtmw3d-n", [10], people=[empty])

    assert len(result) == 0


def test_the_score_of_a_close_up_must_exceed_the_threshold_of_detections():
    (result,) = estimate("rtmw3d-n", [10], bbox_thr=1.0)

    assert len(result) == 0


@pytest.mark.parametrize("model", ["rtmw3d-l", "rtmw3d-n-cc0"])
def test_models_for_which_it_was_not_measured_find_no_close_ups(model):
    (result,) = estimate(model, [10])

    assert len(result) == 0
