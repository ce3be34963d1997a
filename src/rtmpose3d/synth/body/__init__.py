"""Rigged bodies: shape from traits, skeleton, zero pose, keypoints, landmarks on the skin."""

from rtmpose3d.synth.body.landmarks import Landmarks, find_landmarks
from rtmpose3d.synth.body.rigged_body import (
    RiggedBody,
    body_keypoints,
    bone_matrices,
    forward_kinematics,
    make_body,
    skin_vertices,
)
from rtmpose3d.synth.body.shape import Traits, sample_traits
from rtmpose3d.synth.body.zero_pose import FINGERS, SIDES

__all__ = [
    "FINGERS",
    "SIDES",
    "Landmarks",
    "RiggedBody",
    "Traits",
    "body_keypoints",
    "bone_matrices",
    "find_landmarks",
    "forward_kinematics",
    "make_body",
    "sample_traits",
    "skin_vertices",
]
