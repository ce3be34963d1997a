"""Detections that the pose network contradicts are dropped; boxes that the user gave never are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rtmpose3d.pipeline.plausibility import plausible_people
from rtmpose3d.zoo import resolve_pose

SPEC = replace(resolve_pose("rtmw3d-n"), min_person_confidence=0.4)
RNG = np.random.default_rng(3)
POSE = RNG.uniform(0, 100, (133, 2)).astype(np.float32)


def _people(poses, confidence, scores, detected=None, spec=SPEC):
    poses = np.stack(poses)
    boxes = np.concatenate([poses.min(axis=1), poses.max(axis=1)], axis=1)
    mean = np.repeat(np.array(confidence, np.float32)[:, None], 133, axis=1)
    return plausible_people(boxes, np.array(scores), poses, mean, spec, detected=detected).tolist()


def test_a_detection_without_confident_keypoints_of_the_body_is_no_person():
    assert _people([POSE, POSE + 300], [0.9, 0.3], [0.5, 0.9]) == [True, False]


def test_of_two_detections_with_the_same_pose_the_one_with_the_higher_score_stays():
    assert _people([POSE, POSE + 0.5], [0.9, 0.9], [0.4, 0.8]) == [False, True]


def test_people_side_by_side_both_stay():
    assert _people([POSE, POSE + np.array([90, 0], np.float32)], [0.9, 0.9], [0.4, 0.8]) == [
        True,
        True,
    ]


def test_people_who_are_not_detections_stay_and_detections_of_them_go():
    detected = np.array([False, True, False])
    people = [POSE, POSE + 0.5, POSE + 400]
    assert _people(people, [0.9, 0.9, 0.1], [0.2, 0.9, 0.9], detected) == [True, False, True]


@pytest.mark.parametrize("model", ["rtmw3d-l", "rtmw3d-n-cc0"])
def test_models_for_which_it_was_not_measured_drop_no_detection(model):
    spec = resolve_pose(model)
    assert _people([POSE, POSE], [0.01, 0.01], [0.4, 0.8], spec=spec) == [True, True]


def test_an_image_without_detections_has_no_people():
    empty = np.zeros((0, 133, 2), np.float32)
    got = plausible_people(np.zeros((0, 4)), np.zeros(0), empty, np.zeros((0, 133)), SPEC)
    assert got.shape == (0,)
