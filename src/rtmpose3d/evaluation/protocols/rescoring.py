"""What mmpose does with top-down poses before it scores them: rescoring, and OKS-NMS.

Published figures of the RTMPose family are made with these steps (`CocoWholeBodyMetric`: score of
the box times the mean score of the keypoints above 0.2; poses that are alike by more than 0.9
count once).
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
    """How poses are scored and thinned out.

    Attributes:
        score: "bbox-keypoint": the box's score times the mean of the keypoints' scores above
            `keypoint_thr`; "bbox": the box's; "keypoint": the mean of all keypoints'.
        keypoint_thr: see above.
        nms: "oks": of two poses that are too much alike the one with less score is dropped;
            "soft-oks": it loses score instead, and at most 20 stay; "none".
        nms_thr: similarity above which two poses are too much alike.

    Raises:
        UnknownNameError: no such mode.
        InputError: a threshold that cannot be.
    """

    score: ScoreMode = "bbox-keypoint"
    keypoint_thr: float = 0.2
    nms: NmsMode = "oks"
    nms_thr: float = 0.9

    def __post_init__(self) -> None:
        if self.score not in SCORE_MODES:
            raise UnknownNameError("way to score poses", self.score, SCORE_MODES)
        if self.nms not in NMS_MODES:
            raise UnknownNameError("suppression of poses", self.nms, NMS_MODES)
        if not 0 < self.nms_thr <= 1:
            raise InputError(f"nms_thr must be above 0 and at most 1, got {self.nms_thr:g}")

    def scores(self, box_scores: FloatArray, keypoint_scores: FloatArray) -> FloatArray:
        """Scores of some poses.

        Args:
            box_scores: (D,).
            keypoint_scores: (D, 133), the network's.

        Returns:
            (D,) float64.
        """
        if self.score == "bbox":
            return np.asarray(box_scores, np.float64)
        trust = np.asarray(keypoint_scores, np.float64)
        if self.score == "keypoint":
            return trust.mean(axis=1)
        high = trust > self.keypoint_thr
        total = np.where(high, trust, 0.0).sum(axis=1)
        return box_scores * total / np.maximum(high.sum(axis=1), 1)

    def keep(self, keypoints: FloatArray, scores: FloatArray, area_px2: FloatArray) -> IntArray:
        """Which of an image's poses stay.

        Args:
            keypoints: (D, 133, 2) px.
            scores: (D,), as `scores` gives them.
            area_px2: (D,) of the crops.

        Returns:
            (D',) rows, best first; all rows in their order for "none".
        """
        if self.nms == "none":
            return np.arange(len(scores))
        similarity = pose_similarity(keypoints, area_px2)
        if self.nms == "oks":
            return _suppressed(similarity, scores, self.nms_thr)
        return _softly_suppressed(similarity, scores, self.nms_thr)


def pose_similarity(keypoints: FloatArray, area_px2: FloatArray) -> FloatArray:
    """OKS of every two poses of one image, over all keypoints, relative to both areas' mean.

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


def _suppressed(similarity: FloatArray, scores: FloatArray, thr: float) -> IntArray:
    order = np.argsort(-scores, kind="stable")
    keep: list[int] = []
    while len(order):
        best, order = int(order[0]), order[1:]
        keep.append(best)
        order = order[similarity[best, order] <= thr]
    return np.array(keep, np.int64)


def _softly_suppressed(similarity: FloatArray, scores: FloatArray, thr: float) -> IntArray:
    order = np.argsort(-scores, kind="stable")
    left = scores[order]
    keep: list[int] = []
    while len(order) and len(keep) < MAX_DETECTIONS:
        best, order = int(order[0]), order[1:]
        keep.append(best)
        left = left[1:] * np.exp(-np.square(similarity[best, order]) / thr)
        again = np.argsort(-left, kind="stable")
        order, left = order[again], left[again]
    return np.array(keep, np.int64)
