"""Camera views: look-at, views of crops, world to camera, OpenGL clip space.

World: z up, metres. Camera: OpenCV's frame. A crop of an image, rotated or not, is again an image
of a pinhole camera, so crops are rendered directly and their 3D labels stay exact.
"""

from __future__ import annotations

import math

import numpy as np

from rtmpose3d.geometry import Camera
from rtmpose3d.structures.arrays import FloatArray
from rtmpose3d.synth.scene.types import CameraView


def looking_at(
    eye_m: FloatArray, target_m: FloatArray, camera: Camera, *, roll_deg: float = 0.0
) -> CameraView:
    """A view from one point towards another.

    Args:
        eye_m: (3,) world, position of the camera.
        target_m: (3,) world, point that projects onto the principal point.
        camera: intrinsics.
        roll_deg: rotation of the camera about its axis, clockwise as the camera sees it.
    """
    forward = np.asarray(target_m, np.float64) - eye_m
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    if np.linalg.norm(right) < 1e-6:  # straight up or down
        right = np.array([1.0, 0.0, 0.0])
    right = right / np.linalg.norm(right)
    level = np.stack([right, np.cross(forward, right), forward])
    rotation = _about_z(-math.radians(roll_deg)) @ level
    return CameraView(
        camera=camera,
        camera_from_world=np.column_stack([rotation, -rotation @ np.asarray(eye_m, np.float64)]),
    )


def camera_position(view: CameraView) -> FloatArray:
    """(3,) world, position of a view's camera."""
    return -view.camera_from_world[:, :3].T @ view.camera_from_world[:, 3]


def to_camera(view: CameraView, points_world: FloatArray) -> FloatArray:
    """Transforms points (..., 3) from world to camera space of a view, float64."""
    return points_world @ view.camera_from_world[:, :3].T + view.camera_from_world[:, 3]


def cropped_view(
    view: CameraView, crop_from_image: FloatArray, size_wh: tuple[int, int]
) -> CameraView:
    """The view whose image is exactly a crop of another view's image.

    Args:
        view: view of the full image; its pixels must be square.
        crop_from_image: (2, 3) rotation, uniform scale and shift of pixels, as made by
            `geometry.crop.crop_from_image`; no flip.
        size_wh: width and height of the crop, px.

    Returns:
        A view whose camera is rolled by the crop's rotation. Depths along the axis are unchanged.
    """
    linear = np.asarray(crop_from_image, np.float64)[:, :2]
    scale = math.sqrt(np.linalg.det(linear))
    camera = view.camera
    cx, cy = linear @ (camera.cx, camera.cy) + crop_from_image[:, 2]
    rotation = np.eye(3)
    rotation[:2, :2] = linear / scale
    return CameraView(
        camera=Camera(
            fx=camera.fx * scale,
            fy=camera.fx * scale,
            cx=cx,
            cy=cy,
            width=size_wh[0],
            height=size_wh[1],
        ),
        camera_from_world=rotation @ view.camera_from_world,
    )


def clip_from_world(view: CameraView, near_m: float, far_m: float) -> FloatArray:
    """(4, 4) float64 OpenGL clip matrix; the image's first row is the framebuffer's first.

    Pixel centres are at whole numbers, as everywhere in this package.
    """
    camera = view.camera
    clip = np.zeros((4, 4))
    clip[0, 0] = 2 * camera.fx / camera.width
    clip[0, 2] = 2 * (camera.cx + 0.5) / camera.width - 1
    clip[1, 1] = 2 * camera.fy / camera.height
    clip[1, 2] = 2 * (camera.cy + 0.5) / camera.height - 1
    clip[2, 2] = (far_m + near_m) / (far_m - near_m)
    clip[2, 3] = -2 * far_m * near_m / (far_m - near_m)
    clip[3, 2] = 1.0
    return clip @ np.vstack([view.camera_from_world, [0.0, 0.0, 0.0, 1.0]])


def depth_from_clip(depth: FloatArray, near_m: float, far_m: float) -> FloatArray:
    """Metres along the optical axis from depth-buffer values 0 to 1; inf where it is cleared."""
    with np.errstate(divide="ignore"):
        metres = (2 * far_m * near_m) / ((far_m + near_m) - (2 * depth - 1) * (far_m - near_m))
    return np.where(depth >= 1, np.float32(np.inf), metres).astype(np.float32)


def _about_z(angle: float) -> FloatArray:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
