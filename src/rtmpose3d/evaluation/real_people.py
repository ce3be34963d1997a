"""Annotated people of real images, whatever dataset they come from, in the 133 keypoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from rtmpose3d.data.records import PoseRecord
from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import BoolArray, FloatArray

Shown = Literal["person", "face", "hand"]
BOX_SHARE = 0.53  # of a box that a person covers, where no area is annotated (mmpose, PoseTrack18)


@dataclass(frozen=True, kw_only=True, eq=False)
class RealPerson:
    """One annotation.

    Attributes:
        dataset: short name, e.g. "coco".
        image_path: the image.
        shown: what the box encloses: the whole person, a face, or one hand or both.
        box_xyxy: (4,) px, annotated.
        keypoints: (133, 2) px; 0 where not annotated.
        annotated: (133,) bool.
        area_px2: of the person, for OKS.
        crowd: who need not be found: a region with many people, or somebody who hardly shows.
        seen: (133,) bool, annotated and not hidden, where the dataset tells; else None.
        keypoints_camera: (133, 3) m, camera space, where known in 3D; else None.
        camera: of the image, where known.
    """

    dataset: str
    image_path: Path
    shown: Shown
    box_xyxy: FloatArray
    keypoints: FloatArray
    annotated: BoolArray
    area_px2: float
    crowd: bool = False
    seen: BoolArray | None = None
    keypoints_camera: FloatArray | None = None
    camera: Camera | None = None


def person_of_record(record: PoseRecord) -> RealPerson:
    """A record of `rtmpose3d.data`; its 3D counts where all labelled keypoints have it.

    Raises:
        InputError: the record holds its image itself, not the file.
    """
    if not isinstance(record.image, Path):
        raise InputError(f"{record.source}: evaluation needs the file of the image")
    annotated = record.visible > 0
    space = record.keypoints_camera_m
    in_3d = space is not None and bool(np.isfinite(space[annotated]).all())
    box = record.box_xyxy.astype(np.float64)
    area = record.area_px2
    return RealPerson(
        dataset=record.dataset,
        image_path=record.image,
        shown="hand" if record.box_kind == "hands" else record.box_kind,
        box_xyxy=box,
        keypoints=np.where(annotated[:, None], record.keypoints_px, 0.0).astype(np.float64),
        annotated=annotated,
        area_px2=float(np.prod(box[2:] - box[:2])) * BOX_SHARE if area is None else area,
        crowd=record.crowd,
        keypoints_camera=None
        if space is None or not in_3d
        else np.nan_to_num(space.astype(np.float64)),
        camera=record.camera,
    )


def person_from_points(
    dataset: str,
    image_path: Path,
    points: FloatArray,
    annotated: BoolArray,
    ours: Mapping[int, int],
    box_xyxy: Sequence[float] | FloatArray,
    *,
    shown: Shown = "person",
    area_px2: float | None = None,
    crowd: bool = False,
    points_camera: FloatArray | None = None,
    camera: Camera | None = None,
) -> RealPerson:
    """Put a dataset's points in their places among the 133.

    Args:
        dataset: as in `RealPerson`.
        image_path: as in `RealPerson`.
        points: (K', 2) px, the dataset's own.
        annotated: (K',) bool.
        ours: number among theirs -> number among the 133.
        box_xyxy: px.
        shown: as in `RealPerson`.
        area_px2: of the person; None: about half of its box.
        crowd: as in `RealPerson`.
        points_camera: (K', 3) m, where known.
        camera: as in `RealPerson`.
    """
    box = np.asarray(box_xyxy, np.float64)
    keypoints, known = np.zeros((133, 2)), np.zeros(133, bool)
    theirs, places = list(ours), list(ours.values())
    keypoints[places], known[places] = points[theirs], annotated[theirs]
    keypoints[~known] = 0
    keypoints_camera = None
    if points_camera is not None:
        keypoints_camera = np.zeros((133, 3))
        keypoints_camera[places] = points_camera[theirs]
    return RealPerson(
        dataset=dataset,
        image_path=image_path,
        shown=shown,
        box_xyxy=box,
        keypoints=keypoints,
        annotated=known,
        area_px2=float(np.prod(box[2:] - box[:2])) * BOX_SHARE if area_px2 is None else area_px2,
        crowd=crowd,
        keypoints_camera=keypoints_camera,
        camera=camera,
    )
