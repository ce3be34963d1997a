"""Body shapes, posed by bone rotations: mesh, skeleton, keypoints, landmarks on the skin."""

from rtmpose3d.synth.body.body import Body, bone_matrices, forward, keypoints_of, make_body, skin
from rtmpose3d.synth.body.landmarks import Landmarks, find_landmarks
from rtmpose3d.synth.body.shape import Traits, sample_traits
from rtmpose3d.synth.body.zero_pose import FINGERS, SIDES

__all__ = [
    "FINGERS",
    "SIDES",
    "Body",
    "Landmarks",
    "Traits",
    "bone_matrices",
    "find_landmarks",
    "forward",
    "keypoints_of",
    "make_body",
    "sample_traits",
    "skin",
]
