"""Results of synthetic people, projected by a synthetic camera, for the tests of drawings."""

from __future__ import annotations

import numpy as np

from rtmpose3d.structures import Image, PoseResult
from rtmpose3d.viz import standing_person

CAMERA_HEIGHT_M = 1.3


def image(width: int, height: int) -> Image:
    """(height, width, 3) uint8, a coloured image with texture."""
    rng = np.random.default_rng(7)
    coarse = rng.integers(60, 190, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    return np.ascontiguousarray(coarse.repeat(8, axis=0).repeat(8, axis=1)[:height, :width])


def people_at(positions: list[tuple[float, float, float]]) -> np.ndarray:
    """(N, 133, 3) metres, z up; a position is x, y in metres and a rotation in degrees."""
    people = []
    for x, y, angle_deg in positions:
        cos, sin = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
        rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        people.append(standing_person() @ rotation.T + [x, y, -CAMERA_HEIGHT_M])
    return np.array(people).reshape(-1, 133, 3)


def perfect_result(
    positions: list[tuple[float, float, float]],
    size_wh: tuple[int, int] = (640, 480),
    *,
    with_3d: bool = True,
    confidence: float = 1.0,
    given_boxes: bool = False,
) -> PoseResult:
    """The result of a perfect model for people at these positions."""
    world = people_at(positions)
    n, (width, height) = len(world), size_wh
    camera = np.stack([world[..., 0], -world[..., 2], world[..., 1]], axis=-1)
    focal = 0.9 * max(size_wh)
    xy = camera[..., :2] / camera[..., 2:] * focal + [width / 2, height / 2]
    margin = 0.02 * height
    boxes = np.concatenate([xy.min(axis=1) - margin, xy.max(axis=1) + margin], axis=1)
    depth = camera[:, [11, 12], 2].mean(axis=1).astype(np.float32)
    return PoseResult(
        keypoints_2d=xy.astype(np.float32),
        scores=np.full((n, 133), 7.5, np.float32),
        confidence=np.full((n, 133), confidence, np.float32),
        bboxes=boxes.reshape(n, 4).astype(np.float32),
        bbox_scores=np.full(n, 1.0 if given_boxes else 0.87, np.float32),
        keypoints_camera=camera.astype(np.float32) if with_3d else None,
        root_depth_m=depth if with_3d else None,
        root_depth_std_m=0.05 * depth if with_3d else None,
        root_depth_source=("estimated",) * n if with_3d else (),
        model="synthetic",
        image=image(width, height),
        image_size_wh=size_wh,
    )
