"""Random poses and motion: a library of named poses, joint limits, inverse kinematics, contact."""

from rtmpose3d.synth.pose.collision import Volume, capsule_ends, segment_distance, volume_of
from rtmpose3d.synth.pose.ik import HandGoal, reach
from rtmpose3d.synth.pose.motion import PoseSequence, sample_sequence
from rtmpose3d.synth.pose.posing import (
    Pose,
    PoseSpace,
    hand_frame,
    hand_offset,
    pose_body,
    pose_space,
    sample_pose,
    world_from_person,
)

__all__ = [
    "HandGoal",
    "Pose",
    "PoseSequence",
    "PoseSpace",
    "Volume",
    "capsule_ends",
    "hand_frame",
    "hand_offset",
    "pose_body",
    "pose_space",
    "reach",
    "sample_pose",
    "sample_sequence",
    "segment_distance",
    "volume_of",
    "world_from_person",
]
