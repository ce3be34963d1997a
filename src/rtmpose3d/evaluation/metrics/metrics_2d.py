"""Errors in pixels, by group of keypoints: PCK, mean and median error, share not detected.

Errors are relative to the longer side of the annotated box, so that near and far people count
alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.skeletons import PART_INDICES, WHOLEBODY
from rtmpose3d.structures import BoolArray, FloatArray

PCK_THRESHOLDS = (0.05, 0.1, 0.2)  # of the box's longer side
PARTS_2D = ("wholebody", "body", "feet", "face", "left_hand", "right_hand")


@dataclass(frozen=True, kw_only=True)
class Metrics2D:
    """Errors in pixels of a group of keypoints; nan where nothing is annotated.

    Attributes:
        keypoints: number of annotated keypoints.
        missed: number of them on people who were not detected.
        pck: share within each of `PCK_THRESHOLDS`; missed keypoints count as outside.
        mean, median: error of the others, relative to the box's longer side.
    """

    keypoints: int
    missed: int
    pck: tuple[float, ...]
    mean: float
    median: float


def metrics_2d(
    errors: FloatArray,
    annotated: BoolArray,
    *,
    parts: Iterable[str] = PARTS_2D,
    thresholds: Sequence[float] = PCK_THRESHOLDS,
) -> dict[str, Metrics2D]:
    """Metrics of some parts, over all keypoints of all people together.

    Args:
        errors: (N, 133), as `relative_errors` returns them.
        annotated: (N, 133) bool; only these count.
        parts: keys of `PART_INDICES`.
        thresholds: maximum errors; an error equal to one is within it.
    """
    indices = {part: PART_INDICES[part] for part in parts}
    return {
        part: _metrics(errors[:, index], annotated[:, index], thresholds)
        for part, index in indices.items()
    }


def keypoint_metrics_2d(errors: FloatArray, annotated: BoolArray) -> dict[str, Metrics2D]:
    """Metrics of every keypoint, by name; arguments as of `metrics_2d`."""
    return {
        name: _metrics(errors[:, [i]], annotated[:, [i]], PCK_THRESHOLDS)
        for i, name in enumerate(WHOLEBODY.keypoint_names)
    }


def relative_errors(predicted: FloatArray, truth: FloatArray, boxes_xyxy: FloatArray) -> FloatArray:
    """Distances relative to the longer side of the annotated box.

    Args:
        predicted: (N, K, 2) px; nan for people who were not detected.
        truth: (N, K, 2) px.
        boxes_xyxy: (N, 4) px, annotated.

    Returns:
        (N, K) float64; infinite for people who were not detected.

    Raises:
        InputError: shapes that do not match, or a box without extent.
    """
    if predicted.shape != truth.shape or predicted.shape[:1] != boxes_xyxy.shape[:1]:
        raise InputError(
            "predicted and truth must be (N, K, 2) and boxes (N, 4), got "
            f"{predicted.shape}, {truth.shape} and {boxes_xyxy.shape}"
        )
    longer_px = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).max(axis=1)
    if not (longer_px > 0).all():
        empty = boxes_xyxy[~(longer_px > 0)].tolist()
        raise InputError(f"boxes must have some extent, got {empty}")
    errors = np.linalg.norm(predicted.astype(np.float64) - truth, axis=2) / longer_px[:, None]
    return np.where(np.isfinite(errors), errors, np.inf)


def _metrics(errors: FloatArray, annotated: BoolArray, thresholds: Sequence[float]) -> Metrics2D:
    chosen = errors[annotated]
    detected = chosen[np.isfinite(chosen)]
    nan = float("nan")
    return Metrics2D(
        keypoints=len(chosen),
        missed=len(chosen) - len(detected),
        pck=tuple(float((chosen <= limit).mean()) if len(chosen) else nan for limit in thresholds),
        mean=float(detected.mean()) if len(detected) else nan,
        median=float(np.median(detected)) if len(detected) else nan,
    )


def errors_by_part(
    errors: FloatArray, annotated: BoolArray, parts: Iterable[str]
) -> Mapping[str, FloatArray]:
    """Errors of the annotated keypoints of some parts, one array per part, for histograms."""
    indices = {part: PART_INDICES[part] for part in parts}
    return {part: errors[:, index][annotated[:, index]] for part, index in indices.items()}
