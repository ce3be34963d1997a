"""What callers pass to a model, checked and brought into one form."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.geometry.crop import check_boxes
from rtmpose3d.sources import ImageSource
from rtmpose3d.structures import Detections, Image


def file_of(source: ImageSource) -> Path | None:
    """The file that an image comes from; None for arrays, Pillow images and addresses."""
    if not isinstance(source, (str, os.PathLike)) or str(source).startswith(
        ("http://", "https://")
    ):
        return None
    return Path(source)


def given_people(boxes: ArrayLike) -> Detections:
    """Given boxes (N, 4) as detections with score 1.

    Raises:
        InputError: an unusable box.
    """
    checked = check_boxes(boxes)
    return Detections(boxes_xyxy=checked, scores=np.ones(len(checked), np.float32))


def one_each(
    name: str, values: ArrayLike | Sequence[ArrayLike | None] | None, count: int
) -> Sequence[ArrayLike | None]:
    """One value for each of several images, from None or a list.

    Raises:
        InputError: no list, or one of another length.
    """
    if values is None:
        return [None] * count
    if not isinstance(values, (list, tuple)) or len(values) != count:
        got = f"{len(values)}" if isinstance(values, (list, tuple)) else type(values).__name__
        raise InputError(f"{name} for {count} images must be a list of {count}, got {got}")
    return values


def cameras_of(camera: Camera | Sequence[Camera] | None, images: Sequence[Image]) -> list[Camera]:
    """The camera of each image, from one for all, a list, or none: 55 degrees of view.

    Raises:
        InputError: another number of cameras, or one for an image of another size.
    """
    sizes = [(image.shape[1], image.shape[0]) for image in images]
    if camera is None:
        return [Camera.from_fov(width=width, height=height) for width, height in sizes]
    cameras = [camera] * len(images) if isinstance(camera, Camera) else list(camera)
    if len(cameras) != len(images):
        raise InputError(f"camera: {len(cameras)} cameras for {len(images)} images")
    for index, (one, size) in enumerate(zip(cameras, sizes, strict=True)):
        if (one.width, one.height) != size:
            raise InputError(
                f"camera is for {one.width}x{one.height} px, but image {index} has "
                f"{size[0]}x{size[1]}; use camera.scaled({size[0]}, {size[1]})"
            )
    return cameras
