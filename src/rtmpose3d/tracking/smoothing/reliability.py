"""Reliability of keypoints: the weights with which smoothing uses them."""

from __future__ import annotations

import numpy as np

from rtmpose3d.geometry.root_depth import PUBLISHED_ACCURACY
from rtmpose3d.structures import FloatArray, PoseResult

_FULL_STD = 0.05  # of the person's size: the width of labels alone gives 0.02 to 0.03
_MIN_WEIGHT = 0.1  # an occluded keypoint still follows the network's guess, slowly


def reliability(result: PoseResult) -> FloatArray:
    """(N, K) from 0 to 1: 1 for full confidence and a small standard deviation, where it is known.

    0 for coordinates that are not finite.
    """
    confidence = np.nan_to_num(np.asarray(result.confidence, np.float64))
    weight = np.clip(confidence / PUBLISHED_ACCURACY.full_confidence, _MIN_WEIGHT, 1.0)
    if result.keypoints_2d_std is not None:
        std_px = np.linalg.norm(result.keypoints_2d_std, axis=2) / np.sqrt(2)
        relative = np.nan_to_num(std_px, nan=np.inf) / person_sizes(result)[:, None]
        weight = weight * np.clip(_FULL_STD / np.maximum(relative, 1e-6), _MIN_WEIGHT, 1.0)
    return np.where(np.isfinite(result.keypoints_2d).all(axis=2), weight, 0.0)


def person_sizes(result: PoseResult) -> FloatArray:
    """(N,) sizes of the people in px, the longer sides of their boxes; at least 1."""
    boxes = np.asarray(result.bboxes, np.float64)
    return np.maximum((boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=1.0), 1.0)
