"""From images and sessions to poses: detect, crop, run, decode, lift. No state over time."""

from rtmpose3d.pipeline.detect import detect_people, keep_main_person, select_people
from rtmpose3d.pipeline.lift import Lifted, lift_people
from rtmpose3d.pipeline.pose import Poses, crop_images, decode_crops, estimate_poses
from rtmpose3d.pipeline.prefetch import Outcome, predict_batches

__all__ = [
    "Lifted",
    "Outcome",
    "Poses",
    "crop_images",
    "decode_crops",
    "detect_people",
    "estimate_poses",
    "keep_main_person",
    "lift_people",
    "predict_batches",
    "select_people",
]
