"""Tracking and smoothing: people over the frames of a stream.

`Tracker` gives the people of each frame their identifiers, from boxes, poses and colours.
`LiveSmoother` smooths the results of a stream as they come, `smooth_offline` all of them later.
"""

from rtmpose3d.tracking.appearance import body_colours
from rtmpose3d.tracking.options import TrackerOptions
from rtmpose3d.tracking.smoothing import (
    LiveSmoother,
    OfflineOptions,
    SmootherOptions,
    smooth_offline,
)
from rtmpose3d.tracking.tracker import Tracker

__all__ = [
    "LiveSmoother",
    "OfflineOptions",
    "SmootherOptions",
    "Tracker",
    "TrackerOptions",
    "body_colours",
    "smooth_offline",
]
