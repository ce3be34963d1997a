"""Matching of annotated people and poses by OKS and by IoU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluation.annotated_people import group_images, record
from rtmpose3d.data import PoseRecord
from rtmpose3d.evaluation import MatchedPeople
from rtmpose3d.evaluation.matching import (
    assign_by_iou,
    assign_by_oks,
    collect_matches,
    detection_target,
)
from rtmpose3d.evaluation.poses import ImagePoses
from rtmpose3d.structures import Detections


@pytest.fixture
def people(tmp_path: Path) -> list[PoseRecord]:
    """Two people of one image; the second 200 px to the right."""
    return [record(tmp_path, 0), record(tmp_path, 1)]


def poses(person: PoseRecord, *shifts: float) -> ImagePoses:
    points = np.stack([np.add(person.keypoints_px, [shift, 0]) for shift in shifts])
    count = len(shifts)
    return ImagePoses(
        keypoints_px=points,
        keypoint_scores=np.full((count, 133), 0.7),
        scores=np.linspace(0.9, 0.5, count),
    )


def match(people: list[PoseRecord], found: ImagePoses) -> MatchedPeople:
    return collect_matches([people], [found], [assign_by_oks(people, found)])


def test_each_person_gets_the_most_similar_pose(people) -> None:
    matches = match(people, poses(people[0], 203, 1))
    assert matches.names == ("0.png, annotation 70", "0.png, annotation 71")
    shifts = matches.predicted_px[:, 0, 0] - matches.truth_px[:, 0, 0]
    np.testing.assert_allclose(shifts, [1, 3], atol=1e-3)
    assert matches.oks[0] > matches.oks[1] > 0.1
    assert matches.scores.tolist() == [0.5, 0.9]
    assert set(matches.confidence.ravel().tolist()) == {0.7}


def test_a_pose_is_matched_with_one_person_only(people) -> None:
    both = [people[0], people[0]]
    assert assign_by_oks(both, poses(people[0], 0)).tolist() == [0, -1]
    assert assign_by_oks([people[0]], poses(people[0], 3, 0)).tolist() == [1]


def test_dissimilar_poses_are_not_matched(people) -> None:
    matches = match(people, poses(people[0], 90))
    assert matches.detected.tolist() == [False, False]
    assert matches.oks.tolist() == [0, 0]
    assert np.isnan(matches.predicted_px).all()
    assert not matches.confidence.any()


def test_no_people_and_no_poses_match_nothing(people) -> None:
    assert assign_by_oks([], poses(people[0], 0)).tolist() == []
    assert len(collect_matches([], [], [])) == 0


def test_annotations_are_taken_over(tmp_path: Path) -> None:
    occluded = np.arange(133) % 3 == 0
    metres = record(tmp_path, 0).keypoints_camera_m.copy()
    metres[5] = np.nan
    one = record(tmp_path, 0, occluded=occluded, keypoints_camera_m=metres)
    matches = match([one], poses(one, 0))
    np.testing.assert_array_equal(matches.occluded[0], occluded)
    np.testing.assert_array_equal(matches.annotated[0], one.annotated)
    assert not matches.truth_px[0, ~one.annotated].any()
    known = np.isfinite(matches.truth_camera_m[0]).all(axis=1)
    np.testing.assert_array_equal(known, one.annotated & (np.arange(133) != 5))
    assert matches.area_px2.tolist() == [9000]
    assert matches.has_3d is False  # the poses are 2D


def test_occlusion_is_unknown_unless_all_records_have_it(tmp_path: Path) -> None:
    one = record(tmp_path, 0, occluded=np.zeros(133, bool))
    assert match([one, record(tmp_path, 1)], poses(one, 0)).occluded is None


def test_rows_can_be_selected(tmp_path: Path) -> None:
    mixed = [record(tmp_path, 0), record(tmp_path, 1, dataset="aic")]
    matches = match(mixed, poses(mixed[0], 0, 200))
    second = matches.select([1])
    assert second.names == matches.names[1:]
    np.testing.assert_array_equal(second.truth_px, matches.truth_px[1:])


def test_detections_are_assigned_to_the_chosen_people(people) -> None:
    (image,) = group_images(people)
    boxes = np.stack([people[1].box_xyxy, people[0].box_xyxy])
    detections = Detections(boxes_xyxy=boxes, scores=np.array([0.6, 0.9], np.float32))
    assert assign_by_iou(image, [0, 1], detections).tolist() == [1, 0]
    assert assign_by_iou(image, [1], detections).tolist() == [0]


def test_crowds_and_ignored_people_need_not_be_detected(tmp_path: Path) -> None:
    (image,) = group_images([record(tmp_path, 0, crowd=True), record(tmp_path, 1, ignored=True)])
    target = detection_target(image, (420, 240))
    assert target.ignored.tolist() == [True, True]
    assert target.complete
    (image,) = group_images([record(tmp_path, 0, dataset="mpii")])
    assert not detection_target(image, (420, 240)).complete
