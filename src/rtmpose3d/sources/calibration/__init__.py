"""Calibration files: OpenCV's YAML and JSON, ROS's camera_info, the TOML of Pose2Sim and anipose.

`load_calibration` reads one camera, `load_calibrations` all of a file, by name. Positions of
cameras are not read.
"""

from rtmpose3d.sources.calibration.calibration import Calibration
from rtmpose3d.sources.calibration.loading import load_calibration, load_calibrations

__all__ = ["Calibration", "load_calibration", "load_calibrations"]
