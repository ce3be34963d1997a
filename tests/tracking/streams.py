"""Streams of results with known motion, for tests of smoothing."""

from __future__ import annotations

import numpy as np

from rtmpose3d.geometry import Camera, camera_from_relative
from rtmpose3d.skeletons import HIPS, NUM_KEYPOINTS, WHOLEBODY
from rtmpose3d.structures import FloatArray, PoseResult

CAMERA = Camera(fx=900.0, fy=920.0, cx=330.0, cy=250.0, width=640, height=480)


def true_space(time_s: float, person: int = 0) -> FloatArray:
    """(133, 3) metres, camera space, of a rigid and symmetric person who walks and rotates."""
    rng = np.random.default_rng(person)
    shape = rng.uniform((0.05, -0.8, -0.2), (0.3, 0.8, 0.2), (NUM_KEYPOINTS, 3))
    flip = WHOLEBODY.flip_index
    shape = np.where((np.arange(NUM_KEYPOINTS) < flip)[:, None], shape, shape[flip] * (-1, 1, 1))
    shape[flip == np.arange(NUM_KEYPOINTS), 0] = 0.0
    shape[list(HIPS), 1:] = 0.0
    angle = 0.5 * np.sin(3 * time_s + person)
    rotation = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    return shape @ rotation.T + (0.1 - 0.2 * time_s, 0.1, true_root_m(time_s))


def true_points(time_s: float, person: int = 0) -> FloatArray:
    """(133, 2) px."""
    return CAMERA.project(true_space(time_s, person))


def true_depths(time_s: float, person: int = 0) -> FloatArray:
    """(133,) metres relative to the root."""
    return true_space(time_s, person)[:, 2] - true_root_m(time_s)


def true_root_m(time_s: float) -> float:
    return 4.0 + 0.3 * time_s


def stream(
    times_s: FloatArray,
    *,
    noise_px: float = 0.0,
    depth_noise_m: float = 0.0,
    root_noise: float = 0.0,
    people: int = 1,
    has_3d: bool = True,
    seed: int = 0,
) -> list[PoseResult]:
    """Results at these times: the true motion with noise, ids 1, 2, ..."""
    rng = np.random.default_rng(seed)
    results = []
    for index, time_s in enumerate(times_s.tolist()):
        points = np.array([true_points(time_s, i) for i in range(people)])
        points = points + rng.normal(0, noise_px, points.shape)
        relative = np.array([true_depths(time_s, i) for i in range(people)])
        relative = relative + rng.normal(0, depth_noise_m, relative.shape)
        roots = np.full(people, true_root_m(time_s)) * np.exp(rng.normal(0, root_noise, people))
        space: dict[str, object] = {}
        if has_3d:
            space = {
                "keypoints_camera": camera_from_relative(points, relative, roots, CAMERA),
                "root_depth_m": roots,
                "root_depth_std_m": roots * 0.12,
                "root_depth_source": ("estimated",) * people,
                "camera": CAMERA,
            }
        results.append(
            PoseResult(
                bboxes=np.array([[p.min(0), p.max(0)] for p in points]).reshape(people, 4),
                bbox_scores=np.full(people, 0.9),
                keypoints_2d=points,
                scores=np.ones((people, NUM_KEYPOINTS)),
                confidence=np.full((people, NUM_KEYPOINTS), 0.8),
                track_ids=np.arange(1, people + 1),
                model="rtmw3d-n",
                image_size_wh=(640, 480),
                frame_index=index,
                time_s=time_s,
                **space,
            )
        )
    return results


def errors_px(results: list[PoseResult]) -> FloatArray:
    """(F, 133) distances of the first person's keypoints from the true ones."""
    return np.array(
        [np.linalg.norm(r.keypoints_2d[0] - true_points(r.time_s), axis=1) for r in results]
    )


def jitter(results: list[PoseResult]) -> float:
    """Mean size of the second differences of the first person's keypoints, px."""
    points = np.array([r.keypoints_2d[0] for r in results])
    return float(np.abs(np.diff(points, 2, axis=0)).mean())
