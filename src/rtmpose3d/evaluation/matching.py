"""Annotated people beside what was found of each: the ground of tables, histograms and sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.evaluation.coco_annotations import CocoImage
from rtmpose3d.evaluation.metrics.oks import oks_matrix
from rtmpose3d.evaluation.protocols.coco_results import NOBODY, FoundPeople
from rtmpose3d.evaluation.real_people import RealPerson
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures import BoolArray, FloatArray, IntArray

LEAST_OKS = 0.1  # a detection less like a person than this is not its


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedPeople:
    """N annotated people and what was found of them.

    Attributes:
        names: what tables and sheets call them, with image and annotation.
        image_paths: their images; None where they are not at hand.
        boxes_xyxy: (N, 4) px, annotated.
        true: (N, 133, 2) px.
        annotated: (N, 133) bool.
        found: (N, 133, 2) px; nan for people who were not found.
        oks: (N,) similarity over all keypoints; 0 for people who were not found.
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
    images: Sequence[CocoImage], found: Mapping[int, FoundPeople], image_dir: Path | None
) -> ComparedPeople:
    """Everybody with a labelled body keypoint, each with the detection that is most like them.

    Pairs are made by falling OKS over all keypoints, down to 0.1, each detection once.

    Args:
        images: annotated.
        found: poses by image id.
        image_dir: folder of the images, if at hand.
    """
    names, paths, rows = [], [], []
    for image in images:
        people = found.get(image.image_id, NOBODY)
        chosen = image.with_body
        owner, oks = _pairs(image, people, chosen)
        for row, find, similarity in zip(
            chosen.tolist(), owner.tolist(), oks.tolist(), strict=True
        ):
            names.append(f"{image.file_name}, annotation {image.ids[row]}")
            paths.append(None if image_dir is None else image_dir / image.file_name)
            points = people.keypoints[find, :, :2] if find >= 0 else np.full((133, 2), np.nan)
            rows.append((image, row, points, similarity))
    return ComparedPeople(
        names=tuple(names),
        image_paths=tuple(paths),
        boxes_xyxy=np.array([p.boxes_xyxy[i] for p, i, _, _ in rows]).reshape(-1, 4),
        true=np.array([p.keypoints[i] for p, i, _, _ in rows]).reshape(-1, 133, 2),
        annotated=np.array([p.annotated[i] for p, i, _, _ in rows], bool).reshape(-1, 133),
        found=np.array([points for _, _, points, _ in rows]).reshape(-1, 133, 2),
        oks=np.array([similarity for *_, similarity in rows], np.float64),
    )


def _pairs(image: CocoImage, people: FoundPeople, chosen: IntArray) -> tuple[IntArray, FloatArray]:
    """(G',) row of each person's detection or -1, and their similarity or 0."""
    owner, similarity = np.full(len(chosen), -1), np.zeros(len(chosen))
    if not len(people) or not len(chosen):
        return owner, similarity
    oks = oks_matrix(
        people.keypoints[..., :2],
        image.keypoints[chosen],
        image.annotated[chosen],
        image.area_px2[chosen],
        image.boxes_xyxy[chosen],
        WHOLEBODY.sigmas,
    )
    while (best := oks.max()) >= LEAST_OKS:
        find, person = np.unravel_index(int(oks.argmax()), oks.shape)
        owner[person], similarity[person] = find, best
        oks[find], oks[:, person] = -1, -1
    return owner, similarity


def compare_people(
    people: Sequence[RealPerson], found: FloatArray, found_camera: FloatArray | None
) -> ComparedPeople:
    """People of other datasets, each with what was found in their box.

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
    """Image and place in it."""
    seen: dict[Path, int] = {}
    names = []
    for person in people:
        number = seen[person.image_path] = seen.get(person.image_path, -1) + 1
        names.append(f"{person.image_path.name}, person {number}")
    return names
