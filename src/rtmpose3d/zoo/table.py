"""All models by name, and their aliases."""

from __future__ import annotations

from rtmpose3d.zoo.detectors import BUNDLED_DETECTORS, DETECTORS
from rtmpose3d.zoo.pose_models import BUNDLED_POSE_MODELS, POSE_MODELS
from rtmpose3d.zoo.specs import ModelSpec

MODELS: dict[str, ModelSpec] = {
    spec.name: spec for spec in (*POSE_MODELS, *BUNDLED_POSE_MODELS, *DETECTORS, *BUNDLED_DETECTORS)
}

ALIASES: dict[str, str] = {
    "rtmw-m": "rtmw-m-256x192",
    "rtmw-l": "rtmw-l-384x288",
    "rtmw-x": "rtmw-x-384x288",
    "rbarac/rtmpose3d": "rtmw3d-l",
    "rtmpose3d": "rtmw3d-l",
    "rtmpose3d-l": "rtmw3d-l",
    "rtmpose3d-large": "rtmw3d-l",
    "rtmpose3d-x": "rtmw3d-x",
    "rtmpose3d-xlarge": "rtmw3d-x",
}
"""Other names for models; those with "rtmpose3d" are those of the RTMPose3D package."""
