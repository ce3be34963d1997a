"""Rendered people of a dataset that `rtmpose3d synth` wrote, as annotated like real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.mean_pose import MeanPose
from rtmpose3d.evaluation.metrics.mpjpe import HIPS
from rtmpose3d.evaluation.real_people import RealPerson
from rtmpose3d.geometry import Camera

DATASET = "rendered"
LEAST_KEYPOINTS = 8  # of the body and feet in the image; who shows less does not count
LEAST_VISIBLE = 4  # of them not hidden


class _Annotation(TypedDict):
    image_id: int
    bbox: list[float]
    area: float
    keypoints: list[float]
    foot_kpts: list[float]
    face_kpts: list[float]
    lefthand_kpts: list[float]
    righthand_kpts: list[float]
    keypoints_3d: list[list[float]]


def read_rendered_people(folder: Path, *, max_images: int | None = None) -> list[RealPerson]:
    """Everybody in the finished shards of a dataset; who hardly shows is marked as crowd.

    Args:
        folder: of the dataset.
        max_images: how many to read at most; None for all.

    Raises:
        InputError: there is no finished shard, or one is broken.
    """
    people: list[RealPerson] = []
    seen = 0
    for path in sorted(folder.glob("*/annotations.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            rows = document["images"][: None if max_images is None else max_images - seen]
            people += _people_of(path.parent, rows, document["annotations"])
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path} is no annotation file of rendered max_images ({error!r})"
            ) from error
        seen += len(rows)
        if max_images is not None and seen >= max_images:
            break
    if not people:
        raise InputError(
            f"{folder} holds no finished shard of rendered max_images with people in it; "
            "make one with: rtmpose3d synth"
        )
    return people


def mean_pose_of_rendered(folder: Path) -> MeanPose:
    """The mean pose of a dataset: what a model trained on it must beat.

    Raises:
        InputError: as `read_rendered_people`.
    """
    people = [person for person in read_rendered_people(folder) if not person.crowd]
    poses = ((p.keypoints, p.annotated, p.box_xyxy, _relative(p)) for p in people)
    return MeanPose.of_poses(poses, of=f"{len(people)} rendered training poses")


def _relative(person: RealPerson) -> np.ndarray:
    assert person.keypoints_camera is not None
    return person.keypoints_camera - person.keypoints_camera[list(HIPS)].mean(axis=0)


def _people_of(
    folder: Path, images: Sequence[Mapping], annotations: Sequence[_Annotation]
) -> Iterator[RealPerson]:
    by_id = {image["id"]: image for image in images}
    for a in annotations:
        image = by_id.get(a["image_id"])
        if image is None:
            continue
        parts = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
        points = np.concatenate([np.reshape(a[part], (-1, 3)) for part in parts])
        body = points[:23, 2]
        hidden = (body > 0).sum() < LEAST_KEYPOINTS or (body == 2).sum() < LEAST_VISIBLE
        camera = {name: image["camera"][name] for name in ("fx", "fy", "cx", "cy")}
        x, y, width, height = a["bbox"]
        yield RealPerson(
            dataset=DATASET,
            image_path=folder / image["file_name"],
            shown="person",
            box_xyxy=np.array([x, y, x + width, y + height], np.float64),
            keypoints=points[:, :2].astype(np.float64),
            annotated=points[:, 2] > 0,
            area_px2=a["area"],
            crowd=bool(hidden),
            seen=points[:, 2] == 2,
            keypoints_camera=np.asarray(a["keypoints_3d"], np.float64),
            camera=Camera(width=image["width"], height=image["height"], **camera),
        )
