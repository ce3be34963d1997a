"""Rescoring and OKS-NMS of top-down poses, as mmpose's `CocoWholeBodyMetric` does.

Published metrics of the RTMPose family include these steps: score of the box times the mean score
of the keypoints above 0.2; of two poses with an OKS above 0.9 only the better one counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.evaluation.metrics.oks import EPS, MAX_DETECTIONS
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures import FloatArray, IntArray

ScoreMode = Literal["bbox-keypoint", "bbox", "keypoint"]
NmsMode = Literal["oks", "soft-oks", "none"]
SCORE_MODES: tuple[ScoreMode, ...] = ("bbox-keypoint", "bbox", "keypoint")
NMS_MODES: tuple[NmsMode, ...] = ("oks", "soft-oks", "none")


@dataclass(frozen=True, kw_only=True)
class Rescoring:
    """Scoring of poses and suppression of duplicates.

    Attributes:
        score: "bbox-keypoint": score of the box times the mean of the keypoint scores above
            `keypoint_thr`; "bbox": score of the box; "keypoint": mean of all keypoint scores.
        keypoint_thr: minimum keypoint score in "bbox-keypoint".
        nms: "oks": of two similar poses the one with the lower score is dropped; "soft-oks": its
            score is lowered instead, and at most 20 poses are kept; "none".
        nms_thr: OKS above which two poses are similar.

    Raises:
        UnknownNameError: no such mode.
        InputError: a threshold out of range.
    """

    score: ScoreMode = "bbox-keypoint"
    keypoint_thr: float = 0.2
    nms: NmsMode = "oks"
    nms_thr: float = 0.9

    def __post_init__(self) -> None:
        if self.score not in SCORE_MODES:
            raise UnknownNameError("pose score", self.score, SCORE_MODES)
        if self.nms not in NMS_MODES:
            raise UnknownNameError("pose NMS", self.nms, NMS_MODES)
        if not 0 < self.nms_thr <= 1:
            raise InputError(f"nms_thr must be above 0 and at most 1, got {self.nms_thr:g}")

    def scores(self, box_scores: FloatArray, keypoint_scores: FloatArray) -> FloatArray:
        """Scores of D poses.

        Args:
            box_scores: (D,) scores of the boxes.
            keypoint_scores: (D, 133) scores of the network.

        Returns:
            (D,) float64.
        """
        if self.score == "bbox":
            return np.asarray(box_scores, np.float64)
        values = np.asarray(keypoint_scores, np.float64)
        if self.score == "keypoint":
            return values.mean(axis=1)
        high = values > self.keypoint_thr
        total = np.where(high, values, 0.0).sum(axis=1)
        return box_scores * total / np.maximum(high.sum(axis=1), 1)

    def keep(self, keypoints: FloatArray, scores: FloatArray, area_px2: FloatArray) -> IntArray:
        """Rows of the poses of an image that are kept.

        Args:
            keypoints: (D, 133, 2) px.
            scores: (D,), as `scores` returns them.
            area_px2: (D,) areas of the crops.

        Returns:
            (D',) rows, best first; all rows in their order for "none".
        """
        if self.nms == "none":
            return np.arange(len(scores))
        similarity = pose_similarity(keypoints, area_px2)
        if self.nms == "oks":
            return _nms(similarity, scores, self.nms_thr)
        return _soft_nms(similarity, scores, self.nms_thr)


def pose_similarity(keypoints: FloatArray, area_px2: FloatArray) -> FloatArray:
    """OKS of each pair of poses of one image, over all keypoints, relative to their mean area.

    Args:
        keypoints: (D, 133, 2) px.
        area_px2: (D,).

    Returns:
        (D, D) in [0, 1].
    """
    points = np.asarray(keypoints, np.float64)
    squares = np.square(points[:, None] - points[None]).sum(axis=3)
    area = (area_px2[:, None] + area_px2[None]) / 2 + EPS
    exponent = squares / np.square(2 * WHOLEBODY.sigmas) / area[..., None] / 2
    return np.exp(-exponent).mean(axis=2)


def _nms(similarity: FloatArray, scores: FloatArray, thr: float) -> IntArray:
    order = np.argsort(-scores, kind="stable")
    keep: list[int] = []
    while len(order):
        best, order = int(order[0]), order[1:]
        keep.append(best)
        order = order[similarity[best, order] <= thr]
    return np.array(keep, np.int64)


def _soft_nms(similarity: FloatArray, scores: FloatArray, thr: float) -> IntArray:
    order = np.argsort(-scores, kind="stable")
    remaining = scores[order]
    keep: list[int] = []
    while len(order) and len(keep) < MAX_DETECTIONS:
        best, order = int(order[0]), order[1:]
        keep.append(best)
        remaining = remaining[1:] * np.exp(-np.square(similarity[best, order]) / thr)
        by_score = np.argsort(-remaining, kind="stable")
        order, remaining = order[by_score], remaining[by_score]
    return np.array(keep, np.int64)
