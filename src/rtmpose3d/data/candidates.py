"""The interface of dataset readers: files, options, annotation references, candidate records.

A reader goes through one annotation file and yields a `Candidate` per annotation. Building it
returns the checked record, returns `Skipped` for an annotation that is valid but not used, or
raises an InputError. So one bad annotation does not end the reading of a file.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from rtmpose3d import untrusted
from rtmpose3d.data.ids import FileId
from rtmpose3d.data.maps.keypoint_map import KeypointMap
from rtmpose3d.data.records import BoxKind, PoseRecord, annotation_text
from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import BoolArray, FloatArray
from rtmpose3d.untrusted.limits import ANNOTATION_JSON

CROWD = "crowd region"
NO_KEYPOINTS = "no labelled keypoint"
NO_BOX = "no box, or a box of less than a pixel inside the image"
OTHER_CATEGORY = "another category than persons"
NOT_FOR_KEYPOINTS = "no keypoints were annotated"
OTHER_SCENE = "scene not requested"
_LARGEST = float(np.finfo(np.float32).max)  # records hold float32


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """Options of reading a dataset.

    Attributes:
        every: take every n-th image, for datasets of video frames.
        keep_ignored: also yield crowd regions and people without labelled keypoints: evaluation
            needs them, training must not see them.
        check_images: raise for missing images; False where only labels are needed.
        scenes: Human-Art: path prefixes of the scenes to take, such as "real_human".
        reference_quirks: reproduce known mistakes of the reference (UBody3D: boxes and keypoint
            order; Human-Art: scenes are not filtered).

    Raises:
        InputError: `every` is below 1.
    """

    every: int = 1
    keep_ignored: bool = False
    check_images: bool = True
    scenes: tuple[str, ...] = ()
    reference_quirks: bool = False

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError(f"every must be 1 or more, got {self.every}")


@dataclass(frozen=True, kw_only=True)
class AnnotationFile:
    """One annotation file of a split of a dataset.

    Attributes:
        dataset: name of the dataset.
        path: the file.
        images: folder that image names are relative to.
        keypoint_map: keypoint map of the dataset.
        licence: licence of images and labels.
    """

    dataset: str
    path: Path
    images: Path
    keypoint_map: KeypointMap
    licence: str


@dataclass(frozen=True, kw_only=True)
class AnnotationRef:
    """Location of one annotation, as error messages name it.

    Attributes:
        file: annotation file.
        index: index in that file, from 0.
        annotation_id, image_id: ids in the dataset, if it has them.
    """

    file: AnnotationFile
    index: int
    annotation_id: FileId | None = None
    image_id: FileId | None = None

    def __str__(self) -> str:
        return annotation_text(self.file.dataset, self.file.path, self.index, self.annotation_id)


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A valid annotation that gives no record.

    Attributes:
        reason: one of this module's constants, equal for all annotations skipped for it.
    """

    reason: str


BuildResult: TypeAlias = PoseRecord | Skipped


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """An annotation that may become a record.

    Attributes:
        ref: location of the annotation.
        build: builds the record; raises InputError, or whatever a broken annotation leads to
            (KeyError, TypeError, ValueError, IndexError).
    """

    ref: AnnotationRef
    build: Callable[[], BuildResult]


Reader: TypeAlias = Callable[[AnnotationFile, ReadOptions], Iterator[Candidate]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """Labels of one person in the dataset's own K keypoints.

    Attributes:
        box_xyxy: (4,) px.
        points: (K, 2) px.
        visible: (K,) in [0, 1].
        points_camera_m: (K, 3) metres, nan where unknown; None for 2D datasets.
        occluded: (K,) bool; None where the dataset does not label occlusion.
        weight: (K,) in [0, 1], weight of each label in training; None: 1 for all.
        unclipped_box_xyxy: (4,) px, box as annotated, where evaluation needs it.
    """

    box_xyxy: FloatArray
    points: FloatArray
    visible: FloatArray
    points_camera_m: FloatArray | None = None
    occluded: BoolArray | None = None
    weight: FloatArray | None = None
    unclipped_box_xyxy: FloatArray | None = None


def make_record(
    ref: AnnotationRef,
    labels: Labels,
    image: Path,
    *,
    keypoint_map: KeypointMap | None = None,
    image_size_wh: tuple[int, int] | None = None,
    box_kind: BoxKind = "person",
    area_px2: float | None = None,
    crowd: bool = False,
    ignored: bool = False,
    camera: Camera | None = None,
) -> PoseRecord:
    """Build the checked record of some labels, mapped to the 133 keypoints.

    Args:
        ref: location of the annotation.
        labels: labels in the dataset's own keypoints.
        image: image file.
        keypoint_map: None for the file's.
        image_size_wh: image size according to the annotations.
        box_kind: what the box encloses.
        area_px2: None where it is not annotated.
        crowd: COCO's iscrowd.
        ignored: whether the person need not be detected.
        camera: camera of the image.

    Raises:
        InputError: the labels are unusable; the message starts with the location.
    """
    chosen = keypoint_map or ref.file.keypoint_map
    try:
        keypoints, visible = (chosen.to_wholebody(v) for v in (labels.points, labels.visible))
        metres, occluded = labels.points_camera_m, labels.occluded
        mapped = None if metres is None else chosen.to_wholebody(metres, fill=np.nan)
        weight = None if labels.weight is None else chosen.to_wholebody(labels.weight, fill=1.0)
        hidden = None if occluded is None else chosen.to_wholebody(occluded.astype(np.float32)) > 0
    except InputError as error:
        raise InputError(f"{ref}: {error}") from error
    box = labels.box_xyxy.astype(np.float32)
    return PoseRecord(
        image=image,
        box_xyxy=box,
        keypoints_px=keypoints,
        visible=visible,
        source=str(ref),
        licence=ref.file.licence,
        keypoints_camera_m=mapped,
        camera=camera,
        dataset=ref.file.dataset,
        annotation_file=ref.file.path,
        index=ref.index,
        image_size_wh=image_size_wh,
        box_kind=box_kind,
        image_id=ref.image_id,
        annotation_id=ref.annotation_id,
        area_px2=area_px2,
        crowd=crowd,
        ignored=ignored,
        occluded=hidden,
        label_weight=weight,
        unclipped_box_xyxy=labels.unclipped_box_xyxy,
    )


def read_json(path: Path) -> object:
    """Reads a JSON file.

    Raises:
        InputError: it is missing, unreadable or invalid JSON; the message says where it breaks.
    """
    return untrusted.read_json(path, limits=ANNOTATION_JSON, advice="download it again")


def parse_numbers(values: object, what: str, *shape: int) -> FloatArray:
    """Numbers of a file as an array of a given shape.

    Args:
        values: nested lists of numbers.
        what: name of the values, for the message.
        shape: shape of the array; one entry may be -1.

    Returns:
        float64.

    Raises:
        InputError: they are no numbers of float32, or too many or too few.
    """
    try:
        array = np.asarray(values, np.float64)
        if (np.isfinite(array) & (np.abs(array) > _LARGEST)).any():
            raise InputError(
                f"{what} must be numbers of shape {shape}, got one beyond {_LARGEST:g}"
            )
        return array.reshape(shape)
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        size = len(values) if isinstance(values, Sequence) else type(values).__name__
        raise InputError(f"{what} must be numbers of shape {shape}, got {size}") from error


def parse_number(value: object, name: str, *, minimum: float = -_LARGEST) -> float:
    """A finite number of a file, also one that is written as text.

    Args:
        value: the number.
        name: of the field, for messages.
        minimum: smallest value that is possible.

    Raises:
        InputError: it is no finite number, or below the minimum.
    """
    rule = "a finite number" + (f", {minimum:g} or more" if minimum > -_LARGEST else "")
    number = math.nan
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        with contextlib.suppress(ValueError, OverflowError):
            number = float(value)
    if not minimum <= number <= _LARGEST:
        raise InputError(f"{name} must be {rule}, got {untrusted.brief(value)}")
    return number


def parse_flag(value: object, name: str) -> bool:
    """A yes or no of a file: true, 1, "1", "true", ...; None, which is no value, means no.

    Raises:
        InputError: it is none of these.
    """
    known = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
    if value is None:
        return False
    if isinstance(value, (bool, int, float, str)):
        text = str(value).strip().lower()
        if text in known:
            return known[text]
    raise InputError(f"{name} must be 0 or 1, got {untrusted.brief(value)}")


def box_from_xywh(values: object) -> FloatArray:
    """(4,) float64 corners of COCO's `bbox` (x, y, width, height), as the file counts pixels.

    Raises:
        InputError: it is no list of four numbers.
    """
    x, y, width, height = parse_numbers(values, "bbox", 4).tolist()
    return np.array([x, y, x + width, y + height])
