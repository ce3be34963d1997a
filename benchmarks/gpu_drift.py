"""Crops of the people in images, and differences of their keypoints, for gpu.py."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rtmpose3d.codec import keypoints_from_bins
from rtmpose3d.geometry.crop import crop_people
from rtmpose3d.pipeline import detect_people
from rtmpose3d.runtime import RuntimeOptions, open_detector
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.sources.images import load_image
from rtmpose3d.structures import FloatArray, Image
from rtmpose3d.weights import locate
from rtmpose3d.zoo import PoseSpec, resolve_detector, resolve_pose

BUNDLED = "rtmw3d-n"
BBOX_THR = 0.4
MOVED_BY = 0.08  # of its size: how far a side of a box moves at most


@cache
def find_people(paths: tuple[Path, ...]) -> list[tuple[Image, FloatArray]]:
    """Images in which the bundled detector finds people, each with the boxes (N, 4)."""
    detector = resolve_detector(resolve_pose(BUNDLED).detector)
    weights = locate(detector.file, None)
    assert weights is not None, "the package contains them"
    session = open_detector(detector, weights, RuntimeOptions(backend="torch", device="cpu"))
    images = [load_image(str(path)) for path in paths]
    people = detect_people(session, images, bbox_thr=BBOX_THR)
    found = [(image, one.boxes_xyxy) for image, one in zip(images, people, strict=True) if len(one)]
    if not found:
        raise ValueError("no people in the images")
    return found


def people_crops(images: tuple[Path, ...], spec: PoseSpec, count: int) -> NDArray[np.uint8]:
    """Crops of people, with boxes moved and scaled a little, the same every time.

    Returns:
        (count, h, w, 3) uint8 BGR.
    """
    rng = np.random.default_rng(0)
    crops: list[NDArray[np.uint8]] = []
    while sum(map(len, crops)) < count:
        for image, boxes in find_people(images):
            size = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
            moved = boxes + rng.uniform(-MOVED_BY, MOVED_BY, boxes.shape) * size
            crops.append(crop_people(image, moved.astype(np.float32), spec.input_size_wh)[0])
    return np.concatenate(crops)[:count]


def drift_px(
    spec: PoseSpec, expected: Sequence[Tensor], actual: Sequence[Tensor]
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Differences of all keypoints with a positive score, and those of each part of the body.

    Lengths are in pixels of the crop, except for depth; the signed mean is that of x and y.
    """
    (points, depth), (moved, moved_depth) = (
        keypoints_from_bins(outputs[0].numpy(), spec.codec) for outputs in (expected, actual)
    )
    assert depth is not None
    assert moved_depth is not None
    seen = expected[1].numpy() > 0
    offset = (moved - points)[seen]  # (M, 2)
    distance = np.linalg.norm(moved - points, axis=2)
    confidence = np.abs(actual[2].numpy() - expected[2].numpy())
    overall = {
        "signed mean x": float(offset[:, 0].mean()),
        "signed mean y": float(offset[:, 1].mean()),
        "mean": float(distance[seen].mean()),
        "p99": float(np.percentile(distance[seen], 99)),
        "max": float(distance[seen].max()),
        "depth mean, mm": 1e3 * float(np.abs(moved_depth - depth)[seen].mean()),
        "confidence mean": float(confidence[seen].mean()),
        "crops": len(points),
    }
    parts = {}
    for name, indices in WHOLEBODY.parts.items():
        chosen = distance[:, indices][seen[:, indices]]
        if len(chosen):
            parts[name] = {"mean": float(chosen.mean()), "p99": float(np.percentile(chosen, 99))}
    return overall, parts
