"""Annotated people with random labels, and the comparison of batches."""

import numpy as np

from rtmpose3d.data import PoseRecord


def record(seed=0, **changes):
    rng = np.random.default_rng(seed)
    fields = {
        "image": rng.integers(0, 255, (240, 330, 3), dtype=np.uint8),
        "box_xyxy": np.array([100, 20, 190, 220], np.float32),
        "keypoints_px": rng.uniform([110, 30], [180, 210], (133, 2)).astype(np.float32),
        "visible": np.ones(133, np.float32),
        "keypoints_camera_m": rng.normal([0, 0, 5], 0.3, (133, 3)).astype(np.float32),
        "source": f"synthetic, {seed}",
        "licence": "CC0",
        **changes,
    }
    return PoseRecord(**fields)


def assert_equal(one, other):
    for name in ("crops", "keypoints_px", "visible", "keypoints_camera_m", "box_side_px"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
