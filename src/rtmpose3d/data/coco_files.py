"""Readers' common ground for annotation files in COCO's format: images, people, clipped boxes.

The order of people, which of them are left out, and how boxes are clipped follow the reference
(mmpose, BaseCocoStyleDataset), so that both see the same people with the same boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypedDict, cast

import numpy as np

from rtmpose3d.data.candidates import (
    CROWD,
    NO_BOX,
    NO_KEYPOINTS,
    NOT_FOR_KEYPOINTS,
    AnnotationFile,
    Built,
    Candidate,
    Labels,
    LeftOut,
    Place,
    ReadOptions,
    make_record,
    numbers,
    read_json,
)
from rtmpose3d.data.records import Shown
from rtmpose3d.errors import InputError
from rtmpose3d.structures import FloatArray


class CocoImage(TypedDict):
    """What readers use of an image's entry; one that a file lacks is a KeyError on access."""

    id: int
    file_name: str
    width: int
    height: int
    capture: int | str
    camera: int | str
    frame_idx: int | str


class CocoAnnotation(TypedDict):
    """What readers use of an annotation; one that a file lacks is a KeyError on access."""

    id: int
    image_id: int
    bbox: list[float]
    keypoints: list[float]
    num_keypoints: int
    area: float
    iscrowd: int
    center: list[float]
    scale: float
    keypoints_21: list[float]
    joint_valid: list[float]
    keypoints_3d: list[list[float]]
    keypoints_valid: list[float]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One annotation with its image.

    Attributes:
        place: where it stands.
        annotation: as the file has it.
        image: as the file has it.
        options: of reading.
    """

    place: Place
    annotation: CocoAnnotation
    image: CocoImage
    options: ReadOptions

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the image, as the file claims it."""
        return int(self.image["width"]), int(self.image["height"])


BuildRow = Callable[[Row], Built]


def coco_candidates(
    file: AnnotationFile, options: ReadOptions, build: BuildRow, *, first_of_image: bool = False
) -> Iterator[Candidate]:
    """Every annotation of a file, image by image.

    Args:
        file: in COCO's format.
        options: of reading.
        build: makes a record of an annotation.
        first_of_image: only the first annotation of each image (InterHand2.6M).

    Raises:
        InputError: the file is no such file, or holds nothing.
    """
    images, annotations = _read(file)
    of_image: dict[int, list[int]] = {image_id: [] for image_id in images}
    for index, annotation in enumerate(annotations):
        image_id = annotation.get("image_id") if isinstance(annotation, dict) else None
        if isinstance(image_id, int) and image_id in of_image:
            of_image[image_id].append(index)
        else:
            place = Place(file=file, index=index)
            yield Candidate(place=place, build=partial(_fail, place, image_id))
    for number, (image_id, indices) in enumerate(of_image.items()):
        if number % options.every:
            continue
        for index in indices[: 1 if first_of_image else None]:
            annotation = annotations[index]
            found = annotation.get("id")
            place = Place(file=file, index=index, annotation_id=found, image_id=image_id)
            row = Row(place=place, annotation=annotation, image=images[image_id], options=options)
            yield Candidate(place=place, build=partial(build, row))


def _fail(place: Place, image_id: object) -> Built:
    raise InputError(f"{place}: its image_id {image_id!r} is none of the file's images")


def _read(file: AnnotationFile) -> tuple[dict[int, CocoImage], list[CocoAnnotation]]:
    document = read_json(file.path)
    if not isinstance(document, dict):
        raise InputError(f"{file.path} must hold `images` and `annotations`; it is another file")
    for name in ("images", "annotations"):
        entries = document.get(name)
        if not isinstance(entries, list):
            raise InputError(f"{file.path} must hold a list `{name}`, as COCO's files do")
        if not entries:
            raise InputError(f"{file.path} is empty: `{name}` has no entry")
    images: dict[int, CocoImage] = {}
    for index, image in enumerate(document["images"]):
        if not isinstance(image, dict) or "id" not in image or "file_name" not in image:
            raise InputError(f"{file.path}, image {index}: it needs `id` and `file_name`")
        images[image["id"]] = cast("CocoImage", image)
    return images, cast("list[CocoAnnotation]", document["annotations"])


def clipped_box(row: Row, shift: float = 0.0) -> FloatArray:
    """(4,) float32 corners of the annotated box, inside the image.

    Args:
        row: with `bbox` as x, y, width, height.
        shift: added to x and y.

    Raises:
        InputError: the box or the image's size is no number.
    """
    x, y, width, height = numbers(row.annotation["bbox"], "bbox", 4).tolist()
    box = np.array([x, y, x, y]) + shift + [0, 0, width, height]
    last = np.subtract(row.size_wh, 1)  # the reference's: 0 to width - 1
    return np.clip(box, 0, np.concatenate([last, last])).astype(np.float32)


def points_of(values: Sequence[float], count: int) -> tuple[FloatArray, FloatArray]:
    """(K, 2) px and (K,) visibility in [0, 1] of a flat list of x, y, flag.

    Args:
        values: the list.
        count: of keypoints, K.

    Raises:
        InputError: it has another length.
    """
    points = numbers(values, f"keypoints (x, y, flag of {count})", count, 3)
    return points[:, :2], np.minimum(1, points[:, 2])


def why_left_out(row: Row, labels: Labels, labelled: int | None) -> LeftOut | None:
    """Whether the reference trains on such a person; None if it does.

    Args:
        row: its annotation.
        labels: its labels.
        labelled: number of labelled keypoints that the file claims, if it does.

    Raises:
        InputError: the box is not finite.
    """
    box = labels.box_xyxy
    if not np.isfinite(box).all():
        raise InputError(f"its box must be finite, got {box.tolist()}")
    if not (box[2:] > box[:2]).all():
        return LeftOut(reason=NO_BOX)
    if row.options.keep_ignored:
        return None
    if row.annotation.get("iscrowd"):
        return LeftOut(reason=CROWD)
    if labelled == 0 or not (np.nan_to_num(labels.points, nan=1.0) > 0).any():
        return LeftOut(reason=NO_KEYPOINTS)
    return None


def record_of_row(
    row: Row, labels: Labels, *, shown: Shown = "person", labelled: int | None = None
) -> Built:
    """The record of an annotation whose labels are known, or why there is none.

    Args:
        row: the annotation.
        labels: made of it.
        shown: what the box encloses.
        labelled: number of labelled keypoints; None: what the file claims, if it does.
    """
    claimed = row.annotation.get("num_keypoints") if labelled is None else labelled
    left_out = why_left_out(row, labels, claimed)
    if left_out is not None:
        return left_out
    area = row.annotation.get("area")
    return make_record(
        row.place,
        labels,
        row.place.file.images / row.image["file_name"],
        image_size_wh=row.size_wh,
        shown=shown,
        area_px2=None if area is None else float(area),
        crowd=bool(row.annotation.get("iscrowd")),
    )


def build_plain(row: Row) -> Built:
    """An annotation with `bbox` and `keypoints`, as most body sets have them."""
    if "bbox" not in row.annotation or "keypoints" not in row.annotation:
        return LeftOut(reason=NOT_FOR_KEYPOINTS)
    points, visible = points_of(row.annotation["keypoints"], len(row.place.file.keypoint_map))
    return record_of_row(row, Labels(box_xyxy=clipped_box(row), points=points, visible=visible))


def read_plain(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reader of body sets in COCO's format: AI Challenger, CrowdPose, PoseTrack18, Halpe."""
    return coco_candidates(file, options, build_plain)
