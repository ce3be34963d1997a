"""COCO-WholeBody's results JSON and detections JSON: reading and writing.

A results file is a list with one object per person: `image_id`, `category_id` 1, `score`, and x, y,
score of every keypoint in the fields of the annotations; optionally `foot_score`, `face_score`,
`lefthand_score`, `righthand_score` and `wholebody_score` (V1.0).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from rtmpose3d.data.candidates import box_from_xywh, read_json
from rtmpose3d.data.readers.wholebody import WHOLEBODY_FIELDS, wholebody_points
from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.poses import ImagePoses
from rtmpose3d.skeletons import PART_INDICES
from rtmpose3d.structures import Detections, FloatArray

PX_DECIMALS = 3
PERSON = 1  # category
PART_SCORES = ("foot", "face", "lefthand", "righthand", "wholebody")

Row = Mapping[str, object]


def read_results(path: Path, image_ids: Iterable[int]) -> dict[int, ImagePoses]:
    """Reads a results file; other categories than persons are skipped.

    Args:
        path: JSON in the official format.
        image_ids: ids of the annotated images.

    Returns:
        The poses by image id.

    Raises:
        InputError: the file is of another format, or a result is broken or of an unknown image.
    """
    known = set(image_ids)
    rows: dict[int, list[tuple[FloatArray, dict[str, float]]]] = {}
    for where, row in _rows(path, "result"):
        image_id = row.get("image_id")
        if not isinstance(image_id, int) or image_id not in known:
            raise InputError(f"{where}: no annotated image has the id {image_id!r}")
        if row.get("category_id", PERSON) != PERSON:
            continue
        names = ["score", *(f"{part}_score" for part in PART_SCORES if f"{part}_score" in row)]
        scores = {name: finite_number(row, name, where) for name in names}
        rows.setdefault(image_id, []).append((_points(row, where), scores))
    return {image_id: _poses(people) for image_id, people in rows.items()}


def read_detections(
    path: Path, image_ids: Iterable[int], *, bbox_thr: float = 0.0
) -> dict[int, Detections]:
    """Reads boxes of people in COCO's detection format.

    Boxes of other categories or images, below the threshold or without extent are skipped. The
    numbers are taken as they are, as those of the annotations (`data.coco_files`).

    Args:
        path: JSON list of objects with image_id, bbox (x, y, width, height), score, category_id.
        image_ids: ids of the annotated images.
        bbox_thr: minimum score.

    Returns:
        The boxes by image id, best first.

    Raises:
        InputError: the file is of another format, or has no box for any of the images.
    """
    boxes: dict[int, list[tuple[float, FloatArray]]] = {image_id: [] for image_id in image_ids}
    for where, row in _rows(path, "detection"):
        try:
            box = box_from_xywh(row.get("bbox"))
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        score, image_id = finite_number(row, "score", where), row.get("image_id")
        usable = row.get("category_id", PERSON) == PERSON and (box[2:] - box[:2]).min() > 1
        if usable and score >= bbox_thr and isinstance(image_id, int) and image_id in boxes:
            boxes[image_id].append((score, box))
    if not any(boxes.values()):
        raise InputError(f"{path} has no box with a score of {bbox_thr:g} or more for the images")
    return {image_id: _best_first(rows) for image_id, rows in boxes.items()}


def results_document(poses: Mapping[int, ImagePoses]) -> list[dict[str, object]]:
    """Poses in the official results format, by rising image id."""
    return [
        _result(image_id, poses[image_id], i)
        for image_id in sorted(poses)
        for i in range(len(poses[image_id]))
    ]


def finite_number(row: Row, key: str, where: str) -> float:
    """A finite number of a JSON object.

    Raises:
        InputError: it is missing, or no finite number.
    """
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        got = "it is missing" if key not in row else f"got {value!r:.40}"
        raise InputError(f"{where}: {key!r} must be a finite number; {got}")
    return float(value)


def _rows(path: Path, what: str) -> Iterator[tuple[str, Row]]:
    """The objects of a JSON list, each with its name for messages."""
    document = read_json(path)
    if not isinstance(document, list):
        raise InputError(f"{path} must hold a list of {what}s, got a {type(document).__name__}")
    for index, row in enumerate(document):
        where = f"{path}, {what} {index}"
        if not isinstance(row, dict):
            raise InputError(f"{where}: expected an object, got {row!r:.40}")
        yield where, row


def _points(row: Row, where: str) -> FloatArray:
    try:
        points = wholebody_points(row)
    except KeyError as error:
        raise InputError(
            f"{where}: {error} is missing; expected COCO-WholeBody's fields "
            f"{', '.join(WHOLEBODY_FIELDS)}"
        ) from error
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    if not np.isfinite(points).all():
        raise InputError(f"{where}: all coordinates and scores must be finite")
    return points


def _poses(people: Sequence[tuple[FloatArray, Mapping[str, float]]]) -> ImagePoses:
    points = np.stack([points for points, _ in people])
    return ImagePoses(
        keypoints_px=points[..., :2],
        keypoint_scores=points[..., 2],
        scores=np.array([row["score"] for _, row in people]),
        part_scores={
            part: np.array([row.get(f"{part}_score", row["score"]) for _, row in people])
            for part in PART_SCORES
            if any(f"{part}_score" in row for _, row in people)
        },
    )


def _best_first(rows: Sequence[tuple[float, FloatArray]]) -> Detections:
    ordered = sorted(rows, key=lambda row: -row[0])
    return Detections(
        boxes_xyxy=np.array([box for _, box in ordered], np.float32).reshape(-1, 4),
        scores=np.array([score for score, _ in ordered], np.float32),
    )


def _result(image_id: int, poses: ImagePoses, i: int) -> dict[str, object]:
    pixels = np.round(np.asarray(poses.keypoints_px[i], np.float64), PX_DECIMALS) + 0.0
    points = np.column_stack([pixels, poses.keypoint_scores[i]])
    fields = {
        field: points[PART_INDICES[part]].ravel().tolist()
        for field, part in WHOLEBODY_FIELDS.items()
    }
    parts = {f"{part}_score": float(scores[i]) for part, scores in poses.part_scores.items()}
    return {
        "image_id": image_id,
        "category_id": PERSON,
        "score": float(poses.scores[i]),
        **fields,
        **parts,
    }
