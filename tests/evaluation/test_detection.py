"""Recall and precision of detections, on boxes whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rtmpose3d.evaluation.metrics import AnnotatedBoxes, assign_boxes, detection_metrics
from rtmpose3d.structures import Detections

TALL, OTHER = [20.0, 10.0, 60.0, 90.0], [120.0, 15.0, 170.0, 95.0]
SMALL = [90.0, 40.0, 96.0, 52.0]
ELSEWHERE = [70.0, 5.0, 110.0, 80.0]


def detected(*boxes: list[float], scores: list[float] | None = None) -> Detections:
    return Detections(
        boxes_xyxy=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.array(scores or [0.9] * len(boxes), np.float32),
    )


def image(*boxes: list[float], ignored: tuple[int, ...] = (), complete: bool = True):
    return AnnotatedBoxes(
        boxes_xyxy=np.array(boxes).reshape(-1, 4),
        ignored=np.isin(np.arange(len(boxes)), ignored),
        size_wh=(200, 100),
        complete=complete,
    )


def measure(annotated: AnnotatedBoxes, found: Detections):
    return detection_metrics([annotated], [found], score_thr=0.5)


def test_true_and_false_positives_are_counted() -> None:
    metrics = measure(image(TALL, OTHER), detected(TALL, ELSEWHERE))
    assert (metrics.people, metrics.detected) == (2, 1)
    assert (metrics.detections, metrics.false_positives) == (2, 1)
    assert (metrics.recall, metrics.precision) == (0.5, 0.5)


def test_counts_of_images_are_added() -> None:
    metrics = detection_metrics(
        [image(TALL), image(TALL, OTHER)],
        [detected(TALL, OTHER), detected(OTHER)],
        score_thr=0.5,
    )
    assert (metrics.people, metrics.detected, metrics.detections) == (3, 2, 3)
    assert metrics.precision == pytest.approx(2 / 3)


def test_small_people_need_not_be_detected_and_may_be() -> None:
    for boxes in ((TALL,), (TALL, SMALL)):
        metrics = measure(image(TALL, SMALL), detected(*boxes))
        assert (metrics.people, metrics.recall, metrics.precision) == (1, 1, 1)


@pytest.mark.parametrize(("height_px", "counts"), [(19, False), (20, False), (21, True)])
def test_only_detections_taller_than_a_fifth_of_the_image_are_false(height_px, counts) -> None:
    """A small false detection is as irrelevant as a small person: neither true nor false."""
    empty = [80.0, 30.0, 110.0, 30.0 + height_px]
    metrics = measure(image(TALL), detected(TALL, empty))
    assert metrics.false_positives == int(counts)
    assert metrics.detections == 1 + int(counts)
    assert metrics.precision == (0.5 if counts else 1)


@pytest.mark.parametrize(("height_px", "counts"), [(20, False), (21, True)])
def test_only_people_taller_than_a_fifth_of_the_image_count(height_px, counts) -> None:
    person = [80.0, 30.0, 110.0, 30.0 + height_px]
    assert measure(image(TALL, person), detected(TALL)).people == 1 + int(counts)


def test_detecting_a_person_twice_is_one_false_positive() -> None:
    nearly = [22.0, 10.0, 61.0, 90.0]
    metrics = measure(image(TALL), detected(TALL, nearly))
    assert (metrics.recall, metrics.precision) == (1, 0.5)


def test_ignored_regions_match_any_number_of_detections() -> None:
    crowd = [100.0, 0.0, 200.0, 100.0]
    annotated = image(TALL, crowd, ignored=(1,))
    metrics = measure(annotated, detected(TALL, OTHER, [110.0, 5.0, 150.0, 60.0]))
    assert (metrics.people, metrics.recall, metrics.precision) == (1, 1, 1)


def test_a_detection_mostly_outside_an_ignored_region_is_false() -> None:
    crowd = [100.0, 0.0, 200.0, 100.0]
    overlapping = [40.0, 0.0, 140.0, 100.0]  # 40 % inside
    metrics = measure(image(crowd, ignored=(0,)), detected(overlapping))
    assert (metrics.people, metrics.false_positives) == (0, 1)


def test_incompletely_annotated_images_do_not_count_for_precision() -> None:
    metrics = measure(image(TALL, complete=False), detected(TALL, OTHER))
    assert metrics.recall == 1
    assert math.isnan(metrics.precision)


def test_low_scores_are_ignored() -> None:
    found = detected(TALL, OTHER, scores=[0.5, 0.4])
    assert measure(image(TALL, OTHER), found).recall == 0.5  # a score equal to the minimum counts


@pytest.mark.parametrize("boxes", [(), (TALL,)])
def test_no_people_and_no_detections_are_no_errors(boxes: tuple[list[float], ...]) -> None:
    metrics = measure(image(*boxes), detected())
    assert (metrics.people, metrics.detections) == (len(boxes), 0)


def test_the_best_scored_detection_gets_the_person() -> None:
    loose = [20.0, 10.0, 60.0, 85.0]
    person = assign_boxes(detected(loose, TALL, scores=[0.5, 0.9]), np.array([TALL]))
    assert person.tolist() == [-1, 0]


def test_boxes_match_from_an_iou_of_one_half_on() -> None:
    wide = [20.0, 10.0, 100.0, 90.0]  # twice as wide: an IoU of 0.5
    assert assign_boxes(detected(wide), np.array([TALL])).tolist() == [0]
    wider = [20.0, 10.0, 101.0, 90.0]
    assert assign_boxes(detected(wider), np.array([TALL])).tolist() == [-1]
