"""Recall and precision of detections, on boxes whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rtmpose3d.evaluation.metrics.detection import AnnotatedImage, match_boxes, score_detections
from rtmpose3d.structures import Detections

TALL, OTHER = [20.0, 10.0, 60.0, 90.0], [120.0, 15.0, 170.0, 95.0]
SMALL = [90.0, 40.0, 96.0, 52.0]


def found(*boxes: list[float], scores: list[float] | None = None) -> Detections:
    return Detections(
        boxes_xyxy=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.array(scores or [0.9] * len(boxes), np.float32),
    )


def image(*boxes: list[float], ignored: tuple[int, ...] = (), complete: bool = True):
    return AnnotatedImage(
        boxes_xyxy=np.array(boxes).reshape(-1, 4),
        ignored=np.isin(np.arange(len(boxes)), ignored),
        size_wh=(200, 100),
        complete=complete,
    )


def test_hits_misses_and_false_finds_are_counted() -> None:
    false = [70.0, 5.0, 110.0, 80.0]
    scores = score_detections([image(TALL, OTHER)], [found(TALL, false)], score_thr=0.5)
    assert (scores.people, scores.hits, scores.finds, scores.false) == (2, 1, 2, 1)
    assert (scores.recall, scores.precision) == (0.5, 0.5)


def test_small_people_need_not_be_found_and_may_be() -> None:
    for guess in ((TALL,), (TALL, SMALL)):
        scores = score_detections([image(TALL, SMALL)], [found(*guess)], score_thr=0.5)
        assert (scores.recall, scores.precision) == (1, 1)


def test_finding_a_person_twice_is_wrong_once() -> None:
    nearly = [22.0, 10.0, 61.0, 90.0]
    scores = score_detections([image(TALL)], [found(TALL, nearly)], score_thr=0.5)
    assert (scores.recall, scores.precision) == (1, 0.5)


def test_ignored_regions_take_any_number_of_finds() -> None:
    crowd = [100.0, 0.0, 200.0, 100.0]
    annotated = image(TALL, crowd, ignored=(1,))
    scores = score_detections(
        [annotated], [found(TALL, OTHER, [110.0, 5.0, 150.0, 60.0])], score_thr=0.5
    )
    assert (scores.people, scores.recall, scores.precision) == (1, 1, 1)


def test_images_with_people_left_out_tell_nothing_of_precision() -> None:
    scores = score_detections([image(TALL, complete=False)], [found(TALL, OTHER)], score_thr=0.5)
    assert scores.recall == 1
    assert math.isnan(scores.precision)


def test_the_threshold_keeps_out_low_scores() -> None:
    scores = score_detections(
        [image(TALL, OTHER)], [found(TALL, OTHER, scores=[0.6, 0.4])], score_thr=0.5
    )
    assert scores.recall == 0.5


@pytest.mark.parametrize("boxes", [(), (TALL,)])
def test_nobody_and_nothing_found_are_no_errors(boxes: tuple[list[float], ...]) -> None:
    scores = score_detections([image(*boxes)], [found()], score_thr=0.5)
    assert (scores.people, scores.finds) == (len(boxes), 0)


def test_the_better_detection_gets_the_person() -> None:
    loose = [20.0, 10.0, 60.0, 85.0]
    owner = match_boxes(found(loose, TALL, scores=[0.5, 0.9]), np.array([TALL]))
    assert owner.tolist() == [-1, 0]
