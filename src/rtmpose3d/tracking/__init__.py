"""Tracking and smoothing: people over the frames of a stream.

`Tracker` gives the people of each frame their identifiers, from boxes and poses.
"""

from rtmpose3d.tracking.options import TrackerOptions
from rtmpose3d.tracking.tracker import Tracker

__all__ = ["Tracker", "TrackerOptions"]
