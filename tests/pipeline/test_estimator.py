"""`PoseEstimator` with networks that are rules: each image keeps its people, camera and facts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fake_sessions import open_crops, open_people, paint_image
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.geometry import Camera
from rtmpose3d.pipeline import PoseEstimator, PoseOptions, Poses, assemble_result
from rtmpose3d.structures import Detections, Frame, PoseResult
from rtmpose3d.zoo import resolve_pose

SIZE_WH = (160, 120)
RENDERED = Path(__file__).parents[1] / "fixtures" / "demo" / "people.json"
PEOPLE = {
    10: (np.array([[10, 15, 60, 110], [70, 5, 150, 100]], np.float32), np.array([0.9, 0.4])),
    20: (np.array([[30, 20, 90, 115]], np.float32), np.array([0.6])),
    30: (np.zeros((0, 4), np.float32), np.zeros(0)),
}
"""Boxes and scores by image. In image 10 the second person is larger, the first surer."""


@pytest.fixture
def estimator() -> PoseEstimator:
    return _estimator("rtmw3d-n-cc0")


def _estimator(model: str) -> PoseEstimator:
    return PoseEstimator(pose=open_crops(model)[0], detector=open_people(PEOPLE, SIZE_WH)[0])


def frame(value: int, **facts: object) -> Frame:
    return Frame(image=paint_image(value, SIZE_WH), **facts)  # type: ignore[arg-type]


def assert_same(a: PoseResult, b: PoseResult) -> None:
    assert a.keys() == b.keys()
    for key in a:
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)
    assert a.root_depth_source == b.root_depth_source
    assert a.camera == b.camera


def given(*boxes: list[float]) -> Detections:
    return Detections(boxes_xyxy=np.array(boxes, np.float32), scores=np.ones(len(boxes)))


def test_detections_that_the_pose_network_contradicts_are_dropped_and_given_boxes_are_not():
    doubtful = _estimator("rtmw3d-n")  # the rules' confidence is low
    detected, known = doubtful.run([frame(10), frame(10)], people=[None, given([10, 15, 60, 110])])
    assert (len(detected), len(known)) == (0, 1)


def test_images_estimated_together_keep_what_each_gives_alone(estimator):
    cameras = [Camera(fx=150 + i, fy=140, cx=70, cy=61 + i, width=160, height=120) for i in (0, 5)]
    frames = [
        frame(20, camera=cameras[0]),
        frame(30),
        frame(10, camera=cameras[1]),
        frame(20),
    ]
    together = estimator.run(frames)
    assert [len(result) for result in together] == [1, 0, 2, 1]
    for one, result in zip(frames, together, strict=True):
        assert_same(result, estimator.run([one])[0])
        assert result.image is one.image
    assert (together[0].camera, together[2].camera) == tuple(cameras)
    assert together[3].camera == Camera.from_fov(width=160, height=120)


def test_boxes_and_scores_are_the_detectors(estimator):
    result = estimator.run([frame(10)])[0]
    np.testing.assert_allclose(result.bboxes, PEOPLE[10][0], atol=1e-3)
    np.testing.assert_allclose(result.bbox_scores, PEOPLE[10][1])


def test_known_people_replace_the_detector_for_their_image_only(estimator):
    mine = given([20, 10, 70, 90])
    results = estimator.run([frame(10), frame(20), frame(10)], people=[None, mine, None])
    assert [len(result) for result in results] == [2, 1, 2]
    np.testing.assert_array_equal(results[1].bboxes, mine.boxes_xyxy)
    np.testing.assert_array_equal(results[1].bbox_scores, 1)
    assert_same(results[0], results[2])
    assert_same(results[1], estimator.run([frame(20)], people=[mine])[0])


def test_index_time_and_source_go_into_the_result(estimator):
    facts = [
        {"index": 4, "time_s": 0.16, "source": Path("a.png")},
        {"index": 5, "time_s": 0.2, "source": Path("b.png")},
    ]
    results = estimator.run([frame(10, **facts[0]), frame(20, **facts[1])])
    for result, fact in zip(results, facts, strict=True):
        assert result.frame_index == fact["index"]
        assert result.time_s == fact["time_s"]
        assert result.source == fact["source"]
        assert result.image_size_wh == SIZE_WH
        assert result.model == "rtmw3d-n-cc0"
        assert result.track_ids is None


def test_people_score_above_the_threshold_not_at_it(estimator):
    def scores(threshold: float) -> list[float]:
        found = estimator.run([frame(10)], PoseOptions(bbox_thr=threshold))[0]
        return [round(float(score), 3) for score in found.bbox_scores]

    assert scores(0.39) == [0.9, 0.4]
    assert scores(float(np.float32(0.4))) == [0.9]
    assert scores(0.95) == []


def test_the_main_person_has_the_largest_area_times_score(estimator):
    areas = np.prod(PEOPLE[10][0][:, 2:] - PEOPLE[10][0][:, :2], axis=1)
    assert areas.argmax() == 1
    assert (areas * PEOPLE[10][1]).argmax() == 0
    options = PoseOptions(single_person=True)
    results = estimator.run([frame(10), frame(30), frame(20)], options)
    assert [len(result) for result in results] == [1, 0, 1]
    np.testing.assert_allclose(results[0].bboxes, PEOPLE[10][0][:1], atol=1e-3)
    known = given([10, 15, 60, 110], [70, 5, 150, 100])
    largest = estimator.run([frame(10)], options, people=[known])[0]
    np.testing.assert_array_equal(largest.bboxes, known.boxes_xyxy[1:])


def test_a_known_root_depth_is_the_depth_of_the_result(estimator):
    for given_depth in (4.5, np.array([3.0, 6.0])):
        result = estimator.run([frame(10)], PoseOptions(root_depth_m=given_depth))[0]
        np.testing.assert_allclose(result.root_depth_m, np.broadcast_to(given_depth, 2))
        np.testing.assert_array_equal(result.root_depth_std_m, 0)
        assert result.root_depth_source == ("given", "given")
        np.testing.assert_allclose(
            result.camera.project(result.keypoints_in("camera")), result.keypoints_2d, atol=0.01
        )


def rendered_poses() -> Poses:
    """Ground truth of the three people of the demo's image, in the form of a network's output."""
    people = json.loads(RENDERED.read_text("utf-8"))["people"]
    points = np.array([person["keypoints_camera"] for person in people], np.float32)
    hips = points[:, 11:13, 2].mean(axis=1)
    return Poses(
        keypoints_2d=np.array([person["keypoints_2d"] for person in people], np.float32),
        scores=np.ones(points.shape[:2], np.float32),
        confidence=np.ones(points.shape[:2], np.float32),
        depth_m=points[..., 2] - hips[:, None],
    )


def test_a_known_stature_scales_the_depth_of_its_person():
    image = Frame(image=np.zeros((640, 960, 3), np.uint8))
    people = Detections(boxes_xyxy=np.tile([0.0, 0, 9, 9], (3, 1)), scores=np.ones(3))

    def depth(height_m: object) -> np.ndarray:
        options = PoseOptions(height_m=height_m)  # type: ignore[arg-type]
        result = assemble_result(image, people, rendered_poses(), options, resolve_pose("rtmw3d-n"))
        assert result.root_depth_m is not None
        return result.root_depth_m

    np.testing.assert_allclose(depth(1.8) / depth(1.5), 1.2, rtol=0.05)
    mixed = depth(np.array([1.5, 1.8, 1.5]))
    np.testing.assert_allclose(mixed, [depth(1.5)[0], depth(1.8)[1], depth(1.5)[2]])


def test_axes_name_the_frame_of_the_same_points(estimator):
    by_axes = {
        axes: estimator.run([frame(20)], PoseOptions(axes=axes))[0]
        for axes in ("z-up", "camera", "root", "rtmpose3d")
    }
    for axes, result in by_axes.items():
        assert result.axes == axes
        np.testing.assert_array_equal(result.keypoints_3d, by_axes["camera"].keypoints_in(axes))
    x, y, z = by_axes["camera"].keypoints_3d[0, 50]
    np.testing.assert_array_equal(by_axes["z-up"].keypoints_3d[0, 50], [x, z, -y])


def test_a_2d_model_has_neither_depth_nor_camera():
    estimator = PoseEstimator(pose=open_crops("dwpose-t-256x192")[0])
    camera = Camera.from_fov(width=160, height=120, fov_deg=70)
    result = estimator.run([frame(10, camera=camera)], people=[given([10, 15, 60, 110])])[0]
    assert not result.has_3d
    assert result.camera is None
    assert result.root_depth_source == ()


def test_the_detector_is_opened_when_people_are_to_be_detected():
    opened = []

    def open_detector():
        opened.append(1)
        return open_people(PEOPLE, SIZE_WH)[0]

    estimator = PoseEstimator(pose=open_crops("rtmw3d-n-cc0")[0], detector=open_detector)
    estimator.run([frame(10)], people=[given([10, 15, 60, 110])])
    assert estimator.run([]) == []
    assert not opened
    assert len(estimator.run([frame(10)])[0]) == 2
    assert opened


def test_without_a_detector_people_must_be_known():
    estimator = PoseEstimator(pose=open_crops("rtmw3d-n-cc0")[0])
    with pytest.raises(InputError, match="detector=None"):
        estimator.run([frame(10)])
    with pytest.raises(InputError, match="detector=None"):
        estimator.run([frame(10), frame(10)], people=[given([1, 2, 30, 40]), None])


def test_all_people_of_all_images_share_the_calls():
    pose, crops = open_crops("dwpose-t-256x192")
    detector, images = open_people(PEOPLE, SIZE_WH)
    estimator = PoseEstimator(pose=pose, detector=detector)
    results = estimator.run([frame(10), frame(20), frame(30)] * 3)
    assert [len(result) for result in results] == [2, 1, 0] * 3
    assert crops.calls == [9]
    assert images.calls == [8, 1], "long lists go in parts of 8 images"


@pytest.mark.parametrize("flip_test", [False, True])
def test_several_workers_divide_the_people_and_change_no_number(flip_test):
    pose, network = open_crops("dwpose-t-256x192")
    boxes = [[x, 5.0, x + 40.0, 65.0] for x in range(0, 50, 10)]
    together = PoseEstimator(pose=pose, flip_test=flip_test).run(
        [frame(10)], people=[given(*boxes)]
    )
    network.calls.clear()
    divided = PoseEstimator(pose=pose, flip_test=flip_test, workers=3).run(
        [frame(10)], people=[given(*boxes)]
    )
    assert sorted(network.calls) == ([2, 4, 4] if flip_test else [1, 2, 2])
    assert_same(divided[0], together[0])


@pytest.mark.parametrize("flip_test", [False, True])
def test_more_crops_than_fit_one_call_are_all_estimated(flip_test):
    pose, network = open_crops("dwpose-t-256x192")
    estimator = PoseEstimator(pose=pose, flip_test=flip_test)
    boxes = [[x, y, x + 40.0, y + 60.0] for x in range(0, 110, 10) for y in range(0, 60, 10)][:65]
    assert len(boxes) == 65
    together = estimator.run([frame(10)], people=[given(*boxes)])[0]
    assert network.calls == ([64, 64, 2] if flip_test else [64, 1])
    for i in (0, 31, 32, 33, 63, 64):
        alone = estimator.run([frame(10)], people=[given(boxes[i])])[0]
        np.testing.assert_allclose(alone.keypoints_2d[0], together.keypoints_2d[i], atol=1e-4)
        np.testing.assert_allclose(alone.scores[0], together.scores[i], rtol=1e-6)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_threshold_outside_0_and_1_is_refused(value):
    with pytest.raises(InputError, match="bbox_thr"):
        PoseOptions(bbox_thr=value)


def test_unknown_axes_are_refused():
    with pytest.raises(UnknownNameError, match="z-up"):
        replace(PoseOptions(), axes="y-up")
