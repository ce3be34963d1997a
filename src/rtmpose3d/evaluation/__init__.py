"""How good poses and detections are: PCK, OKS and its AP, MPJPE, the mean pose as a baseline.

Numbers in, numbers out: everything here is numpy. Keypoints are the 133 of COCO-WholeBody; what
is not annotated never counts.
"""

from rtmpose3d.evaluation.mean_pose import MeanPose
from rtmpose3d.evaluation.metrics.detection import DetectionScores, score_detections
from rtmpose3d.evaluation.metrics.mpjpe import align_similarity, mpjpe, pa_mpjpe, relative_to_root
from rtmpose3d.evaluation.metrics.oks import (
    AveragePrecision,
    OksImage,
    average_precision,
    oks_matrix,
)
from rtmpose3d.evaluation.metrics.pck import PCK_THRESHOLDS, PartPck, pck
from rtmpose3d.evaluation.parts import EVALUATED_PARTS, EvaluatedPart

__all__ = [
    "EVALUATED_PARTS",
    "PCK_THRESHOLDS",
    "AveragePrecision",
    "DetectionScores",
    "EvaluatedPart",
    "MeanPose",
    "OksImage",
    "PartPck",
    "align_similarity",
    "average_precision",
    "mpjpe",
    "oks_matrix",
    "pa_mpjpe",
    "pck",
    "relative_to_root",
    "score_detections",
]
