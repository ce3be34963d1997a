"""Files of rendered crops with their labels: NPZ with the images as JPEG."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from rtmpose3d.structures import Image
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.training.data.pose_batches import PoseBatch
from rtmpose3d.untrusted import read_arrays, reading

_JPEG_QUALITY = 95
_LABELS = ("keypoints_px", "visible", "keypoints_camera_m", "box_side_px")


def write_crops(path: Path, batch: PoseBatch) -> None:
    """Write a batch atomically.

    Raises:
        OutputError: it cannot be written.
    """
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    images = [cv2.imencode(".jpg", crop, quality)[1].reshape(-1) for crop in batch.crops]
    with atomic_write(path) as file:
        np.savez(
            file,
            jpeg=np.concatenate(images),
            ends=np.cumsum([len(image) for image in images]),
            keypoints_px=batch.keypoints_px,
            visible=batch.visible,
            keypoints_camera_m=batch.keypoints_camera_m,
            box_side_px=batch.box_side_px,
        )


def read_crops(path: Path) -> PoseBatch:
    """Read a file of `write_crops`.

    Raises:
        InputError: it is not such a file, or it is damaged.
    """
    advice = "remove it, and it is rendered again"
    with reading(path, "file of crops", advice=advice):
        data = read_arrays(path, "jpeg", "ends", *_LABELS, what="file of crops", advice=advice)
        ends = [int(end) for end in data["ends"][:-1]]
        return PoseBatch(
            crops=np.stack([_decode(image) for image in np.split(data["jpeg"], ends)]),
            keypoints_px=data["keypoints_px"].astype(np.float32, copy=False),
            visible=data["visible"].astype(np.float32, copy=False),
            keypoints_camera_m=data["keypoints_camera_m"].astype(np.float32, copy=False),
            box_side_px=data["box_side_px"].astype(np.float32, copy=False),
        )


def _decode(image: np.ndarray) -> Image:
    crop = cv2.imdecode(image, cv2.IMREAD_COLOR)
    if crop is None:
        raise ValueError("one of its images cannot be decoded")
    return np.asarray(crop, np.uint8)
