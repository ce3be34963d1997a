"""PCK: the share of annotated keypoints that were found within a part of the box's longer side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.parts import EVALUATED_PARTS, EvaluatedPart
from rtmpose3d.structures import BoolArray, FloatArray

PCK_THRESHOLDS = (0.05, 0.1, 0.2)  # of the box's longer side


@dataclass(frozen=True, kw_only=True)
class PartPck:
    """PCK of one part.

    Attributes:
        shares: of the keypoints within each threshold, 0 to 1; nan where there are none.
        points: how many annotated keypoints there are.
    """

    shares: tuple[float, ...]
    points: int


def pck(
    found: FloatArray,
    true: FloatArray,
    annotated: BoolArray,
    boxes_xyxy: FloatArray,
    thresholds: Sequence[float] = PCK_THRESHOLDS,
) -> Mapping[EvaluatedPart, PartPck]:
    """PCK of each part over all keypoints of all people together.

    Args:
        found: (N, 133, 2) px; nan for what was not found, which counts as missed.
        true: (N, 133, 2) px.
        annotated: (N, 133) bool; only these count.
        boxes_xyxy: (N, 4) px, annotated boxes, with some extent.
        thresholds: parts of the box's longer side; a distance equal to one counts as within.

    Raises:
        InputError: shapes that do not go together, or a box without extent.
    """
    if found.shape != true.shape or found.shape[:2] != annotated.shape:
        raise InputError(
            "found and true must be (N, 133, 2) and annotated (N, 133), got "
            f"{found.shape}, {true.shape} and {annotated.shape}"
        )
    error = relative_errors(found, true, boxes_xyxy)
    return {
        part: _of_part(error[:, index], annotated[:, index], thresholds)
        for part, index in EVALUATED_PARTS.items()
    }


def relative_errors(found: FloatArray, true: FloatArray, boxes_xyxy: FloatArray) -> FloatArray:
    """(N, K) distances in parts of the box's longer side; infinite for what was not found.

    Raises:
        InputError: a box without extent.
    """
    longer = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).max(axis=1)
    if not (longer > 0).all():
        raise InputError(f"boxes must have some extent, got {boxes_xyxy[~(longer > 0)].tolist()}")
    error = np.linalg.norm(found.astype(np.float64) - true, axis=2) / longer[:, None]
    return np.where(np.isfinite(error), error, np.inf)


def _of_part(error: FloatArray, annotated: BoolArray, thresholds: Sequence[float]) -> PartPck:
    errors = error[annotated]
    if not len(errors):
        return PartPck(shares=tuple(float("nan") for _ in thresholds), points=0)
    return PartPck(
        shares=tuple(float((errors <= limit).mean()) for limit in thresholds), points=len(errors)
    )
