"""Whole-body pose of many people: 133 keypoints each, in 2D pixels and in 3D metres.

from rtmpose3d import RTMPose3D

model = RTMPose3D.from_pretrained("rbarac/rtmpose3d")
result = model("people.jpg")
result.keypoints_3d      # (N, 133, 3) metres
result.plot().save("people_pose.jpg")
"""

from importlib.metadata import PackageNotFoundError, version

from rtmpose3d.api import RTMPose3D, RTMPose3DConfig, RTMPose3DInference
from rtmpose3d.errors import (
    BackendError,
    DownloadError,
    InputError,
    MissingDependencyError,
    OutputError,
    RTMPose3DError,
    UnknownNameError,
    WeightsError,
)
from rtmpose3d.geometry import Camera
from rtmpose3d.sinks import load_result
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures import PoseResult
from rtmpose3d.weights import CACHE_DIR, clear_cache

try:
    __version__ = version("rtmpose3d")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0"

__all__ = [
    "CACHE_DIR",
    "WHOLEBODY",
    "BackendError",
    "Camera",
    "DownloadError",
    "InputError",
    "MissingDependencyError",
    "OutputError",
    "PoseResult",
    "RTMPose3D",
    "RTMPose3DConfig",
    "RTMPose3DError",
    "RTMPose3DInference",
    "UnknownNameError",
    "WeightsError",
    "clear_cache",
    "load_result",
]
