from __future__ import annotations

import numpy as np
import pytest

from rtmpose3d.geometry import Camera
from rtmpose3d.geometry.crop import apply_affine, crop_from_image
from rtmpose3d.synth import CameraView
from rtmpose3d.synth.scene.cameras import (
    camera_position,
    clip_from_world,
    cropped_view,
    depth_from_clip,
    looking_at,
    to_camera,
)

POINTS = np.random.default_rng(0).uniform((-1, -1, 0), (1, 1, 2), (40, 3))


def test_the_target_projects_to_the_principal_point_and_up_is_up(view: CameraView) -> None:
    eye, target = np.array([2.0, -3.0, 1.4]), np.array([0.3, 0.5, 1.0])
    level = looking_at(eye, target, view.camera)
    assert level.camera.project(to_camera(level, target)) == pytest.approx([171.5, 118.2])
    above = level.camera.project(to_camera(level, target + np.array([0, 0, 0.1])))
    assert above[0] == pytest.approx(171.5)
    assert above[1] < 118
    assert camera_position(level) == pytest.approx(eye)
    assert np.linalg.det(level.camera_from_world[:, :3]) == pytest.approx(1)


def test_a_camera_rolled_clockwise_shows_the_world_rotated_counter_clockwise() -> None:
    camera = Camera.from_fov(width=640, height=480)
    rolled = looking_at(np.array([0.0, -3, 1]), np.array([0.0, 0, 1]), camera, roll_deg=10)
    x, y = camera.project(to_camera(rolled, np.array([0.0, 0, 2.0]))) - (320, 240)
    assert x < 0
    assert y < 0
    assert np.degrees(np.arctan2(-x, -y)) == pytest.approx(10)


def test_looking_straight_down_is_possible() -> None:
    camera = Camera.from_fov(width=640, height=480)
    down = looking_at(np.array([0.2, 0.1, 3]), np.array([0.2, 0.1, 0]), camera)
    assert np.isfinite(down.camera_from_world).all()
    assert to_camera(down, np.array([0.2, 0.1, 0]))[2] == pytest.approx(3)


def test_projecting_with_the_cropped_view_is_projecting_and_then_cropping(view: CameraView) -> None:
    matrix = crop_from_image(np.array([[150.0, 90]]), np.array([[120.0, 160]]), (96, 128), -27.0)
    crop = cropped_view(view, matrix[0], (96, 128))
    cropped = apply_affine(matrix, view.camera.project(to_camera(view, POINTS))[None])[0]
    points_camera = to_camera(crop, POINTS)
    assert np.abs(crop.camera.project(points_camera) - cropped).max() < 1e-3
    assert points_camera[:, 2] == pytest.approx(to_camera(view, POINTS)[:, 2])


def test_clip_space_puts_whole_pixels_in_the_middle_of_opengl_pixels(view: CameraView) -> None:
    clip = np.c_[POINTS, np.ones(len(POINTS))] @ clip_from_world(view, 0.1, 50).T
    ndc = clip[:, :3] / clip[:, 3:]
    size = np.array([view.camera.width, view.camera.height])
    pixels = (ndc[:, :2] + 1) / 2 * size - 0.5
    points_camera = to_camera(view, POINTS)
    assert np.abs(pixels - view.camera.project(points_camera)).max() < 1e-9
    assert depth_from_clip((ndc[:, 2] + 1) / 2, 0.1, 50) == pytest.approx(
        points_camera[:, 2], rel=1e-5
    )


def test_an_untouched_depth_buffer_is_infinitely_far() -> None:
    assert np.isinf(depth_from_clip(np.array([1.0], np.float32), 0.1, 50)).all()
