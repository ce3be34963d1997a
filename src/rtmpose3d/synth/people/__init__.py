"""Posed and dressed people for a scene, alone, in pairs or in groups."""

from rtmpose3d.synth.people.cast import Cast, pose_person

__all__ = ["Cast", "pose_person"]
