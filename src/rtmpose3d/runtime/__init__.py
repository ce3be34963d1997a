"""Networks ready to run: `open_pose` and `open_detector` make sessions with `RuntimeOptions`.

A session is a model on a `Network`; a backend (`runtime.backends`) makes the network of a published
.pth or a .safetensors file, or of an .onnx file.
"""

from __future__ import annotations

from rtmpose3d.runtime.backends import BACKENDS, Backend
from rtmpose3d.runtime.devices import Device, parse_device, usable_cores
from rtmpose3d.runtime.graph_files import load_weights
from rtmpose3d.runtime.network import Network
from rtmpose3d.runtime.onnx_content import is_onnx_file
from rtmpose3d.runtime.options import RuntimeOptions, select_backend
from rtmpose3d.runtime.sessions import (
    Candidates,
    DetectorSession,
    PoseSession,
    open_detector,
    open_pose,
)

__all__ = [
    "BACKENDS",
    "Backend",
    "Candidates",
    "DetectorSession",
    "Device",
    "Network",
    "PoseSession",
    "RuntimeOptions",
    "is_onnx_file",
    "load_weights",
    "open_detector",
    "open_pose",
    "parse_device",
    "select_backend",
    "usable_cores",
]
