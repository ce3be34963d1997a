"""Annotation files of COCO-WholeBody: people of each image, their 133 keypoints, boxes, areas.

Read as published (V1.0: `keypoints`, `foot_kpts`, `face_kpts`, `lefthand_kpts`,
`righthand_kpts`); what `rtmpose3d synth` writes is of the same format. What is wrong is said with
the file, the annotation's place in it and its id.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.errors import Skips
from rtmpose3d.structures import BoolArray, FloatArray, IntArray

Json = Mapping[str, object]
FIELDS: Mapping[str, slice] = {  # of an annotation and of a result: places among the 133
    "keypoints": slice(0, 17),
    "foot_kpts": slice(17, 23),
    "face_kpts": slice(23, 91),
    "lefthand_kpts": slice(91, 112),
    "righthand_kpts": slice(112, 133),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class CocoImage:
    """One image with its G annotated people.

    Attributes:
        image_id: of the annotation file.
        file_name: as written there.
        size_wh: px.
        ids: (G,) of the annotations.
        keypoints: (G, 133, 2) px, where not labelled of no meaning.
        annotated: (G, 133) bool, labelled, seen or hidden.
        boxes_xyxy: (G, 4) px.
        area_px2: (G,) of the people.
        crowd: (G,) bool, regions with many people.
    """

    image_id: int
    file_name: str
    size_wh: tuple[int, int]
    ids: IntArray
    keypoints: FloatArray
    annotated: BoolArray
    boxes_xyxy: FloatArray
    area_px2: FloatArray
    crowd: BoolArray

    @property
    def with_body(self) -> IntArray:
        """Rows of the people whom pose evaluations crop: no crowd, some body keypoint labelled."""
        return np.flatnonzero(~self.crowd & self.annotated[:, :17].any(axis=1))


def read_coco_wholebody(path: Path, skips: Skips) -> list[CocoImage]:
    """The images of an annotation file, by rising id, also those without anybody.

    Args:
        path: the JSON file.
        skips: takes annotations that are broken.

    Raises:
        InputError: the file cannot be used, or an annotation is broken and may not be skipped.
    """
    document = read_json(path)
    if not isinstance(document, dict):
        raise InputError(f"{path} must hold an object with images and annotations")
    image_rows, annotations = (_list_of(document, key, path) for key in ("images", "annotations"))
    images = _images(image_rows, path)
    people: dict[int, list[_Person]] = {image_id: [] for image_id in images}
    for index, annotation in enumerate(annotations):
        where = f"{path}, annotation {index}"
        try:
            person = _checked(annotation, where)
            if person.image_id not in people:
                raise InputError(f"{where}: no image has the id {person.image_id}")
        except InputError as error:
            skips.note(str(error))
            continue
        people[person.image_id].append(person)
    if not any(people.values()):
        raise InputError(f"{path} holds no usable annotation of a person")
    return [_image(images[i], people[i]) for i in sorted(images)]


def read_json(path: Path) -> object:
    """What a JSON file holds.

    Raises:
        InputError: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no valid JSON: {error}") from error


def numbers(value: object, count: int, where: str) -> FloatArray:
    """So many finite numbers as float64.

    Raises:
        InputError: other ones.
    """
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        array = np.full(0, np.nan)
    if array.shape != (count,):
        got = f"{len(value)}" if isinstance(value, list) else repr(value)[:40]
        raise InputError(f"{where}: expected {count} numbers, got {got}")
    if not np.isfinite(array).all():
        place = int(np.argmin(np.isfinite(array)))
        raise InputError(f"{where}: number {place} is {array[place]}; all must be finite")
    return array


def number(row: Json, key: str, where: str) -> float:
    """A finite number of an object.

    Raises:
        InputError: it is missing, or none.
    """
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        got = "it is missing" if key not in row else f"got {value!r:.40}"
        raise InputError(f"{where}: {key!r} must be a finite number; {got}")
    return float(value)


def points_of(row: Json, where: str) -> FloatArray:
    """(133, 3) x, y and flag or score, of an annotation or a result.

    Raises:
        InputError: a field is missing, of another length, or not finite.
    """
    parts = []
    for key, places in FIELDS.items():
        if key not in row:
            raise InputError(
                f"{where}: {key!r} is missing; expected COCO-WholeBody's format with "
                f"{', '.join(FIELDS)}"
            )
        parts.append(numbers(row[key], 3 * (places.stop - places.start), f"{where}: {key}"))
    return np.concatenate(parts).reshape(-1, 3)


def _list_of(document: Json, key: str, path: Path) -> Sequence[object]:
    value = document.get(key)
    if not isinstance(value, list) or not value:
        raise InputError(f"{path}: {key!r} must be a list that is not empty")
    return value


@dataclass(frozen=True, kw_only=True)
class _Image:
    image_id: int
    file_name: str
    size_wh: tuple[int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Person:
    annotation_id: int
    image_id: int
    points: FloatArray  # (133, 3) x, y, flag
    box_xyxy: FloatArray  # (4,)
    area_px2: float
    crowd: bool


def _images(images: Sequence[object], path: Path) -> dict[int, _Image]:
    """Images by id."""
    by_id: dict[int, _Image] = {}
    for index, image in enumerate(images):
        where = f"{path}, image {index}"
        if not isinstance(image, dict) or not isinstance(image.get("file_name"), str):
            raise InputError(f"{where}: expected an object with id, file_name, width and height")
        image_id, width, height = (_whole(image, key, where) for key in ("id", "width", "height"))
        if image_id in by_id:
            raise InputError(f"{where}: the id {image_id} occurs twice")
        by_id[image_id] = _Image(
            image_id=image_id, file_name=image["file_name"], size_wh=(width, height)
        )
    return by_id


def _whole(row: Json, key: str, where: str) -> int:
    value = row.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{where}: {key!r} must be a whole number, got {value!r:.40}")
    return value


def _checked(annotation: object, where: str) -> _Person:
    if not isinstance(annotation, dict):
        raise InputError(f"{where}: expected an object, got {annotation!r:.40}")
    where = f"{where} (id {annotation.get('id')})"
    box = numbers(annotation.get("bbox"), 4, f"{where}: bbox")
    return _Person(
        annotation_id=_whole(annotation, "id", where),
        image_id=_whole(annotation, "image_id", where),
        points=points_of(annotation, where),
        box_xyxy=np.concatenate([box[:2], box[:2] + box[2:]]),
        area_px2=number(annotation, "area", where),
        crowd=bool(annotation.get("iscrowd", 0)),
    )


def _image(image: _Image, people: Sequence[_Person]) -> CocoImage:
    points = np.array([person.points for person in people]).reshape(-1, 133, 3)
    return CocoImage(
        image_id=image.image_id,
        file_name=image.file_name,
        size_wh=image.size_wh,
        ids=np.array([person.annotation_id for person in people], np.int64),
        keypoints=points[..., :2],
        annotated=points[..., 2] > 0,
        boxes_xyxy=np.array([person.box_xyxy for person in people]).reshape(-1, 4),
        area_px2=np.array([person.area_px2 for person in people], np.float64),
        crowd=np.array([person.crowd for person in people], bool),
    )
