"""The mean pose as a baseline: the same pose in every box, without looking at the image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.data import PoseRecord
from rtmpose3d.errors import InputError
from rtmpose3d.skeletons import HIPS
from rtmpose3d.structures import FloatArray
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.untrusted import read_arrays, reading
from rtmpose3d.viz import standing_person

MIN_SIDE_PX = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class MeanPose:
    """Mean of many poses.

    Attributes:
        in_box: (133, 2) float64, x and y relative to the box's sides, 0 at its left and top.
        relative_m: (133, 3) float64, metres from the root, camera axes; nan if never known in 3D.
        poses: number of poses.
        source: description of the poses, for captions.
    """

    in_box: FloatArray
    relative_m: FloatArray
    poses: int
    source: str

    def in_boxes(self, boxes_xyxy: FloatArray) -> FloatArray:
        """The pose in each box: (N, 4) px -> (N, 133, 2) px."""
        boxes = np.asarray(boxes_xyxy, np.float64)
        size = boxes[:, None, 2:] - boxes[:, None, :2]
        return boxes[:, None, :2] + self.in_box[None] * size

    def save(self, path: Path) -> None:
        """Writes it as .npz, atomically."""
        with atomic_write(path, "wb") as file:
            np.savez(
                file,
                poses=np.array(self.poses),
                source=np.array(self.source),
                in_box=self.in_box,
                relative_m=self.relative_m,
            )


def load_mean_pose(path: Path) -> MeanPose:
    """Reads a file of `MeanPose.save`.

    Raises:
        InputError: it is another file.
    """
    with reading(path, "mean pose"):
        data = read_arrays(path, "in_box", "relative_m", "poses", "source", what="mean pose")
        pose = MeanPose(
            in_box=np.asarray(data["in_box"], np.float64),
            relative_m=np.asarray(data["relative_m"], np.float64),
            poses=int(data["poses"]),
            source=str(data["source"]),
        )
    if pose.in_box.shape != (133, 2) or pose.relative_m.shape != (133, 3):
        raise InputError(f"{path} holds arrays of other shapes than a mean pose's")
    return pose


def mean_pose(records: Iterable[PoseRecord], *, source: str) -> MeanPose:
    """The mean over annotated people, over annotated keypoints.

    Raises:
        InputError: there are none.
    """
    sums, seen = np.zeros((133, 2)), np.zeros(133)
    sums_m, seen_m, count = np.zeros((133, 3)), np.zeros(133), 0
    for record in records:
        box, use = record.box_xyxy.astype(np.float64), record.annotated
        size = np.maximum(box[2:] - box[:2], MIN_SIDE_PX)
        sums[use] += ((record.keypoints_px - box[:2]) / size)[use]
        seen += use
        if record.keypoints_camera_m is not None:
            metres = record.keypoints_camera_m.astype(np.float64)
            sums_m[use] += (metres - metres[list(HIPS)].mean(axis=0))[use]
            seen_m += use
        count += 1
    if not count:
        raise InputError("a mean pose needs at least one pose, got none")
    center = np.full((133, 2), 0.5)
    unknown = np.full((133, 3), np.nan)
    return MeanPose(
        in_box=np.divide(sums, seen[:, None], out=center, where=seen[:, None] > 0),
        relative_m=np.divide(sums_m, seen_m[:, None], out=unknown, where=seen_m[:, None] > 0),
        poses=count,
        source=source,
    )


def standing_mean_pose() -> MeanPose:
    """The baseline without training poses: a person who stands upright."""
    points = standing_person()
    front = np.column_stack([points[:, 0], -points[:, 2]])
    low, high = front.min(axis=0), front.max(axis=0)
    camera = np.column_stack([points[:, 0], -points[:, 2], points[:, 1]])
    return MeanPose(
        in_box=(front - low) / (high - low),
        relative_m=camera - camera[list(HIPS)].mean(axis=0),
        poses=1,
        source="a standing person",
    )
