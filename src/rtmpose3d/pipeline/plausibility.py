"""Detections that the pose network contradicts: `plausible_people`.

A detector's false detection (a wheel, a shadow) and its second box of a person are alike in score
to a true one, but not in pose: few keypoints of the body are confident, or the pose is that of
another box. Both are measured in docs/results.md.
"""

from __future__ import annotations

import numpy as np

from rtmpose3d.skeletons import PART_INDICES
from rtmpose3d.structures import BoolArray, FloatArray
from rtmpose3d.tracking.similarity import TRACKED, TrackedPoses, oks_matrix
from rtmpose3d.zoo import PoseSpec

_BODY = PART_INDICES["body"]
_CONFIDENT = 0.5  # keypoints that poses are compared by
_SAME_POSE_OKS = 0.8


def plausible_people(
    boxes_xyxy: FloatArray,
    bbox_scores: FloatArray,
    keypoints_2d: FloatArray,
    confidence: FloatArray,
    spec: PoseSpec,
    *,
    detected: BoolArray | None = None,
) -> BoolArray:
    """Mask of the people of an image whom the pose network confirms.

    Args:
        boxes_xyxy: (N, 4) px.
        bbox_scores: (N,); of two detections with the same pose the one with the higher score stays.
        keypoints_2d: (N, K, 2) px of the image.
        confidence: (N, K) in [0, 1].
        spec: of the pose model; all people are plausible if it has no `min_person_confidence`.
        detected: (N,) which people come from a detector, and may be false; None: all.

    Returns:
        (N,) bool, true for people who are not detections.
    """
    plausible = np.ones(len(boxes_xyxy), bool)
    if spec.min_person_confidence is None or not len(plausible):
        return plausible
    questionable = plausible if detected is None else detected
    mean = confidence[:, _BODY].mean(axis=1)
    plausible = ~questionable | (mean >= spec.min_person_confidence)
    poses = TrackedPoses(
        boxes_xyxy=boxes_xyxy,
        keypoints_2d=keypoints_2d[:, TRACKED],
        confident=confidence[:, TRACKED] >= _CONFIDENT,
    )
    same = np.nan_to_num(oks_matrix(poses, poses)) >= _SAME_POSE_OKS
    kept: list[int] = []
    for i in np.lexsort((-bbox_scores, questionable)).tolist():
        if plausible[i] and questionable[i] and same[i, kept].any():
            plausible[i] = False
        if plausible[i]:
            kept.append(i)
    return plausible
