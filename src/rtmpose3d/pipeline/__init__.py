"""From frames and sessions to results: detect, crop, run, decode, lift. No state over time."""

from rtmpose3d.pipeline.detect import detect_people, filter_candidates, select_main_person
from rtmpose3d.pipeline.estimator import PoseEstimator, PoseOptions, assemble_result
from rtmpose3d.pipeline.lift import Lifted, lift_people
from rtmpose3d.pipeline.pose import Poses, crop_images, decode_crops, estimate_poses
from rtmpose3d.pipeline.prefetch import Outcome, predict_batches

__all__ = [
    "Lifted",
    "Outcome",
    "PoseEstimator",
    "PoseOptions",
    "Poses",
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
