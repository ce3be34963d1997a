"""Everything that a body wears or holds: skin, clothes, hair, glasses, objects in the hands."""

from rtmpose3d.synth.outfit.dressing import Wardrobe, dress
from rtmpose3d.synth.outfit.held_objects import sample_held_object

__all__ = ["Wardrobe", "dress", "sample_held_object"]
