"""The mean pose: the same figure put into every box. What knows nothing of the image scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures import BoolArray, FloatArray
from rtmpose3d.structures.atomic import atomic_write


@dataclass(frozen=True, kw_only=True, eq=False)
class MeanPose:
    """Mean of many poses.

    Attributes:
        in_box: (133, 2) float64, x and y in parts of the box's sides, 0 at its left and top.
        relative_m: (133, 3) float64, metres from the root, camera axes; nan if never seen in 3D.
        poses: how many it is the mean of.
        of: what they were, for captions.
    """

    in_box: FloatArray
    relative_m: FloatArray
    poses: int
    of: str

    @classmethod
    def of_poses(
        cls,
        poses: Iterable[tuple[FloatArray, BoolArray, FloatArray, FloatArray | None]],
        *,
        of: str,
    ) -> MeanPose:
        """The mean over people.

        Args:
            poses: per person keypoints (133, 2) px, annotated (133,) bool, box_xyxy (4,) px and
                keypoints relative to the root (133, 3) m or None.
            of: what they are, for captions.

        Raises:
            InputError: there are none.
        """
        sums, seen = np.zeros((133, 2)), np.zeros(133)
        sums_m, seen_m, count = np.zeros((133, 3)), np.zeros(133), 0
        for keypoints, annotated, box, relative in poses:
            size = np.maximum(box[2:] - box[:2], 1e-9)
            sums[annotated] += ((keypoints - box[:2]) / size)[annotated]
            seen += annotated
            if relative is not None:
                sums_m[annotated] += relative[annotated]
                seen_m += annotated
            count += 1
        if not count:
            raise InputError("a mean pose needs at least one pose, got none")
        middle = np.full((133, 2), 0.5)
        in_box = np.divide(sums, seen[:, None], out=middle, where=seen[:, None] > 0)
        nowhere = np.full((133, 3), np.nan)
        relative_m = np.divide(sums_m, seen_m[:, None], out=nowhere, where=seen_m[:, None] > 0)
        return cls(in_box=in_box, relative_m=relative_m, poses=count, of=of)

    @classmethod
    def load(cls, path: Path) -> MeanPose:
        """Read what `save` wrote.

        Raises:
            InputError: it is no such file.
        """
        try:
            with np.load(path, allow_pickle=False) as data:
                pose = cls(
                    in_box=data["in_box"],
                    relative_m=data["relative_m"],
                    poses=int(data["poses"]),
                    of=str(data["of"]),
                )
        except (OSError, KeyError, ValueError, BadZipFile) as error:
            raise InputError(f"{path} is no mean pose written by MeanPose.save: {error}") from error
        if pose.in_box.shape != (133, 2) or pose.relative_m.shape != (133, 3):
            raise InputError(f"{path} holds arrays of other shapes than a mean pose's")
        return pose

    def save(self, path: Path) -> None:
        """Write it as .npz, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        with atomic_write(path, "wb") as file:
            np.savez(
                file,
                in_box=self.in_box,
                relative_m=self.relative_m,
                poses=np.array(self.poses),
                of=np.array(self.of),
            )

    def place(self, boxes_xyxy: FloatArray) -> FloatArray:
        """The figure in each box: (N, 4) px -> (N, 133, 2) px."""
        boxes = np.asarray(boxes_xyxy, np.float64)
        size = boxes[:, None, 2:] - boxes[:, None, :2]
        return boxes[:, None, :2] + self.in_box[None] * size
