"""A model run over annotated people: in their own boxes, or in those that a detector finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.api import RTMPose3D
from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.metrics.detection import match_boxes
from rtmpose3d.evaluation.real_people import RealPerson
from rtmpose3d.structures import Detections, FloatArray, PoseResult


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What a model says of N annotated people.

    Attributes:
        keypoints: (N, 133, 2) px; nan for people who were not found.
        keypoints_camera: (N, 133, 3) m, or None for models without 3D; nan likewise.
        confidence: (N, 133); 0 likewise.
        box_scores: (N,) of the box, 1 for given ones, 0 for people who were not found.
        results: every result, by image, people in the order of their annotations if given.
    """

    keypoints: FloatArray
    keypoints_camera: FloatArray | None
    confidence: FloatArray
    box_scores: FloatArray
    results: dict[Path, PoseResult]


def by_image(people: Sequence[RealPerson]) -> dict[Path, list[int]]:
    """Rows of the people of each image, images in order of appearance."""
    rows: dict[Path, list[int]] = {}
    for i, person in enumerate(people):
        rows.setdefault(person.image_path, []).append(i)
    return rows


def predict_in_given_boxes(model: RTMPose3D, people: Sequence[RealPerson]) -> Predictions:
    """Run the model in every person's annotated box.

    Raises:
        InputError: nobody is given.
    """
    results = {
        path: model(
            path,
            boxes=np.stack([people[i].box_xyxy for i in rows]),
            camera=people[rows[0]].camera,
        )
        for path, rows in by_image(people).items()
    }
    owners = {path: np.arange(len(rows)) for path, rows in by_image(people).items()}
    return _collect(people, results, owners)


def predict_in_found_boxes(
    model: RTMPose3D, people: Sequence[RealPerson], *, bbox_thr: float | None = None
) -> Predictions:
    """Run detector and model; each person gets the detection that matches at an IoU of 0.5.

    Args:
        model: with a detector.
        people: whose boxes enclose the whole person.
        bbox_thr: as for the model.

    Raises:
        InputError: nobody is given.
    """
    results, owners = {}, {}
    for path, rows in by_image(people).items():
        results[path] = model(path, bbox_thr=bbox_thr, camera=people[rows[0]].camera)
        owners[path] = _matched(results[path], people, rows)
    return _collect(people, results, owners)


def collect(
    people: Sequence[RealPerson], results: dict[Path, PoseResult], *, given_boxes: bool
) -> Predictions:
    """Poses of results that exist already, in the order of the people.

    Args:
        people: annotated; every image has a result.
        results: by image.
        given_boxes: whether a result's people are those of the image, in their order; else each
            person gets the detection that matches at an IoU of 0.5.

    Raises:
        InputError: nobody is given.
    """
    owners = {}
    for path, rows in by_image(people).items():
        owners[path] = (
            np.arange(len(rows)) if given_boxes else _matched(results[path], people, rows)
        )
    return _collect(people, results, owners)


def _matched(result: PoseResult, people: Sequence[RealPerson], rows: Sequence[int]) -> np.ndarray:
    """(G,) the row of each person's detection, -1 for none."""
    boxes = np.stack([people[i].box_xyxy for i in rows])
    crowd = np.array([people[i].crowd for i in rows])
    person_of_find = match_boxes(detections_of(result), boxes, crowd)
    find_of_person = np.full(len(rows), -1)
    found = np.flatnonzero(person_of_find >= 0)
    find_of_person[person_of_find[found]] = found
    return find_of_person


def detections_of(result: PoseResult) -> Detections:
    """The boxes that a result's people were found in."""
    return Detections(boxes_xyxy=result.bboxes, scores=result.bbox_scores)


def _collect(
    people: Sequence[RealPerson],
    results: dict[Path, PoseResult],
    owners: dict[Path, np.ndarray],
) -> Predictions:
    """Put every image's people back into the order of the annotations."""
    if not people:
        raise InputError("there is nobody to evaluate on")
    count, has_3d = len(people), all(result.has_3d for result in results.values())
    keypoints = np.full((count, 133, 2), np.nan)
    in_space = np.full((count, 133, 3), np.nan)
    confidence, scores = np.zeros((count, 133)), np.zeros(count)
    for path, rows in by_image(people).items():
        result = results[path]
        for row, find in zip(rows, owners[path].tolist(), strict=True):
            if find < 0:
                continue
            keypoints[row], confidence[row] = result.keypoints_2d[find], result.confidence[find]
            scores[row] = result.bbox_scores[find]
            if result.keypoints_camera is not None:
                in_space[row] = result.keypoints_camera[find]
    return Predictions(
        keypoints=keypoints,
        keypoints_camera=in_space if has_3d else None,
        confidence=confidence,
        box_scores=scores,
        results=results,
    )
