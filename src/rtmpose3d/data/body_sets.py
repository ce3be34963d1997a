"""Readers of body sets that need more than COCO's format: MPII, sub-JHMDB, Human-Art."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TypedDict, cast

import numpy as np

from rtmpose3d.data.candidates import (
    OTHER_SCENE,
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
from rtmpose3d.data.coco_files import (
    Row,
    clipped_box,
    coco_candidates,
    points_of,
    record_of_row,
)
from rtmpose3d.errors import InputError
from rtmpose3d.structures import FloatArray

PIXEL_STD = 200.0  # MPII and its followers give a square's side in units of this
MPII_SHIFT_PX = 15.0  # downwards times the scale, so that the square holds the feet (HRNet, mmpose)
_HUMANART_IMAGES = "HumanArt/images/"  # its file names begin with the folder of the images


def square_box(center: FloatArray, scale: float) -> FloatArray:
    """(4,) corners of the square that MPII and its followers give as middle and scale."""
    half = np.float32(scale) * PIXEL_STD / 2
    return np.concatenate([center - half, center + half])


class _MpiiPerson(TypedDict):
    image: str
    center: list[float]
    scale: float
    joints: list[list[float]]
    joints_vis: list[int]


def read_mpii(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reader of MPII's JSON files as HRNet and mmpose distribute them (MATLAB, from 1).

    The box is the published square, 200 px times `scale`. It is about a fifth larger than the
    person; cropping adds its usual margin to that, as the reference does.
    """
    people = read_json(file.path)
    if not isinstance(people, list):
        raise InputError(f"{file.path} must hold a list of people; it is another file")
    if not people:
        raise InputError(f"{file.path} is empty: it holds no people")
    images: dict[str, int] = {}
    for index, person in enumerate(people):
        name = person.get("image", "") if isinstance(person, dict) else ""
        if images.setdefault(name, len(images)) % options.every:
            continue
        place = Place(file=file, index=index, annotation_id=index)
        yield Candidate(place=place, build=partial(_build_mpii, place, cast("_MpiiPerson", person)))


def _build_mpii(place: Place, person: _MpiiPerson) -> Built:
    center = numbers(person["center"], "center", 2)
    if center[0] != -1:
        center[1] += MPII_SHIFT_PX * person["scale"]
    count = len(place.file.keypoint_map)
    labels = Labels(
        box_xyxy=square_box(center - 1, person["scale"]),  # MATLAB counts from 1
        points=numbers(person["joints"], "joints", count, 2),
        visible=numbers(person["joints_vis"], "joints_vis", count),
    )
    name = person["image"]
    stem = Path(name).stem
    place = Place(
        file=place.file,
        index=place.index,
        annotation_id=place.annotation_id,
        image_id=int(stem) if stem.isdecimal() else None,
    )
    return make_record(place, labels, place.file.images / name)


def read_jhmdb(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reader of sub-JHMDB's JSON files as mmpose distributes them (MATLAB, from 1)."""
    return coco_candidates(file, options, _build_jhmdb)


def _build_jhmdb(row: Row) -> Built:
    points, visible = points_of(row.annotation["keypoints"], len(row.place.file.keypoint_map))
    box = clipped_box(row, shift=-1.0)
    return record_of_row(row, Labels(box_xyxy=box, points=points - 1, visible=visible))


def read_humanart(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reader of Human-Art with its 21 keypoints; `options.scenes` chooses scenes."""
    return coco_candidates(file, options, _build_humanart)


def _build_humanart(row: Row) -> Built:
    name = row.image["file_name"].removeprefix(_HUMANART_IMAGES)
    wanted = row.options.scenes
    if wanted and not row.options.reference_quirks and not name.startswith(wanted):
        return LeftOut(reason=OTHER_SCENE)  # the reference takes all scenes, whatever is asked for
    points, visible = points_of(row.annotation["keypoints_21"], len(row.place.file.keypoint_map))
    labels = Labels(box_xyxy=clipped_box(row), points=points, visible=visible)
    image = row.image.copy()
    image["file_name"] = name
    return record_of_row(
        Row(place=row.place, annotation=row.annotation, image=image, options=row.options), labels
    )
