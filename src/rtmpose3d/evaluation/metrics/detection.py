"""Recall and precision of person detections, and their assignment to annotated boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtmpose3d.geometry.boxes import box_areas, intersection_areas, iou_matrix
from rtmpose3d.structures import BoolArray, Detections, FloatArray, IntArray

IOU_THRESHOLD = 0.5
MIN_HEIGHT = 0.2  # of the image: smaller people need not be detected
EPS_PX2 = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class AnnotatedBoxes:
    """Annotated people of one image.

    Attributes:
        boxes_xyxy: (G, 4) px.
        ignored: (G,) bool, regions that need not be detected but may be (crowds).
        size_wh: size of the image, px.
        complete: whether all people are annotated; if not, the image is not used for precision.
    """

    boxes_xyxy: FloatArray
    ignored: BoolArray
    size_wh: tuple[int, int]
    complete: bool = True


@dataclass(frozen=True, kw_only=True)
class DetectionMetrics:
    """Counts over many images, at one score threshold.

    Only people and detections taller than a fifth of the image count.

    Attributes:
        people: number of annotated people.
        detected: number of them who were detected.
        detections: number of detections in completely annotated images.
        false_positives: number of those that match no annotated person.
    """

    people: int
    detected: int
    detections: int
    false_positives: int

    @property
    def recall(self) -> float:
        """Share of the people who were detected; nan without people."""
        return self.detected / self.people if self.people else float("nan")

    @property
    def precision(self) -> float:
        """Share of the detections that match a person; nan without detections."""
        return 1 - self.false_positives / self.detections if self.detections else float("nan")


def detection_metrics(
    images: Sequence[AnnotatedBoxes], detections: Sequence[Detections], *, score_thr: float
) -> DetectionMetrics:
    """Recall and precision at an IoU of 0.5 and one score threshold.

    A detection of a small person or of an ignored region is neither true nor false.

    Args:
        images: annotated people of each image.
        detections: detections of each image.
        score_thr: minimum score of detections.
    """
    counts = np.zeros(4, int)
    for image, found in zip(images, detections, strict=True):
        counts += _count(image, found.select(found.scores >= score_thr))
    people, detected, count, false_positives = counts.tolist()
    return DetectionMetrics(
        people=people, detected=detected, detections=count, false_positives=false_positives
    )


def _count(image: AnnotatedBoxes, detections: Detections) -> tuple[int, int, int, int]:
    min_px = MIN_HEIGHT * image.size_wh[1]
    person = assign_boxes(detections, image.boxes_xyxy, image.ignored)
    counted = (_heights(image.boxes_xyxy) > min_px) & ~image.ignored
    people, true_positive = int(counted.sum()), np.isin(person, np.flatnonzero(counted))
    detected = len(set(person[true_positive].tolist()))
    if not image.complete:
        return people, detected, 0, 0
    false_positive = (person < 0) & (_heights(detections.boxes_xyxy) > min_px)
    wrong = int(false_positive.sum())
    return people, detected, int(true_positive.sum()) + wrong, wrong


def assign_boxes(
    detections: Detections,
    boxes_xyxy: FloatArray,
    ignored: BoolArray | None = None,
    *,
    iou_thr: float = IOU_THRESHOLD,
) -> IntArray:
    """Assigns detections to annotated people by IoU, by decreasing score, each person once.

    An ignored region may be matched any number of times, and by any detection that is mostly
    inside it.

    Args:
        detections: D detections.
        boxes_xyxy: (G, 4) px, annotated.
        ignored: (G,) bool; None: none are.
        iou_thr: minimum IoU, or minimum share of the detection inside an ignored region.

    Returns:
        (D,) row of each detection's person, -1 for none.
    """
    person = np.full(len(detections), -1)
    ignored = np.zeros(len(boxes_xyxy), bool) if ignored is None else ignored
    if not len(detections) or not len(boxes_xyxy):
        return person
    iou = iou_matrix(detections.boxes_xyxy.astype(np.float64), boxes_xyxy.astype(np.float64))
    free = ~ignored
    for d in np.argsort(-detections.scores, kind="stable"):
        candidates = np.where(free, iou[d], -1.0)
        best = int(candidates.argmax())
        if candidates[best] >= iou_thr:
            person[d], free[best] = best, False
            continue
        covered = np.where(ignored, _covered(detections.boxes_xyxy[d], boxes_xyxy), 0.0)
        if covered.max() >= iou_thr:
            person[d] = int(covered.argmax())
    return person


def _covered(box_xyxy: FloatArray, regions_xyxy: FloatArray) -> FloatArray:
    """(G,) share of the box inside each region: COCO's measure for crowds."""
    common = intersection_areas(box_xyxy, regions_xyxy)
    return common / np.maximum(box_areas(box_xyxy), EPS_PX2)


def _heights(boxes_xyxy: FloatArray) -> FloatArray:
    return boxes_xyxy[:, 3] - boxes_xyxy[:, 1]
