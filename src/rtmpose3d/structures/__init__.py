"""Data passed between steps of the pipeline: frames, detections, crops, keypoints, results.

All are frozen and hold numpy arrays; each field has its shape, unit and frame.
"""

from rtmpose3d.codec import Decoded
from rtmpose3d.structures.arrays import (
    BoolArray,
    FloatArray,
    Image,
    IntArray,
    UInt8Array,
)
from rtmpose3d.structures.frame import Frame
from rtmpose3d.structures.people import Crops, Detections
from rtmpose3d.structures.result import PoseResult, RootDepthSource
from rtmpose3d.structures.runtime import Runtime

__all__ = [
    "BoolArray",
    "Crops",
    "Decoded",
    "Detections",
    "FloatArray",
    "Frame",
    "Image",
    "IntArray",
    "PoseResult",
    "RootDepthSource",
    "Runtime",
    "UInt8Array",
]
