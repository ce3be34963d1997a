"""Calibration of confidence: PCK of the keypoints of each range of confidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.structures import BoolArray, FloatArray

CONFIDENCE_BINS = 10
PCK_THRESHOLD = 0.1  # of the box's longer side


@dataclass(frozen=True, kw_only=True)
class ConfidenceBin:
    """Keypoints of one range of confidence.

    Attributes:
        low, high: range of confidence; the last range includes its upper limit.
        keypoints: number of annotated keypoints.
        pck: share of them within the threshold.
    """

    low: float
    high: float
    keypoints: int
    pck: float


def pck_by_confidence(
    errors: FloatArray,
    confidence: FloatArray,
    annotated: BoolArray,
    *,
    threshold: float = PCK_THRESHOLD,
) -> list[ConfidenceBin]:
    """PCK in ten equal ranges of confidence; empty ranges are omitted.

    Args:
        errors: (N, 133), relative to the box's longer side.
        confidence: (N, 133) in [0, 1].
        annotated: (N, 133) bool; only these count.
        threshold: maximum error; an error equal to it is within it.
    """
    within = errors[annotated] <= threshold
    bins = np.clip(confidence[annotated] * CONFIDENCE_BINS, 0, CONFIDENCE_BINS - 1).astype(int)
    return [
        ConfidenceBin(
            low=number / CONFIDENCE_BINS,
            high=(number + 1) / CONFIDENCE_BINS,
            keypoints=int((bins == number).sum()),
            pck=float(within[bins == number].mean()),
        )
        for number in np.unique(bins).tolist()
    ]
