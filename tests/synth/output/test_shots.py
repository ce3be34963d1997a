"""Shots: cameras and backdrops of clips, framing of people."""

from __future__ import annotations

import numpy as np
import pytest
from standin import standin_person

from rtmpose3d.synth import ShotSettings, World
from rtmpose3d.synth.output.shots import _plan_shot
from rtmpose3d.synth.scene import CameraView, frame_person, to_camera
from rtmpose3d.synth.scene.framing import facing


def test_backdrops_of_clips_are_infinitely_far(world: World) -> None:
    settings = ShotSettings(size_wh=(160, 120), frames=5, fps=4)
    checked = 0
    for shot in range(8):
        jobs = [planned.job for planned in _plan_shot(world, shot, settings)]
        first = jobs[0]
        if first.scene.backdrop is None:
            continue
        far = first.view.camera_from_world[:, :3].T @ (0.1, -0.05, 1.0)  # a direction
        points = []
        for job in jobs:
            x, y, z = job.view.camera_from_world[:, :3] @ far
            camera = job.view.camera
            pixel = [camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy, 1.0]
            u, v, w = job.backdrop_from_image @ pixel
            points.append((u / w, v / w))
        np.testing.assert_allclose(points, [points[0]] * len(points), atol=1e-6)
        rotations = [job.view.camera_from_world[:, :3] for job in jobs]
        checked += bool(np.abs(rotations[-1] - rotations[0]).max() > 0.005)
    assert checked  # cameras that rotate


def test_frames_of_a_clip_are_1_over_fps_apart_and_views_share_them(world: World) -> None:
    planned = _plan_shot(world, 2, ShotSettings(size_wh=(160, 120), frames=3, fps=8, views=2))
    assert [(one.frame_index, one.view_index) for one in planned] == [
        (frame, view) for frame in range(3) for view in range(2)
    ]
    assert [one.time_s for one in planned] == pytest.approx([0, 0, 0.125, 0.125, 0.25, 0.25])


def test_stand_ins_face_minus_y_rotated_by_their_heading() -> None:
    for heading_deg in (0.0, 70.0, -130.0):
        person = standin_person(np.random.default_rng(0), position=(1.0, 2.0, heading_deg))
        angle = np.radians(heading_deg)
        expected = np.array([np.sin(angle), -np.cos(angle), 0.0])
        assert facing(person) @ expected > 0.95
        assert facing(person, head=True)[:2] @ expected[:2] > 0.8


def frames_of_face(count: int) -> list[tuple[CameraView, np.ndarray, float]]:
    """Views of a face: the view, its keypoints in camera space, cosine of the viewing angle."""
    person = standin_person(np.random.default_rng(1), position=(0.4, -0.2, 50.0))
    views = [
        frame_person(np.random.default_rng(seed), person, (), (320, 240), "face")
        for seed in range(count)
    ]
    front = facing(person, head=True)
    return [
        (view, to_camera(view, person.keypoints_world[23:91]), -float(view_axis(view) @ front))
        for view in views
    ]


def view_axis(view: CameraView) -> np.ndarray:
    return view.camera_from_world[2, :3]


def test_close_ups_of_faces_show_the_face_from_the_front_and_fill_the_image() -> None:
    cosines, extents = [], []
    for view, points_camera, cosine in frames_of_face(40):
        pixels = view.camera.project(points_camera)
        assert (points_camera[:, 2] > 0.1).all()
        middle = (pixels.min(axis=0) + pixels.max(axis=0)) / 2
        assert (np.abs(middle - (160, 120)) < (160, 120)).all()
        extents.append((np.ptp(pixels, axis=0) / (320, 240)).max())
        cosines.append(cosine)
    assert np.median(cosines) > 0.6
    assert min(extents) > 0.12  # 0.3 less a margin around the face
    assert 0.25 < np.median(extents) < max(extents) < 1.0
