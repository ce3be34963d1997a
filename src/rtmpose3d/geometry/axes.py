"""The frames of 3D keypoints, and conversion from and to camera space."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.errors import UnknownNameError
from rtmpose3d.skeletons import HIPS

Axes = Literal["z-up", "camera", "root", "rtmpose3d"]
AXES: tuple[str, ...] = get_args(Axes)


def axes_from_camera(keypoints_camera: NDArray[np.floating], axes: Axes) -> NDArray[np.floating]:
    """Transform camera-space keypoints into another frame.

    Args:
        keypoints_camera: (..., 133, 3) metres, OpenCV camera space.
        axes: "z-up" (x right, y away from the camera, z up), "camera" (unchanged), "root"
            (camera axes, origin at the midpoint of the hips), "rtmpose3d" (the frame of the
            RTMPose3D package: -k[..., [0, 2, 1]], "z-up" rotated by 180 degrees about the
            vertical).

    Returns:
        (..., 133, 3) metres, a new array of the same dtype.

    Raises:
        UnknownNameError: there is no such frame.
    """
    x, y, z = np.moveaxis(keypoints_camera, -1, 0)
    if axes == "z-up":
        return np.stack([x, z, -y], axis=-1)
    if axes == "camera":
        return keypoints_camera.copy()
    if axes == "root":
        hips = keypoints_camera[..., list(HIPS), :]
        with np.errstate(invalid="ignore", over="ignore"):  # infinite hips give NaN
            return keypoints_camera - hips.mean(axis=-2, keepdims=True)
    if axes == "rtmpose3d":
        return np.stack([-x, -z, -y], axis=-1)
    raise UnknownNameError("axes", axes, AXES)


def camera_from_axes(
    keypoints_3d: NDArray[np.floating], axes: Axes, origin_camera_m: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Undo `axes_from_camera`.

    Args:
        keypoints_3d: (N, K, 3) metres, in the frame that `axes` names.
        axes: see `axes_from_camera`.
        origin_camera_m: (N, 3) metres, origin of each person's frame in camera space:
            the midpoint of the hips for "root", zeros for the others.

    Returns:
        (N, K, 3) metres, OpenCV camera space, a new array.

    Raises:
        UnknownNameError: there is no such frame.
    """
    if axes not in AXES:
        raise UnknownNameError("axes", axes, AXES)
    x, y, z = np.moveaxis(keypoints_3d, -1, 0)
    if axes == "z-up":
        x, y, z = x, -z, y
    elif axes == "rtmpose3d":
        x, y, z = -x, -z, -y
    return np.stack([x, y, z], axis=-1) + origin_camera_m[:, None]
