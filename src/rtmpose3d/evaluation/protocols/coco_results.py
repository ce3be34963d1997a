"""COCO-WholeBody's results JSON and detections JSON: reading and writing.

A results file is a list with one object per person: `image_id`, `category_id` 1, `score`, and x, y,
score of every keypoint in the fields of the annotations; optionally `foot_score`, `face_score`,
`lefthand_score`, `righthand_score` and `wholebody_score` (V1.0).
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from rtmpose3d.data import AnnotatedImage, ImageKey
from rtmpose3d.data.candidates import box_from_xywh, read_json
from rtmpose3d.data.ids import id_key, id_order, parse_id
from rtmpose3d.data.readers.wholebody import WHOLEBODY_FIELDS, wholebody_points
from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.errors import SkippedItems
from rtmpose3d.evaluation.poses import ImagePoses
from rtmpose3d.skeletons import PART_INDICES
from rtmpose3d.structures import Detections, FloatArray
from rtmpose3d.untrusted import brief

PX_DECIMALS = 3
PERSON = 1  # category
PART_SCORES = ("foot", "face", "lefthand", "righthand", "wholebody")

Row = Mapping[str, object]


def read_results(
    path: Path, images: Sequence[AnnotatedImage], skipped: SkippedItems | None = None
) -> dict[ImageKey, ImagePoses]:
    """Reads a results file; other categories than persons are skipped and counted.

    Args:
        path: JSON in the official format.
        images: annotated images.
        skipped: counts the results that are not of people.

    Returns:
        The poses by key of the image.

    Raises:
        InputError: the file is of another format, or a result is broken or of an unknown image; or
            there are results, but none of a person.
    """
    known = {id_key(i.image_id): i.key for i in images if i.image_id is not None}
    rows = list(_rows(path, "result"))
    people: dict[ImageKey, list[tuple[FloatArray, dict[str, float]]]] = {}
    excluded: Counter[str] = Counter()
    is_person = _person_rule(path, rows, images)
    for where, row in rows:
        key = _image_key(row, where)
        if key not in known:
            raise InputError(f"{where}: no annotated image has the id {brief(row.get('image_id'))}")
        if not is_person(row):
            excluded[f"category {brief(row['category_id'])}"] += 1
            continue
        names = ["score", *(f"{part}_score" for part in PART_SCORES if f"{part}_score" in row)]
        scores = {name: finite_number(row, name, where) for name in names}
        people.setdefault(known[key], []).append((_points(row, where), scores))
    _report_excluded(path, "results", excluded, len(rows), skipped)
    return {key: _poses(rows) for key, rows in people.items()}


def read_detections(
    path: Path,
    images: Sequence[AnnotatedImage],
    *,
    bbox_thr: float = 0.0,
    skipped: SkippedItems | None = None,
) -> dict[ImageKey, Detections]:
    """Reads boxes of people in COCO's detection format.

    Boxes of other categories or images, below the threshold, or of a pixel or less inside their
    image are skipped and counted. The numbers are taken as they are, as those of the annotations
    (`data.coco_files`).

    Args:
        path: JSON list of objects with image_id, bbox (x, y, width, height), score, category_id.
        images: annotated images.
        bbox_thr: minimum score.
        skipped: counts the boxes that are not used.

    Returns:
        The boxes by key of the image, best first.

    Raises:
        InputError: the file is of another format, or has no box for any of the images.
    """
    known = {id_key(i.image_id): i for i in images if i.image_id is not None}
    boxes: dict[ImageKey, list[tuple[float, FloatArray]]] = {i.key: [] for i in known.values()}
    rows = list(_rows(path, "detection"))
    excluded: Counter[str] = Counter()
    is_person = _person_rule(path, rows, images)
    for where, row in rows:
        try:
            box = box_from_xywh(row.get("bbox"))
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        score, image = finite_number(row, "score", where), known.get(_image_key(row, where))
        if not is_person(row):
            excluded[f"category {brief(row['category_id'])}"] += 1
        elif image is None:
            excluded["image that is not annotated"] += 1
        elif not _covers_pixels(box, image):
            excluded["box of a pixel or less inside the image"] += 1
        elif score < bbox_thr:
            excluded[f"score below {bbox_thr:g}"] += 1
        else:
            boxes[image.key].append((score, box))
    _report_excluded(path, "boxes", excluded, len(rows), skipped)
    if not rows:
        raise InputError(f"{path} is empty: it holds no box")
    return {key: _best_first(rows) for key, rows in boxes.items()}


def _image_key(row: Row, where: str) -> Hashable:
    try:
        return id_key(parse_id(row.get("image_id"), "image_id"))
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _person_rule(
    path: Path, rows: Sequence[tuple[str, Row]], images: Sequence[AnnotatedImage]
) -> Callable[[Row], bool]:
    """The rule that selects the rows of a file that are of people.

    Those without a category, and those of the annotations' own category of people. Where a file
    has none of these and counts from 0, the category 0; where all its rows are of 0 or all of 1,
    these.
    """
    persons = {id_key(i.person_category) for i in images if i.person_category is not None}
    persons = persons or {PERSON}
    used: set[Hashable] = set()
    for where, row in rows:
        if row.get("category_id") is not None:
            try:
                used.add(id_key(parse_id(row["category_id"], "category_id")))
            except InputError as error:
                raise InputError(f"{where}: {error}") from error
    if 0 in used:  # no category of COCO is 0: the file counts from there
        persons = {0}
    elif used == {PERSON}:
        persons = {PERSON}

    def is_person(row: Row) -> bool:
        category = row.get("category_id")
        return category is None or id_key(parse_id(category, "category_id")) in persons

    return is_person


def _report_excluded(
    path: Path, what: str, excluded: Counter[str], total: int, skipped: SkippedItems | None
) -> None:
    count = sum(excluded.values())
    if count and count == total:
        reasons = ", ".join(f"{number} of {reason}" for reason, number in excluded.items())
        raise InputError(f"{path}: none of its {total} {what} can be used: {reasons}")
    if skipped is not None:
        skipped.add_by_rule(what, excluded)


def _covers_pixels(box: FloatArray, image: AnnotatedImage) -> bool:
    inside = box if image.size_wh is None else np.clip(box, 0, [*image.size_wh, *image.size_wh])
    return bool((inside[2:] - inside[:2] > 1).all())


def results_document(
    images: Iterable[AnnotatedImage], poses: Mapping[ImageKey, ImagePoses]
) -> list[dict[str, object]]:
    """Poses in the official results format, by rising image id; ids as in the annotations."""
    ordered = sorted(images, key=lambda image: id_order(image.image_id))
    return [
        _result(image, poses[image.key], i)
        for image in ordered
        if image.image_id is not None and image.key in poses
        for i in range(len(poses[image.key]))
    ]


def finite_number(row: Row, key: str, where: str) -> float:
    """A finite number of a JSON object.

    Raises:
        InputError: it is missing, or no finite number.
    """
    value = row.get(key)
    number = math.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):
            number = float(value)
    if not math.isfinite(number):
        got = "it is missing" if key not in row else f"got {brief(value)}"
        raise InputError(f"{where}: {key!r} must be a finite number; {got}")
    return number


def _rows(path: Path, what: str) -> Iterator[tuple[str, Row]]:
    """The objects of a JSON list, each with its name for messages."""
    document = read_json(path)
    if not isinstance(document, list):
        raise InputError(f"{path} must hold a list of {what}s, got a {type(document).__name__}")
    for index, row in enumerate(document):
        where = f"{path}, {what} {index}"
        if not isinstance(row, dict):
            raise InputError(f"{where}: expected an object, got {brief(row)}")
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


def _result(image: AnnotatedImage, poses: ImagePoses, i: int) -> dict[str, object]:
    pixels = np.round(np.asarray(poses.keypoints_px[i], np.float64), PX_DECIMALS) + 0.0
    points = np.column_stack([pixels, poses.keypoint_scores[i]])
    fields = {
        field: points[PART_INDICES[part]].ravel().tolist()
        for field, part in WHOLEBODY_FIELDS.items()
    }
    parts = {f"{part}_score": float(scores[i]) for part, scores in poses.part_scores.items()}
    return {
        "image_id": image.image_id,
        "category_id": PERSON if image.person_category is None else image.person_category,
        "score": float(poses.scores[i]),
        **fields,
        **parts,
    }
