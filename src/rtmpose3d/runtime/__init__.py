"""Sessions: a network on a device, behind one protocol, in ONNX Runtime (default) or torch.

`open_pose` and `open_detector` take a published .pth, a .safetensors or an .onnx file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.runtime.devices import BACKENDS, Backend, Device, choose, parse_device
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.runtime.sessions import Candidates, DetectorSession, PoseSession
from rtmpose3d.weights import match_weights, read_checkpoint
from rtmpose3d.zoo import DetectorSpec, ModelSpec, PoseSpec

__all__ = [
    "BACKENDS",
    "Backend",
    "Candidates",
    "DetectorSession",
    "Device",
    "PoseSession",
    "choose",
    "load_weights",
    "open_detector",
    "open_pose",
    "parse_device",
]


def load_weights(spec: ModelSpec, checkpoint: Path) -> dict[str, np.ndarray]:
    """A checkpoint's tensors, exactly those that the model has.

    Raises:
        WeightsError: the file cannot be read, or does not fit the model.
    """
    shapes = graph_file(spec).shapes
    return match_weights(read_checkpoint(checkpoint), shapes, model=spec.name, path=checkpoint)


def open_pose(
    spec: PoseSpec, checkpoint: Path, *, backend: str = "auto", device: str = "auto"
) -> PoseSession:
    """A pose network, ready to run.

    Args:
        spec: row of the model table.
        checkpoint: .pth, .pt, .bin, .safetensors, or .onnx (with ONNX Runtime).
        backend: "auto", "onnxruntime" or "torch".
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        WeightsError: the file cannot be read, or does not fit the model.
        BackendError: the device is not there.
        InputError: an .onnx file with the torch backend.
    """
    kind, place = _choose(checkpoint, backend, device)
    if checkpoint.suffix == ".onnx":
        from rtmpose3d.runtime.onnx_file import open_pose_file

        return open_pose_file(checkpoint, spec, place)
    weights = load_weights(spec, checkpoint)
    if kind == "torch":
        from rtmpose3d.runtime.torch_session import TorchPoseSession

        return TorchPoseSession(spec, weights, place)
    from rtmpose3d.runtime.onnx_session import OnnxPoseSession

    return OnnxPoseSession.from_weights(spec, weights, place)


def open_detector(
    spec: DetectorSpec, checkpoint: Path, *, backend: str = "auto", device: str = "auto"
) -> DetectorSession:
    """A detector, ready to run; arguments and errors as in `open_pose`."""
    kind, place = _choose(checkpoint, backend, device)
    if checkpoint.suffix == ".onnx":
        from rtmpose3d.runtime.onnx_file import open_detector_file

        return open_detector_file(checkpoint, spec, place)
    weights = load_weights(spec, checkpoint)
    if kind == "torch":
        from rtmpose3d.runtime.torch_session import TorchDetectorSession

        return TorchDetectorSession(spec, weights, place)
    from rtmpose3d.runtime.onnx_session import OnnxDetectorSession

    return OnnxDetectorSession.from_weights(spec, weights, place)


def _choose(checkpoint: Path, backend: str, device: str) -> tuple[str, Device]:
    if checkpoint.suffix != ".onnx":
        return choose(backend, device)
    if backend == "torch":
        raise InputError(
            f"{checkpoint} is an ONNX file, which the torch backend cannot run; "
            "leave backend at 'auto', or give the .pth checkpoint"
        )
    return choose("onnxruntime", device)
