"""Random poses and motion: a library of named poses, joint limits, inverse kinematics, contact."""

from rtmpose3d.synth.pose.collision import BodyVolume, build_volume, capsule_ends, segment_distance
from rtmpose3d.synth.pose.ik import HandGoal, reach_goal
from rtmpose3d.synth.pose.motion import PoseSequence, sample_sequence
from rtmpose3d.synth.pose.posing import (
    Pose,
    PosingData,
    hand_frame,
    hand_offset,
    pose_body,
    prepare_posing,
    sample_pose,
    world_from_person,
)

__all__ = [
    "BodyVolume",
    "HandGoal",
    "Pose",
    "PoseSequence",
    "PosingData",
    "build_volume",
    "capsule_ends",
    "hand_frame",
    "hand_offset",
    "pose_body",
    "prepare_posing",
    "reach_goal",
    "sample_pose",
    "sample_sequence",
    "segment_distance",
    "world_from_person",
]
