"""Shared parts of readers of COCO-style annotation files: images, annotations, boxes, keypoints.

`bbox` becomes a box here and nowhere else. COCO counts pixels from the corner of the first one,
this package from its centre. Public datasets are read as the reference reads them (mmpose,
BaseCocoStyleDataset: numbers as they are, clipped to the image), because published weights were
trained with such boxes; the half pixel is within their rounding. Files that this package writes
itself (`rendered`) are exact, so their reader subtracts the half pixel that the writer added.

Order of people and reasons to skip them follow the reference, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypedDict, cast

import numpy as np

from rtmpose3d.data.candidates import (
    CROWD,
    NO_BOX,
    NO_KEYPOINTS,
    NOT_FOR_KEYPOINTS,
    OTHER_CATEGORY,
    AnnotationFile,
    AnnotationRef,
    BuildResult,
    Candidate,
    Labels,
    ReadOptions,
    Skipped,
    box_from_xywh,
    make_record,
    parse_flag,
    parse_number,
    parse_numbers,
)
from rtmpose3d.data.ids import FileId, id_key, id_order, parse_id
from rtmpose3d.data.readers.coco_document import (
    CocoDocument,
    ImageEntry,
    image_path,
    read_document,
)
from rtmpose3d.data.records import AnnotatedImage, BoxKind, PoseRecord
from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.geometry.boxes import MAX_COORDINATE_PX, MIN_PERSON_SIDE_PX
from rtmpose3d.structures import FloatArray
from rtmpose3d.untrusted import brief


class CocoAnnotation(TypedDict):
    """Fields of an annotation that readers use; a missing one is a KeyError on access."""

    id: FileId
    image_id: FileId
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
        return image_size_wh(self.image)


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
    document = read_document(file)
    by_image: dict[Hashable, list[int]] = {key: [] for key in document.images}
    for index, annotation in enumerate(document.annotations):
        ref = AnnotationRef(file=file, index=index)
        try:
            key = _image_key(ref, annotation)
            by_image[key].append(index)
        except InputError as error:
            yield Candidate(ref=ref, build=partial(_fail, error))
        except KeyError:
            unknown = InputError(f"{ref}: no image has its image_id {_brief_id(annotation)}")
            yield Candidate(ref=ref, build=partial(_fail, unknown))
    for number, (key, indices) in enumerate(by_image.items()):
        if number % options.every:
            continue
        for index in indices[: 1 if first_of_image else None]:
            annotation = cast("CocoAnnotation", document.annotations[index])
            image = document.images[key]
            ref = AnnotationRef(
                file=file,
                index=index,
                annotation_id=_known_id(annotation),
                image_id=image["id"],
            )
            row = CocoRow(ref=ref, annotation=annotation, image=image, options=options)
            yield Candidate(ref=ref, build=partial(_build_row, document, row, build))


def _brief_id(annotation: object) -> str:
    assert isinstance(annotation, dict)
    return brief(annotation["image_id"])


def _image_key(ref: AnnotationRef, annotation: object) -> Hashable:
    if not isinstance(annotation, dict):
        raise InputError(f"{ref}: it must be an object, got a {type(annotation).__name__}")
    image_id = annotation.get("image_id")
    if image_id is None:
        raise InputError(f"{ref}: no image has its image_id None")
    return id_key(parse_id(image_id, f"{ref}: its image_id"))


def _fail(error: InputError) -> BuildResult:
    raise error


def _known_id(annotation: CocoAnnotation) -> FileId | None:
    """The id of an annotation; None if it has none, or one that `_build_row` refuses."""
    with contextlib.suppress(InputError):
        return parse_id(annotation.get("id"), "its id")
    return None


def _build_row(document: CocoDocument, row: CocoRow, build: BuildRow) -> BuildResult:
    """Builds the record of an annotation, if it is of a person."""
    if row.annotation.get("id") is not None:
        parse_id(row.annotation["id"], "its id")
    if not document.shows_person(cast("Mapping[str, object]", row.annotation)):
        return Skipped(reason=OTHER_CATEGORY)
    return build(row)


def list_images(
    files: Sequence[AnnotationFile],
    records: Sequence[PoseRecord],
    on_bad: Callable[[str], None],
) -> list[AnnotatedImage]:
    """All images of COCO-style files with their people, also images without any.

    Args:
        files: annotation files.
        records: their records.
        on_bad: called with the reason for each image that cannot be used and has no people.

    Returns:
        By rising image id; a file that is listed under two ids is two images.

    Raises:
        InputError: a file cannot be read.
    """
    people: dict[tuple[Path | None, Hashable], list[PoseRecord]] = {}
    for record in records:
        if record.image_id is not None:
            people.setdefault((record.annotation_file, id_key(record.image_id)), []).append(record)
    images = []
    for file in files:
        document = read_document(file)
        for key, entry in document.images.items():
            own = people.get((file.path, key), [])
            try:
                image = _annotated_image(file, entry, own)
                images.append(replace(image, person_category=document.person_category))
            except (InputError, KeyError, TypeError, ValueError, OverflowError) as error:
                on_bad(f"{file.path}, image {brief(entry['id'])}: {error}")
    return sorted(images, key=lambda image: id_order(image.image_id))


def _annotated_image(
    file: AnnotationFile, entry: ImageEntry, people: Sequence[PoseRecord]
) -> AnnotatedImage:
    path = image_path(file.images, entry["file_name"])
    return AnnotatedImage(
        path=path,
        people=tuple(people),
        image_id=entry["id"],
        size_wh=image_size_wh(entry),
        file_name=path.relative_to(file.images).as_posix(),
    )


def image_size_wh(entry: ImageEntry) -> tuple[int, int]:
    """Width and height of an image according to the file.

    Raises:
        InputError: they are no whole numbers above 0.
        KeyError: there is none.
    """
    width, height = (
        parse_number(entry[name], f"the image's {name}", minimum=1) for name in ("width", "height")
    )
    whole = width.is_integer() and height.is_integer()
    if not whole or max(width, height) > MAX_COORDINATE_PX:
        raise InputError(
            f"the image's width and height must be whole numbers up to {MAX_COORDINATE_PX}, got "
            f"{width:g} and {height:g}"
        )
    return int(width), int(height)


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
    points = without_unknown(points)
    return points[:, :2], np.clip(points[:, 2], 0, 1)


def without_unknown(points: FloatArray) -> FloatArray:
    """(K, 3) x, y, flag; three zeros where none of them is known (null or NaN in the file)."""
    unknown = np.asarray(np.isnan(points).all(axis=1))
    return np.where(unknown[:, None], 0.0, points)


def skip_reason(row: CocoRow, labels: Labels, labelled: float | None) -> Skipped | None:
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
    if not (box[2:] - box[:2] >= MIN_PERSON_SIDE_PX).all():
        return Skipped(reason=NO_BOX)
    if row.options.keep_ignored:
        return None
    if is_crowd(row):
        return Skipped(reason=CROWD)
    if labelled == 0 or not (np.nan_to_num(labels.points, nan=1.0) > 0).any():
        return Skipped(reason=NO_KEYPOINTS)
    return None


def is_crowd(row: CocoRow) -> bool:
    """COCO's iscrowd: the annotation is of a region with many people.

    Raises:
        InputError: it is neither yes nor no.
    """
    return parse_flag(row.annotation.get("iscrowd"), "iscrowd")


def optional_number(row: CocoRow, field: str, *, minimum: float) -> float | None:
    """A number of an annotation; None if the file does not have it, or has null.

    Raises:
        InputError: it is no finite number, or below the minimum.
    """
    value = cast("Mapping[str, object]", row.annotation).get(field)
    return None if value is None else parse_number(value, field, minimum=minimum)


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
    area = optional_number(row, "area", minimum=0)
    claimed = optional_number(row, "num_keypoints", minimum=0) if labelled is None else labelled
    skipped = skip_reason(row, labels, claimed)
    if skipped is not None:
        return skipped
    return make_record(
        row.ref,
        labels,
        image_path(row.ref.file.images, row.image["file_name"]),
        image_size_wh=row.size_wh,
        box_kind=box_kind,
        area_px2=area,
        crowd=is_crowd(row),
        ignored=ignored,
        camera=camera,
    )


def build_plain(row: CocoRow) -> BuildResult:
    """Builds the record of an annotation with `bbox` and `keypoints`."""
    fields = cast("Mapping[str, object]", row.annotation)
    if fields.get("bbox") is None or fields.get("keypoints") is None:
        return Skipped(reason=NOT_FOR_KEYPOINTS)
    points, visible = parse_points(row.annotation["keypoints"], len(row.ref.file.keypoint_map))
    return build_record(row, Labels(box_xyxy=clipped_box(row), points=points, visible=visible))


def read_plain(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reads body datasets in COCO's format, such as AI Challenger, CrowdPose and OCHuman."""
    return coco_candidates(file, options, build_plain)
