"""Results made by rule: no network needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.geometry import Camera
from rtmpose3d.structures import PoseResult


@pytest.fixture
def make_result():
    """A function that makes a result of some people, with or without 3D; not a square image."""

    def make(people: int = 2, *, has_3d: bool = True, axes: str = "z-up") -> PoseResult:
        rng = np.random.default_rng(people)

        def floats(low: float, high: float, *shape: int) -> np.ndarray:
            return rng.uniform(low, high, (people, *shape)).astype(np.float32)

        corner, size = floats(-20, 200, 2), floats(30, 400, 2)
        common = {
            "keypoints_2d": floats(-50, 900, 133, 2),
            "scores": floats(-0.5, 10, 133),
            "confidence": floats(0, 1, 133),
            "bboxes": np.concatenate([corner, corner + size], axis=-1),
            "bbox_scores": floats(0.3, 1),
            "model": "rtmw3d-l" if has_3d else "rtmw-l-384x288",
            "image_size_wh": (640, 427),
            "image": rng.integers(0, 256, (427, 640, 3), dtype=np.uint8),
            "source": Path("some folder") / "Grüße 人物.jpg",
        }
        if not has_3d:
            return PoseResult(**common)
        keypoints = floats(-1, 1, 133, 3)
        keypoints[..., 2] += 4
        sources = ("given", "estimated", "assumed")
        return PoseResult(
            **common,
            keypoints_camera=keypoints,
            root_depth_m=floats(1, 9),
            root_depth_std_m=floats(0, 1),
            root_depth_source=tuple(sources[i % 3] for i in range(people)),
            axes=axes,
            camera=Camera(fx=601.25, fy=599.1, cx=318.7, cy=215.3, width=640, height=427),
        )

    return make
