"""Reliability of keypoints: the weights with which smoothing uses them."""

from __future__ import annotations

import numpy as np

from rtmpose3d.geometry.root_depth import PUBLISHED_ACCURACY
from rtmpose3d.structures import FloatArray, PoseResult

_MIN_WEIGHT = 0.1  # an occluded keypoint still follows the network's guess, slowly


def reliability(result: PoseResult) -> FloatArray:
    """(N, K) from 0 to 1: 1 for full confidence, 0 for coordinates that are not finite."""
    confidence = np.nan_to_num(np.asarray(result.confidence, np.float64))
    weight = np.clip(confidence / PUBLISHED_ACCURACY.full_confidence, _MIN_WEIGHT, 1.0)
    return np.where(np.isfinite(result.keypoints_2d).all(axis=2), weight, 0.0)


def person_sizes(result: PoseResult) -> FloatArray:
    """(N,) sizes of the people in px, the longer sides of their boxes; at least 1."""
    boxes = np.asarray(result.bboxes, np.float64)
    return np.maximum((boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=1.0), 1.0)
