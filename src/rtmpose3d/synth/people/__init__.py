"""Posed and dressed people for a scene, alone, in pairs or in groups."""

from rtmpose3d.synth.people.cast import Cast, person_of

__all__ = ["Cast", "person_of"]
