"""Public classes: the model, its configuration, and the class of the RTMPose3D package."""

from rtmpose3d.api.config import RTMPose3DConfig
from rtmpose3d.api.inference import RTMPose3DInference
from rtmpose3d.api.model import RTMPose3D

__all__ = ["RTMPose3D", "RTMPose3DConfig", "RTMPose3DInference"]
