"""Crops of coloured dots, one per keypoint: quick to make, and a network can learn them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtmpose3d.training.data.pose_batches import PoseBatch, PoseSample, stack_samples


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedSource:
    """The same batches over and over."""

    batches: Sequence[PoseBatch]

    def batch(self, index):
        return self.batches[index % len(self.batches)]


def tiny_spec():
    """RTMW3D, as narrow as it can be, for small crops."""
    from dataclasses import replace

    from rtmpose3d.codec import SimCCSpec
    from rtmpose3d.zoo import resolve_pose

    return replace(
        resolve_pose("rtmw3d-n"),
        name="tiny",
        input_size_wh=(64, 96),
        width=0.125,
        head_kernel=3,
        codec=SimCCSpec(input_size_wh=(64, 96), sigma=(2.0, 2.0, 2.0), depth_size=64, beta=10.0),
    )


def person(rng, size_wh=(64, 96)):
    """Points of a box at an angle in space, projected by a pinhole camera, over a noisy ground."""
    width, height = size_wh
    base = np.random.default_rng(5).uniform(-1, 1, (133, 3)) * (0.3, 0.7, 0.2)
    angle = rng.uniform(-0.6, 0.6)
    rotation = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    metres = base @ rotation.T + [rng.uniform(-0.15, 0.15), rng.uniform(-0.1, 0.1), 4.0]
    pixels = metres[:, :2] / metres[:, 2:] * 210 + [width / 2 + 1, height / 2 - 2]
    crop = rng.integers(0, 60, (height, width, 3), dtype=np.uint8)
    for i, (x, y) in enumerate(np.rint(pixels).astype(int)):
        colour = np.array([60 + i * 191 // 133, 255 - i, (i * 37) % 256], np.uint8)
        crop[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = colour
    return PoseSample(
        crop=crop,
        keypoints_px=pixels.astype(np.float32),
        visible=np.ones(133, np.float32),
        keypoints_camera_m=metres.astype(np.float32),
    )


def batch(seed=0, size=8, size_wh=(64, 96)):
    rng = np.random.default_rng(seed)
    return stack_samples([person(rng, size_wh) for _ in range(size)])


def fixed_source(batches=2, size=8):
    return FixedSource(batches=[batch(seed, size) for seed in range(batches)])


def open_fixed(stage):
    """An `OpenStage` that processes can open."""
    assert stage in (1, 2)
    return fixed_source()
