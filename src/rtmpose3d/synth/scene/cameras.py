"""Cameras: views that look at something, the part of a view that a crop shows, and random ones.

World: z up, metres. Camera: OpenCV's frame. A crop of an image, turned or not, is again a
image of a pinhole camera, so a crop is drawn directly and its 3D labels stay exact.
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
    """A view from a place towards another.

    Args:
        eye_m: (3,) world, where the camera is.
        target_m: (3,) world, what lies at the principal point.
        camera: intrinsics.
        roll_deg: turns the camera about its axis, clockwise as the camera sees it.
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


def eye_of(view: CameraView) -> FloatArray:
    """(3,) world, where a view's camera is."""
    return -view.camera_from_world[:, :3].T @ view.camera_from_world[:, 3]


def to_camera(view: CameraView, points_world: FloatArray) -> FloatArray:
    """(..., 3) world -> (..., 3) camera space of a view, float64."""
    return points_world @ view.camera_from_world[:, :3].T + view.camera_from_world[:, 3]


def cropped_view(
    view: CameraView, crop_from_image: FloatArray, size_wh: tuple[int, int]
) -> CameraView:
    """The view that shows exactly a crop of another view's image.

    Args:
        view: of the whole image; its pixels must be square.
        crop_from_image: (2, 3) turn, uniform scale and shift of pixels, as
            `geometry.crop.crop_from_image` makes them; no mirror.
        size_wh: width and height of the crop, px.

    Returns:
        A view whose camera is rolled by the crop's turn. Depths along the axis are unchanged.
    """
    turn = np.asarray(crop_from_image, np.float64)[:, :2]
    scale = math.sqrt(np.linalg.det(turn))
    camera = view.camera
    cx, cy = turn @ (camera.cx, camera.cy) + crop_from_image[:, 2]
    rotation = np.eye(3)
    rotation[:2, :2] = turn / scale
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
    """(4, 4) float64 for OpenGL; the image's first row is the framebuffer's first.

    Whole numbers of pixels are the middles of pixels, as everywhere in this package.
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
    """Metres along the axis from the numbers 0 to 1 of a depth buffer; inf where nothing is."""
    with np.errstate(divide="ignore"):
        metres = (2 * far_m * near_m) / ((far_m + near_m) - (2 * depth - 1) * (far_m - near_m))
    return np.where(depth >= 1, np.float32(np.inf), metres).astype(np.float32)


def _about_z(angle: float) -> FloatArray:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
