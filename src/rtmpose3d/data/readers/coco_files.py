"""Shared parts of readers of COCO-style annotation files: images, annotations, boxes, keypoints.

`bbox` becomes a box here and nowhere else. COCO counts pixels from the corner of the first one,
this package from its centre. Public datasets are read as the reference reads them (mmpose,
BaseCocoStyleDataset: numbers as they are, clipped to the image), because published weights were
trained with such boxes; the half pixel is within their rounding. Files that this package writes
itself (`rendered`) are exact, so their reader subtracts the half pixel that the writer added.

Order of people and reasons to skip them follow the reference, too.
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
    AnnotationRef,
    BuildResult,
    Candidate,
    Labels,
    ReadOptions,
    Skipped,
    box_from_xywh,
    make_record,
    parse_numbers,
    read_json,
)
from rtmpose3d.data.records import AnnotatedImage, BoxKind, PoseRecord
from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import FloatArray


class ImageEntry(TypedDict):
    """Fields of an image that readers use; accessing one that the file lacks is a KeyError."""

    id: int
    file_name: str
    width: int
    height: int
    capture: int | str
    camera: int | str
    frame_idx: int | str


class CocoAnnotation(TypedDict):
    """Fields of an annotation that readers use; a missing one is a KeyError on access."""

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
class CocoRow:
    """One annotation with the entry of its image.

    Attributes:
        ref: location of the annotation.
        annotation: the annotation, unparsed.
        image: entry of its image, unparsed.
        options: options of reading.
    """

    ref: AnnotationRef
    annotation: CocoAnnotation
    image: ImageEntry
    options: ReadOptions

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the image according to the file."""
        return int(self.image["width"]), int(self.image["height"])


BuildRow = Callable[[CocoRow], BuildResult]


def coco_candidates(
    file: AnnotationFile, options: ReadOptions, build: BuildRow, *, first_of_image: bool = False
) -> Iterator[Candidate]:
    """Candidates for all annotations of a file, image by image.

    Args:
        file: annotation file in COCO's format.
        options: options of reading.
        build: builds the record of an annotation.
        first_of_image: take only the first annotation of each image (InterHand2.6M).

    Raises:
        InputError: the file is of another format, or empty.
    """
    images, annotations = _read_document(file)
    by_image: dict[int, list[int]] = {image_id: [] for image_id in images}
    for index, annotation in enumerate(annotations):
        image_id = annotation.get("image_id") if isinstance(annotation, dict) else None
        if isinstance(image_id, int) and image_id in by_image:
            by_image[image_id].append(index)
        else:
            ref = AnnotationRef(file=file, index=index)
            yield Candidate(ref=ref, build=partial(_fail, ref, image_id))
    for number, (image_id, indices) in enumerate(by_image.items()):
        if number % options.every:
            continue
        for index in indices[: 1 if first_of_image else None]:
            annotation = annotations[index]
            ref = AnnotationRef(
                file=file,
                index=index,
                annotation_id=annotation.get("id"),
                image_id=image_id,
            )
            row = CocoRow(ref=ref, annotation=annotation, image=images[image_id], options=options)
            yield Candidate(ref=ref, build=partial(build, row))


def _fail(ref: AnnotationRef, image_id: object) -> BuildResult:
    raise InputError(f"{ref}: no image has its image_id {image_id!r}")


def _read_document(file: AnnotationFile) -> tuple[dict[int, ImageEntry], list[CocoAnnotation]]:
    document = read_json(file.path)
    if not isinstance(document, dict):
        raise InputError(
            f"{file.path} is of another format: it must hold `images` and `annotations`"
        )
    for name in ("images", "annotations"):
        entries = document.get(name)
        if not isinstance(entries, list):
            raise InputError(f"{file.path} must hold a list `{name}`, as COCO's files do")
        if not entries:
            raise InputError(f"{file.path} is empty: `{name}` has no entry")
    images: dict[int, ImageEntry] = {}
    for index, image in enumerate(document["images"]):
        if not isinstance(image, dict) or "id" not in image or "file_name" not in image:
            raise InputError(f"{file.path}, image {index}: it needs `id` and `file_name`")
        first = images.setdefault(image["id"], cast("ImageEntry", image))
        if first["file_name"] != image["file_name"]:
            raise InputError(f"{file.path}, image {index}: the id {image['id']} occurs twice")
    return images, cast("list[CocoAnnotation]", document["annotations"])


def list_images(
    files: Sequence[AnnotationFile], records: Sequence[PoseRecord]
) -> list[AnnotatedImage]:
    """All images of COCO-style files with their people, also images without any.

    Args:
        files: annotation files.
        records: their records.

    Returns:
        By rising image id.

    Raises:
        InputError: a file cannot be read.
    """
    people: dict[int | None, list[PoseRecord]] = {}
    for record in records:
        people.setdefault(record.image_id, []).append(record)
    entries = ((file, entry) for file in files for entry in _read_document(file)[0].values())
    images = [
        AnnotatedImage(
            path=file.images / entry["file_name"],
            people=tuple(people.get(entry["id"], ())),
            image_id=entry["id"],
            size_wh=(int(entry["width"]), int(entry["height"])),
        )
        for file, entry in entries
    ]
    return sorted(images, key=lambda image: image.image_id or 0)


def clipped_box(row: CocoRow, shift: float = 0.0) -> FloatArray:
    """(4,) float32 corners of the annotated box, clipped to the image as the reference does.

    A box outside the image is kept as it is if ignored people are read, too: it still counts in
    evaluation.

    Args:
        row: row with `bbox` as x, y, width, height.
        shift: added to all corners, px.

    Raises:
        InputError: the box or the image size is no number.
    """
    box = box_from_xywh(row.annotation["bbox"]) + shift
    last = np.subtract(row.size_wh, 1)  # as the reference: 0 to width - 1
    clipped = np.clip(box, 0, np.concatenate([last, last]))
    empty = not (clipped[2:] > clipped[:2]).all()
    return (box if empty and row.options.keep_ignored else clipped).astype(np.float32)


def parse_points(values: Sequence[float], count: int) -> tuple[FloatArray, FloatArray]:
    """(K, 2) px and (K,) visibility in [0, 1] of a flat list of x, y, flag.

    Args:
        values: the flat list.
        count: number of keypoints, K.

    Raises:
        InputError: it has another length.
    """
    points = parse_numbers(values, f"keypoints (x, y, flag of {count})", count, 3)
    return points[:, :2], np.minimum(1, points[:, 2])


def skip_reason(row: CocoRow, labels: Labels, labelled: int | None) -> Skipped | None:
    """Why the reference does not train on a person; None if it does.

    Args:
        row: annotation of the person.
        labels: labels of the person.
        labelled: number of labelled keypoints according to the file, if it says so.

    Raises:
        InputError: the box is not finite.
    """
    box = labels.box_xyxy
    if not np.isfinite(box).all():
        raise InputError(f"its box must be finite, got {box.tolist()}")
    if not (box[2:] > box[:2]).all():
        return Skipped(reason=NO_BOX)
    if row.options.keep_ignored:
        return None
    if row.annotation.get("iscrowd"):
        return Skipped(reason=CROWD)
    if labelled == 0 or not (np.nan_to_num(labels.points, nan=1.0) > 0).any():
        return Skipped(reason=NO_KEYPOINTS)
    return None


def build_record(
    row: CocoRow,
    labels: Labels,
    *,
    box_kind: BoxKind = "person",
    labelled: int | None = None,
    ignored: bool = False,
    camera: Camera | None = None,
) -> BuildResult:
    """Builds the record of an annotation from its labels.

    Args:
        row: the annotation.
        labels: its labels.
        box_kind: what the box encloses.
        labelled: number of labelled keypoints; None: `num_keypoints` of the annotation, if any.
        ignored: whether the person need not be detected.
        camera: camera of the image, if known.
    """
    claimed = row.annotation.get("num_keypoints") if labelled is None else labelled
    skipped = skip_reason(row, labels, claimed)
    if skipped is not None:
        return skipped
    area = row.annotation.get("area")
    return make_record(
        row.ref,
        labels,
        row.ref.file.images / row.image["file_name"],
        image_size_wh=row.size_wh,
        box_kind=box_kind,
        area_px2=None if area is None else float(area),
        crowd=bool(row.annotation.get("iscrowd")),
        ignored=ignored,
        camera=camera,
    )


def build_plain(row: CocoRow) -> BuildResult:
    """Builds the record of an annotation with `bbox` and `keypoints`."""
    if "bbox" not in row.annotation or "keypoints" not in row.annotation:
        return Skipped(reason=NOT_FOR_KEYPOINTS)
    points, visible = parse_points(row.annotation["keypoints"], len(row.ref.file.keypoint_map))
    return build_record(row, Labels(box_xyxy=clipped_box(row), points=points, visible=visible))


def read_plain(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reads body datasets in COCO's format, such as AI Challenger, CrowdPose and OCHuman."""
    return coco_candidates(file, options, build_plain)
