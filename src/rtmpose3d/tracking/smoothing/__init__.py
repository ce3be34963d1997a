"""Smoothing of tracked people: live, frame by frame, and offline, over finished results."""

from rtmpose3d.tracking.smoothing.live import LiveSmoother
from rtmpose3d.tracking.smoothing.offline import smooth_offline
from rtmpose3d.tracking.smoothing.options import OfflineOptions, SmootherOptions

__all__ = ["LiveSmoother", "OfflineOptions", "SmootherOptions", "smooth_offline"]
