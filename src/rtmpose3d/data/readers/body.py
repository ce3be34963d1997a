"""Readers of body datasets that are not plain COCO: MPII, sub-JHMDB, Human-Art."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TypedDict, cast

import numpy as np

from rtmpose3d.data.candidates import (
    OTHER_SCENE,
    AnnotationFile,
    AnnotationRef,
    BuildResult,
    Candidate,
    Labels,
    ReadOptions,
    Skipped,
    make_record,
    parse_number,
    parse_numbers,
    read_json,
)
from rtmpose3d.data.readers.coco_document import image_path
from rtmpose3d.data.readers.coco_files import (
    CocoRow,
    build_record,
    clipped_box,
    coco_candidates,
    parse_points,
)
from rtmpose3d.errors import InputError
from rtmpose3d.structures import FloatArray

PIXEL_STD = 200.0  # MPII and its followers give a square's side in units of this
MPII_SHIFT_PX = 15.0  # downwards times the scale, so that the square holds the feet (HRNet, mmpose)
_HUMANART_IMAGES = "HumanArt/images/"  # its file names start with the folder of the images


def square_box(center: FloatArray, scale: object) -> FloatArray:
    """(4,) corners of the square that MPII and its followers give as centre and scale.

    Raises:
        InputError: the scale is no finite number, or negative.
    """
    half = np.float32(parse_number(scale, "scale", minimum=0)) * PIXEL_STD / 2
    return np.concatenate([center - half, center + half])


class _MpiiPerson(TypedDict):
    image: str
    center: list[float]
    scale: float
    joints: list[list[float]]
    joints_vis: list[int]


def read_mpii(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reads MPII's JSON files as HRNet and mmpose distribute them (1-based, from MATLAB).

    The box is the published square, 200 px times `scale`. It is about a fifth larger than the
    person; cropping adds its usual margin to it, as the reference does.
    """
    people = read_json(file.path)
    if not isinstance(people, list):
        raise InputError(f"{file.path} must hold a list of people; it is of another format")
    if not people:
        raise InputError(f"{file.path} is empty: it holds no people")
    images: dict[str, int] = {}
    for index, person in enumerate(people):
        name = person.get("image", "") if isinstance(person, dict) else ""
        if images.setdefault(name, len(images)) % options.every:
            continue
        ref = AnnotationRef(file=file, index=index, annotation_id=index)
        yield Candidate(ref=ref, build=partial(_build_mpii, ref, cast("_MpiiPerson", person)))


def _build_mpii(ref: AnnotationRef, person: _MpiiPerson) -> BuildResult:
    center = parse_numbers(person["center"], "center", 2)
    if center[0] != -1:
        center[1] += MPII_SHIFT_PX * parse_number(person["scale"], "scale", minimum=0)
    count = len(ref.file.keypoint_map)
    labels = Labels(
        box_xyxy=square_box(center - 1, person["scale"]),  # MATLAB counts from 1
        points=parse_numbers(person["joints"], "joints", count, 2),
        visible=parse_numbers(person["joints_vis"], "joints_vis", count),
    )
    name = person["image"]
    stem = Path(name).stem
    ref = AnnotationRef(
        file=ref.file,
        index=ref.index,
        annotation_id=ref.annotation_id,
        image_id=int(stem) if stem.isdecimal() else None,
    )
    return make_record(ref, labels, image_path(ref.file.images, name))


def read_jhmdb(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reads sub-JHMDB's JSON files as mmpose distributes them (1-based, from MATLAB)."""
    return coco_candidates(file, options, _build_jhmdb)


def _build_jhmdb(row: CocoRow) -> BuildResult:
    points, visible = parse_points(row.annotation["keypoints"], len(row.ref.file.keypoint_map))
    box = clipped_box(row, shift=-1.0)
    return build_record(row, Labels(box_xyxy=box, points=points - 1, visible=visible))


def read_humanart(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reads Human-Art with its 21 keypoints; `options.scenes` selects scenes."""
    return coco_candidates(file, options, _build_humanart)


def _build_humanart(row: CocoRow) -> BuildResult:
    name = row.image["file_name"].removeprefix(_HUMANART_IMAGES)
    scenes = row.options.scenes
    if scenes and not row.options.reference_quirks and not name.startswith(scenes):
        return Skipped(reason=OTHER_SCENE)  # the reference takes all scenes
    points, visible = parse_points(row.annotation["keypoints_21"], len(row.ref.file.keypoint_map))
    labels = Labels(box_xyxy=clipped_box(row), points=points, visible=visible)
    image = row.image.copy()
    image["file_name"] = name
    return build_record(
        CocoRow(ref=row.ref, annotation=row.annotation, image=image, options=row.options), labels
    )
