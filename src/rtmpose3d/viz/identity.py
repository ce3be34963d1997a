"""Names and colours of people in drawings: those of their tracks, else their index."""

from __future__ import annotations

import colorsys

from rtmpose3d.structures.result import PoseResult
from rtmpose3d.viz.palette import RGB

_WHITE: RGB = (255, 255, 255)
_HUE_STEP = 0.618034  # golden ratio: consecutive ids are far apart on the colour wheel


def person_name(result: PoseResult, person: int) -> str:
    """Short text for a person: `#` and the id of the track, or the index in the result."""
    return f"#{person if result.track_ids is None else int(result.track_ids[person])}"


def person_rgb(result: PoseResult, person: int) -> RGB:
    """Colour of a person's track; white without tracks."""
    return _WHITE if result.track_ids is None else track_rgb(int(result.track_ids[person]))


def track_rgb(track_id: int) -> RGB:
    """A light colour for a track, always the same for the same id."""
    hue = (0.33 + _HUE_STEP * track_id) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.55, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)
