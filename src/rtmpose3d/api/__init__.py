"""The classes that users write against."""

from rtmpose3d.api.config import RTMPose3DConfig
from rtmpose3d.api.inference import RTMPose3DInference
from rtmpose3d.api.model import RTMPose3D

__all__ = ["RTMPose3D", "RTMPose3DConfig", "RTMPose3DInference"]
