"""Annotated people beside what was found of each: the ground of tables, histograms and sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.evaluation.coco_annotations import CocoPicture
from rtmpose3d.evaluation.coco_results import NOBODY, FoundPeople
from rtmpose3d.evaluation.oks import oks_matrix
from rtmpose3d.evaluation.real_people import RealPerson
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures import BoolArray, FloatArray, IntArray

LEAST_OKS = 0.1  # a detection less like a person than this is not its


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedPeople:
    """N annotated people and what was found of them.

    Attributes:
        names: what tables and sheets call them, with picture and annotation.
        image_paths: their pictures; None where they are not at hand.
        boxes_xyxy: (N, 4) px, annotated.
        true: (N, 133, 2) px.
        annotated: (N, 133) bool.
        found: (N, 133, 2) px; nan for people who were not found.
        oks: (N,) likeness over all keypoints; 0 for people who were not found.
        true_camera: (N, 133, 3) metres, camera space; None for 2D data.
        found_camera: (N, 133, 3) metres; nan for people who were not found; None for 2D models.
    """

    names: tuple[str, ...]
    image_paths: tuple[Path | None, ...]
    boxes_xyxy: FloatArray
    true: FloatArray
    annotated: BoolArray
    found: FloatArray
    oks: FloatArray
    true_camera: FloatArray | None = None
    found_camera: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def was_found(self) -> BoolArray:
        """(N,) whether there is a pose for the person."""
        return np.asarray(np.isfinite(self.found).all(axis=(1, 2)))


def compare_coco(
    pictures: Sequence[CocoPicture], found: Mapping[int, FoundPeople], images: Path | None
) -> ComparedPeople:
    """Everybody with a labelled body keypoint, each with the detection that is most like them.

    Pairs are made by falling OKS over all keypoints, down to 0.1, each detection once.

    Args:
        pictures: annotated.
        found: poses by image id.
        images: folder of the pictures, if at hand.
    """
    names, paths, rows = [], [], []
    for picture in pictures:
        people = found.get(picture.image_id, NOBODY)
        chosen = picture.with_body
        owner, oks = _pairs(picture, people, chosen)
        for row, find, likeness in zip(chosen.tolist(), owner.tolist(), oks.tolist(), strict=True):
            names.append(f"{picture.file_name}, annotation {picture.ids[row]}")
            paths.append(None if images is None else images / picture.file_name)
            points = people.keypoints[find, :, :2] if find >= 0 else np.full((133, 2), np.nan)
            rows.append((picture, row, points, likeness))
    return ComparedPeople(
        names=tuple(names),
        image_paths=tuple(paths),
        boxes_xyxy=np.array([p.boxes_xyxy[i] for p, i, _, _ in rows]).reshape(-1, 4),
        true=np.array([p.keypoints[i] for p, i, _, _ in rows]).reshape(-1, 133, 2),
        annotated=np.array([p.annotated[i] for p, i, _, _ in rows], bool).reshape(-1, 133),
        found=np.array([points for _, _, points, _ in rows]).reshape(-1, 133, 2),
        oks=np.array([likeness for *_, likeness in rows], np.float64),
    )


def _pairs(
    picture: CocoPicture, people: FoundPeople, chosen: IntArray
) -> tuple[IntArray, FloatArray]:
    """(G',) row of each person's detection or -1, and their likeness or 0."""
    owner, likeness = np.full(len(chosen), -1), np.zeros(len(chosen))
    if not len(people) or not len(chosen):
        return owner, likeness
    oks = oks_matrix(
        people.keypoints[..., :2],
        picture.keypoints[chosen],
        picture.annotated[chosen],
        picture.area_px2[chosen],
        picture.boxes_xyxy[chosen],
        WHOLEBODY.sigmas,
    )
    while (best := oks.max()) >= LEAST_OKS:
        find, person = np.unravel_index(int(oks.argmax()), oks.shape)
        owner[person], likeness[person] = find, best
        oks[find], oks[:, person] = -1, -1
    return owner, likeness


def compare_people(
    people: Sequence[RealPerson], found: FloatArray, found_camera: FloatArray | None
) -> ComparedPeople:
    """People of other data sets, each with what was found in their box.

    Args:
        people: annotated.
        found: (N, 133, 2) px; nan for people who were not found.
        found_camera: (N, 133, 3) metres, likewise; None for 2D models.
    """
    true = np.stack([person.keypoints for person in people])
    annotated = np.stack([person.annotated for person in people])
    boxes = np.stack([person.box_xyxy for person in people])
    in_space = [person.keypoints_camera for person in people]
    known = [points for points in in_space if points is not None]
    oks = [
        _own_oks(person, points) if np.isfinite(points).all() else 0.0
        for person, points in zip(people, found, strict=True)
    ]
    return ComparedPeople(
        names=tuple(_names(people)),
        image_paths=tuple(person.image_path for person in people),
        boxes_xyxy=boxes,
        true=true,
        annotated=annotated,
        found=np.asarray(found, np.float64),
        oks=np.array(oks),
        true_camera=np.stack(known) if len(known) == len(people) else None,
        found_camera=found_camera,
    )


def _own_oks(person: RealPerson, points: FloatArray) -> float:
    return oks_matrix(
        points[None],
        person.keypoints[None],
        person.annotated[None],
        np.array([person.area_px2]),
        person.box_xyxy[None],
        WHOLEBODY.sigmas,
    ).item()


def _names(people: Sequence[RealPerson]) -> list[str]:
    """Picture and place in it."""
    seen: dict[Path, int] = {}
    names = []
    for person in people:
        number = seen[person.image_path] = seen.get(person.image_path, -1) + 1
        names.append(f"{person.image_path.name}, person {number}")
    return names
