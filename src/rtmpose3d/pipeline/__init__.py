"""From frames and sessions to results: detect, crop, run, decode, lift.

`PoseEstimator` holds no state over time; `StreamEstimator` and `PoseStream` do.
"""

from rtmpose3d.pipeline.detect import detect_people, filter_candidates, select_main_person
from rtmpose3d.pipeline.estimator import PoseEstimator, PoseOptions, assemble_result
from rtmpose3d.pipeline.lift import Lifted, lift_people
from rtmpose3d.pipeline.pose import Poses, crop_images, decode_crops, estimate_poses
from rtmpose3d.pipeline.prefetch import Outcome, predict_batches
from rtmpose3d.pipeline.stream import PoseStream
from rtmpose3d.pipeline.stream_estimator import (
    DETECT_EVERY,
    CameraRule,
    Smoothing,
    StreamEstimator,
    StreamOptions,
)

__all__ = [
    "DETECT_EVERY",
    "CameraRule",
    "Lifted",
    "Outcome",
    "PoseEstimator",
    "PoseOptions",
    "PoseStream",
    "Poses",
    "Smoothing",
    "StreamEstimator",
    "StreamOptions",
    "assemble_result",
    "crop_images",
    "decode_crops",
    "detect_people",
    "estimate_poses",
    "filter_candidates",
    "lift_people",
    "predict_batches",
    "select_main_person",
]
