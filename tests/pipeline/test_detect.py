"""From a detector's candidates to people: the reference's steps, one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_sessions import open_people, paint_image
from rtmpose3d.pipeline import detect_people, filter_candidates, select_main_person
from rtmpose3d.runtime import Candidates, DetectorSession
from rtmpose3d.structures import Detections

SIZE_WH = (320, 200)


@pytest.fixture
def session() -> DetectorSession:
    return open_people({}, SIZE_WH)[0]


def candidates(boxes: list[list[float]], scores: list[float], *sizes: int) -> Candidates:
    return Candidates(
        boxes_xyxy=np.array(boxes, np.float32),
        scores=np.array(scores, np.float32),
        level_sizes=sizes or (len(boxes),),
    )


def keep(session, *args, scale=(1.0, 1.0), bbox_thr=0.0) -> Detections:
    return filter_candidates(candidates(*args), session, np.array(scale), bbox_thr=bbox_thr)


def test_people_come_best_first(session):
    people = keep(session, [[0, 0, 20, 40], [50, 0, 90, 70], [200, 9, 230, 80]], [0.3, 0.9, 0.5])
    np.testing.assert_allclose(people.scores, [0.9, 0.5, 0.3])
    np.testing.assert_allclose(people.boxes_xyxy[:, 0], [50, 200, 0])


def test_boxes_are_clipped_to_the_input_and_brought_back_to_the_image(session):
    session.spec = replace(session.spec, input_size_wh=(320, 256))
    people = keep(session, [[-9, 30, 400, 500]], [0.8], scale=(0.5, 0.4))
    width, height = session.input_size_wh
    np.testing.assert_allclose(people.boxes_xyxy, [[0, 30 / 0.4, width / 0.5, height / 0.4]])


def test_boxes_without_area_after_clipping_are_dropped(session):
    boxes = [[-50, 10, -5, 60], [30, 340, 60, 390], [10, 10, 10, 60], [5, 6, 50, 60]]
    people = keep(session, boxes, [0.9, 0.9, 0.9, 0.2])
    np.testing.assert_allclose(people.scores, [0.2])


def test_of_two_boxes_of_one_person_the_better_stays(session):
    people = keep(session, [[0, 0, 50, 100], [2, 0, 52, 98], [0, 0, 20, 100]], [0.6, 0.7, 0.5])
    np.testing.assert_allclose(people.scores, [0.7, 0.5])


def test_each_scale_keeps_its_own_best_candidates(session):
    session.spec = replace(session.spec, pre_nms=1, max_people=2)
    boxes = [[40 * i, 0, 40 * i + 30, 60] for i in range(5)]
    people = keep(session, boxes, [0.9, 0.8, 0.3, 0.4, 0.2], 2, 2, 1)
    np.testing.assert_allclose(people.scores, [0.9, 0.4])
    np.testing.assert_allclose(people.boxes_xyxy[:, 0], [0, 120])


def test_candidates_below_the_score_of_the_reference_are_dropped(session):
    assert len(keep(session, [[0, 0, 50, 100]], [0.05])) == 0
    assert len(keep(session, [[0, 0, 50, 100]], [0.051])) == 1


@given(seed=st.integers(0, 2**32 - 1), bbox_thr=st.floats(0, 1))
def test_the_threshold_first_selects_the_same_people_as_the_threshold_last(seed, bbox_thr):
    session = open_people({}, SIZE_WH)[0]
    session.spec = replace(session.spec, pre_nms=9, max_people=4)
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 200, (30, 2))
    boxes = np.hstack([corners, corners + rng.uniform(-5, 120, (30, 2))]).astype(np.float32)
    found = Candidates(
        boxes_xyxy=boxes,
        scores=rng.random(30, np.float32),
        level_sizes=(20, 10),
    )
    scale_wh = np.array([0.5, 0.4])
    every = filter_candidates(found, session, scale_wh, bbox_thr=0.0)
    people = filter_candidates(found, session, scale_wh, bbox_thr=bbox_thr)
    above = every.scores > bbox_thr
    np.testing.assert_array_equal(people.boxes_xyxy, every.boxes_xyxy[above])
    np.testing.assert_array_equal(people.scores, every.scores[above])


def test_long_lists_of_images_are_detected_in_parts_and_in_order():
    people = {
        value: (np.array([[value, 5, value + 40, 90]], np.float32), np.array([0.5]))
        for value in range(19)
    }
    session, network = open_people(people, SIZE_WH)
    found = detect_people(session, [paint_image(v, SIZE_WH) for v in range(19)], bbox_thr=0.1)
    assert network.calls == [8, 8, 3]
    lefts = [float(one.boxes_xyxy[0, 0]) for one in found]
    np.testing.assert_allclose(lefts, np.arange(19), atol=1e-3)


def test_the_main_person_weighs_area_with_score():
    people = Detections(
        boxes_xyxy=np.array([[0, 0, 10, 40], [0, 0, 30, 30], [5, 5, 45, 45]], np.float32),
        scores=np.array([0.9, 0.8, 0.4]),
    )
    main = select_main_person(people)
    np.testing.assert_array_equal(main.boxes_xyxy, people.boxes_xyxy[1:2])
    np.testing.assert_array_equal(main.scores, [0.8])
    assert len(select_main_person(people.select(slice(0, 0)))) == 0
