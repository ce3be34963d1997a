"""Metrics of poses and detections: arrays in, numbers out.

One module per metric family. Keypoints are the 133 of COCO-WholeBody, groups of them the
`PART_INDICES` of `rtmpose3d.skeletons`; keypoints that are not annotated never count.
"""

from rtmpose3d.evaluation.metrics.confidence import ConfidenceBin, pck_by_confidence
from rtmpose3d.evaluation.metrics.detection import (
    AnnotatedBoxes,
    DetectionMetrics,
    assign_boxes,
    detection_metrics,
)
from rtmpose3d.evaluation.metrics.metrics_2d import (
    PCK_THRESHOLDS,
    Metrics2D,
    keypoint_metrics_2d,
    metrics_2d,
    relative_errors,
)
from rtmpose3d.evaluation.metrics.metrics_3d import (
    Metrics3D,
    RootMetrics,
    keypoint_metrics_3d,
    metrics_3d,
    root_metrics,
    select_poses_3d,
)
from rtmpose3d.evaluation.metrics.mpjpe import (
    align_similarity,
    mpjpe,
    n_mpjpe,
    pa_mpjpe,
    relative_to_root,
)
from rtmpose3d.evaluation.metrics.oks import (
    AveragePrecision,
    OksImage,
    average_precision,
    oks_matrix,
)

__all__ = [
    "PCK_THRESHOLDS",
    "AnnotatedBoxes",
    "AveragePrecision",
    "ConfidenceBin",
    "DetectionMetrics",
    "Metrics2D",
    "Metrics3D",
    "OksImage",
    "RootMetrics",
    "align_similarity",
    "assign_boxes",
    "average_precision",
    "detection_metrics",
    "keypoint_metrics_2d",
    "keypoint_metrics_3d",
    "metrics_2d",
    "metrics_3d",
    "mpjpe",
    "n_mpjpe",
    "oks_matrix",
    "pa_mpjpe",
    "pck_by_confidence",
    "relative_errors",
    "relative_to_root",
    "root_metrics",
    "select_poses_3d",
]
