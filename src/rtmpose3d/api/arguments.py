"""Checked arguments of a call, converted to frames and detections."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Axes, Camera
from rtmpose3d.geometry.boxes import check_boxes_in_image
from rtmpose3d.sources import ImageSource, is_url, load_image
from rtmpose3d.sources.calibration import Calibration, load_calibration
from rtmpose3d.structures import Detections, FloatArray, Frame

if TYPE_CHECKING:
    from typing_extensions import TypeIs


CameraLike: TypeAlias = "Camera | Calibration | float | NDArray[np.floating] | str | Path"
"""A camera, a calibration or its file, a field of view over the longer side in degrees, or a 3x3
matrix K in pixels."""


class CallOptions(TypedDict, total=False):
    """Keyword arguments of `RTMPose3D.__call__`, which describes them."""

    bbox_thr: float | None
    single_person: bool
    boxes: ArrayLike | Sequence[ArrayLike | None] | None
    camera: CameraLike | Sequence[CameraLike | None] | None
    root_depth_m: float | FloatArray | None
    height_m: float | FloatArray | None
    axes: Axes
    exif_orientation: bool


def is_batch(
    image: ImageSource | Sequence[ImageSource],
) -> TypeIs[Sequence[ImageSource]]:
    """Whether a list of images was passed."""
    return isinstance(image, (list, tuple))


def load_frames(
    images: Sequence[ImageSource],
    camera: CameraLike | Sequence[CameraLike | None] | None,
    *,
    exif_orientation: bool = True,
) -> list[Frame]:
    """Load images as frames.

    Args:
        images: files, addresses, bytes, open files, arrays or Pillow images.
        camera: one for all images, one for each, or None where it is unknown: a `Camera`, a
            `Calibration` or its file, a field of view in degrees or a 3x3 matrix.
        exif_orientation: whether files and Pillow images are rotated upright.

    Raises:
        InputError: an unusable image, another number of cameras than images, or a camera for
            another image size.
    """
    pixels = [load_image(image, exif_orientation=exif_orientation) for image in images]
    if _is_one_camera(camera):
        cameras: Sequence[object] = [loaded_camera(camera)] * len(images)
    else:
        assert isinstance(camera, (list, tuple, np.ndarray))
        cameras = [loaded_camera(each) for each in camera]
    if len(cameras) != len(images):
        raise InputError(f"camera: {len(cameras)} cameras for {len(images)} images")
    return [
        Frame(
            image=image,
            camera=to_camera(camera, (image.shape[1], image.shape[0])),
            source=source_path(source),
        )
        for image, camera, source in zip(pixels, cameras, images, strict=True)
    ]


def _is_one_camera(camera: object) -> bool:
    """Whether a value is for all images, rather than a list with one for each."""
    if isinstance(camera, (list, tuple)):
        return _is_matrix(camera)
    return not isinstance(camera, np.ndarray) or camera.ndim < 3


def _is_matrix(rows: Sequence[object]) -> bool:
    return len(rows) == 3 and all(
        isinstance(row, (list, tuple)) or (isinstance(row, np.ndarray) and row.ndim == 1)
        for row in rows
    )


def loaded_camera(camera: object) -> object:
    """A calibration in place of its file; anything else as it is.

    Raises:
        InputError: the file is unusable, or has several cameras.
    """
    if not isinstance(camera, (str, os.PathLike)):
        return camera
    if camera == "exif":
        raise InputError("camera 'exif': use Camera.from_exif(image, width=..., height=...)")
    return load_calibration(Path(camera))


def to_camera(camera: object, size_wh: tuple[int, int]) -> Camera | None:
    """A camera from one, from a calibration, a field of view in degrees or a matrix.

    Raises:
        InputError: none of these, or a calibration for another aspect ratio.
    """
    if camera is None or isinstance(camera, Camera):
        return camera
    if isinstance(camera, Calibration):
        return camera.camera_for(size_wh)
    width, height = size_wh
    if isinstance(camera, Real) and not isinstance(camera, bool):
        return Camera.from_fov(width=width, height=height, fov_deg=float(camera))
    if isinstance(camera, (np.ndarray, list, tuple)):
        return Camera.from_matrix(camera, width=width, height=height)
    raise InputError(
        "camera must be a rtmpose3d.Camera, the field of view over the longer side in degrees, a "
        f"3x3 matrix K in pixels, or a calibration or its file, got {camera!r}"
    )


def source_path(source: ImageSource) -> Path | None:
    """The file an image is read from; None for arrays, Pillow images and addresses."""
    if not isinstance(source, (str, os.PathLike)) or is_url(str(source)):
        return None
    return Path(source)


def check_people(boxes: object, frames: Sequence[Frame]) -> list[Detections | None]:
    """The given boxes of several images as detections with score 1.

    Args:
        boxes: None, or a list with the boxes (N, 4) of each image, None where people are to be
            detected.
        frames: the images.

    Raises:
        InputError: no list, one of another length, or an unusable box: smaller than a pixel,
            outside its image, or not in pixels.
    """
    count = len(frames)
    if boxes is None:
        return [None] * count
    if not isinstance(boxes, (list, tuple)) or len(boxes) != count:
        got = f"{len(boxes)}" if isinstance(boxes, (list, tuple)) else type(boxes).__name__
        raise InputError(f"boxes for {count} images must be a list of {count}, got {got}")
    return [
        None if given is None else _known_people(given, frame)
        for given, frame in zip(boxes, frames, strict=True)
    ]


def _known_people(boxes: ArrayLike, frame: Frame) -> Detections:
    checked = check_boxes_in_image(boxes, frame.size_wh)
    return Detections(boxes_xyxy=checked, scores=np.ones(len(checked), np.float32))
