"""What readers of datasets share: files, options, places, and people that may become records.

A reader goes through one annotation file and yields a `Candidate` for each label. Building it gives
the checked record, or says why it is left out (`LeftOut`: nothing is wrong with it), or raises an
InputError. So one bad label does not end the reading of a file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from rtmpose3d.data.keypoint_map import KeypointMap
from rtmpose3d.data.records import PoseRecord, Shown
from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import FloatArray

BOX_SHARE = 0.53  # of a box that a person covers, where no area is annotated (mmpose; poseval)

CROWD = "a region with many people"
NO_KEYPOINTS = "no labelled keypoint"
NO_BOX = "no box, or one without area inside the image"
NOT_FOR_KEYPOINTS = "no keypoints were annotated"
OTHER_SCENE = "another scene than asked for"


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How a dataset is read.

    Attributes:
        every: take every n-th image, for sets of video frames.
        keep_ignored: also give regions with many people and people without labelled keypoints:
            evaluation must know them, training must not see them.
        check_images: raise for images that are not there; off where only labels are needed.
        scenes: Human-Art: scenes to take, by the beginning of the path, such as "real_human".
        reference_quirks: read as the reference does where that is a mistake (UBody3D: boxes and
            order of the keypoints; Human-Art: scenes are not filtered).

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
    """One file of labels of one split of a dataset.

    Attributes:
        dataset: name of the dataset.
        path: of the file.
        images: folder from which the names of images count.
        keypoint_map: of the dataset.
        licence: of images and labels.
    """

    dataset: str
    path: Path
    images: Path
    keypoint_map: KeypointMap
    licence: str


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a label stands.

    Attributes:
        file: that holds it.
        index: in that file, from 0.
        annotation_id, image_id: in the dataset, where it has them.
    """

    file: AnnotationFile
    index: int
    annotation_id: int | None = None
    image_id: int | None = None

    def __str__(self) -> str:
        return place_text(self.file.dataset, self.file.path, self.index, self.annotation_id)


def place_text(dataset: str, path: Path, index: int, annotation_id: int | None) -> str:
    """How errors name a label."""
    known = "" if annotation_id is None else f" (id {annotation_id})"
    return f"{dataset}: {path}, annotation {index}{known}"


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A label that is in order and gives no record.

    Attributes:
        reason: one of this module's texts, the same for all such labels.
    """

    reason: str


Built: TypeAlias = PoseRecord | LeftOut


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """A label that may become a record.

    Attributes:
        place: where it stands.
        build: makes the record; raises InputError, or what broken data leads to (KeyError,
            TypeError, ValueError, IndexError).
    """

    place: Place
    build: Callable[[], Built]


Reader: TypeAlias = Callable[[AnnotationFile, ReadOptions], Iterator[Candidate]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """One person's labels in the dataset's own K keypoints.

    Attributes:
        box_xyxy: (4,) px.
        points: (K, 2) px.
        visible: (K,) in [0, 1].
        points_camera_m: (K, 3) metres, nan where unknown; None for 2D datasets.
    """

    box_xyxy: FloatArray
    points: FloatArray
    visible: FloatArray
    points_camera_m: FloatArray | None = None


def make_record(
    place: Place,
    labels: Labels,
    image: Path,
    *,
    keypoint_map: KeypointMap | None = None,
    image_size_wh: tuple[int, int] | None = None,
    shown: Shown = "person",
    area_px2: float | None = None,
    crowd: bool = False,
    camera: Camera | None = None,
) -> PoseRecord:
    """Labels in the places of the 133, as a checked record.

    Args:
        place: where they stand.
        labels: in the dataset's own keypoints.
        image: file of the image.
        keypoint_map: None: the file's.
        image_size_wh: as the labels claim it.
        shown: what the box encloses.
        area_px2: None: about half of the box.
        crowd: COCO's iscrowd.
        camera: of the image.

    Raises:
        InputError: they are no usable labels; the text begins with the place.
    """
    chosen = keypoint_map or place.file.keypoint_map
    box = labels.box_xyxy.astype(np.float32)
    try:
        keypoints, visible = chosen.place(labels.points), chosen.place(labels.visible)
        metres = labels.points_camera_m
        placed = None if metres is None else chosen.place(metres, fill=np.nan)
    except InputError as error:
        raise InputError(f"{place}: {error}") from error
    about = float(np.prod(np.maximum(box[2:] - box[:2], 0))) * BOX_SHARE
    return PoseRecord(
        image=image,
        box_xyxy=box,
        keypoints_px=keypoints,
        visible=visible,
        source=str(place),
        licence=place.file.licence,
        keypoints_camera_m=placed,
        camera=camera,
        dataset=place.file.dataset,
        annotation_file=place.file.path,
        index=place.index,
        image_size_wh=image_size_wh,
        shown=shown,
        image_id=place.image_id,
        annotation_id=place.annotation_id,
        area_px2=max(about, 1.0) if area_px2 is None else area_px2,
        crowd=crowd,
    )


def read_json(path: Path) -> object:
    """The content of a JSON file.

    Raises:
        InputError: it is missing, not readable or no JSON; the text says where it breaks.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else str(error.strerror)
        raise InputError(f"annotation file {path} {reason}; check the folder's layout") from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"annotation file {path} is no valid JSON: {error}; download it again"
        ) from error


def numbers(values: object, what: str, *shape: int) -> FloatArray:
    """Values of a file as an array.

    Args:
        values: lists of numbers.
        what: they are, for the message.
        shape: that the array gets; one -1 fits.

    Returns:
        float64.

    Raises:
        InputError: they are no numbers, or too many or too few.
    """
    try:
        array = np.asarray(values, np.float64)
        return array.reshape(shape)
    except (TypeError, ValueError) as error:
        size = len(values) if isinstance(values, Sequence) else type(values).__name__
        raise InputError(f"{what} must be numbers of shape {shape}, got {size}") from error
