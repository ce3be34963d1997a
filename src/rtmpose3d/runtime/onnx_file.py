"""Sessions from .onnx files: ours (`rtmpose3d export`), mmdeploy's, and raw RTMDet exports.

Ours take uint8 and say in their metadata which model they hold. The others take normalised NCHW
floats; pose files return SimCC logits, detector files either three class maps and three distance
maps, or finished boxes ("dets", "labels").
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime

from rtmpose3d.codec import decode_simcc
from rtmpose3d.errors import WeightsError
from rtmpose3d.runtime.devices import Device
from rtmpose3d.runtime.onnx_session import (
    OnnxDetectorSession,
    OnnxPoseSession,
    open_session,
    run,
    session_options,
)
from rtmpose3d.runtime.sessions import Candidates, DetectorSession, PoseSession, level_sizes
from rtmpose3d.structures import Decoded, FloatArray, UInt8Array
from rtmpose3d.zoo import DetectorSpec, ModelSpec, PoseSpec

MODEL_KEY = "rtmpose3d.model"  # metadata of the files that `rtmpose3d export` writes


def open_pose_file(path: Path, spec: PoseSpec, device: Device) -> PoseSession:
    """A pose session from an .onnx file.

    Raises:
        WeightsError: the file holds another model, or none that is known here.
        BackendError: ONNX Runtime cannot open it.
    """
    session = open_session(path, session_options(), device, what=str(path))
    if _is_ours(session, spec, path):
        return OnnxPoseSession(spec, session, device)
    width, height = spec.input_size_wh
    bins = [output.shape[-1] for output in session.get_outputs()]
    size = _input_hw(session)
    if size != (height, width) or bins != list(spec.codec.bins):
        raise WeightsError(
            f"{path}: not an ONNX file of {spec.name}: expected one input (N, 3, {height}, "
            f"{width}) and SimCC outputs with {list(spec.codec.bins)} bins, got "
            f"{_describe(session)}"
        )
    return SimCCFileSession(spec, session, device)


def open_detector_file(path: Path, spec: DetectorSpec, device: Device) -> DetectorSession:
    """A detector session from an .onnx file; the file's input size counts, not the table's.

    Raises:
        WeightsError: the file holds another model, or none that is known here.
        BackendError: ONNX Runtime cannot open it.
    """
    session = open_session(path, session_options(), device, what=str(path))
    if _is_ours(session, spec, path):
        return OnnxDetectorSession(spec, session, device)
    size = _input_hw(session)
    if size is None or len(session.get_outputs()) not in (2, 6):
        raise WeightsError(
            f"{path}: not an ONNX file of a person detector: expected one input (N, 3, H, W) and "
            "either three class maps and three distance maps, or boxes and labels, got "
            f"{_describe(session)}"
        )
    height, width = size
    return RTMDetFileSession(replace(spec, input_size_wh=(width, height)), session, device)


class SimCCFileSession:
    """A `PoseSession` from a file that takes normalised floats and returns SimCC logits."""

    def __init__(
        self, spec: PoseSpec, session: onnxruntime.InferenceSession, device: Device
    ) -> None:
        self.spec = spec
        self.device = device
        self._session = session
        self._input = session.get_inputs()[0].name
        self._outputs = [output.name for output in session.get_outputs()]
        self._one_by_one = isinstance(session.get_inputs()[0].shape[0], int)

    def run(self, crops: UInt8Array) -> Decoded:
        """See `PoseSession.run`."""
        return decode_simcc(self.run_simcc(crops), self.spec.codec)

    def run_simcc(self, crops: UInt8Array) -> tuple[FloatArray, ...]:
        """See `PoseSession.run_simcc`."""
        x = _normalise(crops, self.spec)
        batches = [x[i : i + 1] for i in range(len(x))] if self._one_by_one else [x]
        results = [run(self._session, self._outputs, {self._input: batch}) for batch in batches]
        return tuple(np.concatenate(axis) for axis in zip(*results, strict=True))


class RTMDetFileSession:
    """A `DetectorSession` from a file that takes normalised floats."""

    def __init__(
        self, spec: DetectorSpec, session: onnxruntime.InferenceSession, device: Device
    ) -> None:
        self.spec = spec
        self.device = device
        self.input_size_wh = spec.input_size_wh
        self._session = session
        self._input = session.get_inputs()[0].name
        self._outputs = [output.name for output in session.get_outputs()]

    def run(self, images: UInt8Array) -> list[Candidates]:
        """See `DetectorSession.run`. Such files take one image at a time."""
        x = _normalise(images, self.spec)
        results = [
            run(self._session, self._outputs, {self._input: x[i : i + 1]}) for i in range(len(x))
        ]
        if len(self._outputs) == 2:
            return [_from_finished(dets) for dets, _ in results]
        return [_from_maps(maps, self.input_size_wh) for maps in results]


def _from_finished(dets: np.ndarray) -> Candidates:
    """Boxes with scores, (1, P, 5), already selected by the file."""
    boxes = dets[0].astype(np.float32)
    return Candidates(boxes_xyxy=boxes[:, :4], scores=boxes[:, 4], level_sizes=(len(boxes),))


def _from_maps(maps: list[np.ndarray], input_size_wh: tuple[int, int]) -> Candidates:
    """Class logits (1, 1, H, W) and distances (1, 4, H, W) in input pixels, at three strides."""
    boxes, scores = [], []
    for logits, distances, stride in zip(maps[:3], maps[3:], (8, 16, 32), strict=True):
        height, width = logits.shape[2:]
        x = np.arange(width, dtype=np.float32) * stride
        y = np.arange(height, dtype=np.float32)[:, None] * stride
        left, top, right, bottom = distances[0]
        boxes.append(np.stack([x - left, y - top, x + right, y + bottom], -1).reshape(-1, 4))
        scores.append(_sigmoid(logits.ravel()))
    return Candidates(
        boxes_xyxy=np.concatenate(boxes),
        scores=np.concatenate(scores),
        level_sizes=level_sizes(input_size_wh),
    )


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (np.tanh(0.5 * x) + 1)  # no overflow at either end


def _normalise(pixels: UInt8Array, spec: ModelSpec) -> FloatArray:
    """(N, H, W, 3) uint8 BGR -> (N, 3, H, W) float32."""
    x = pixels[..., ::-1] if spec.channel_order == "rgb" else pixels
    x = (x - np.array(spec.mean, np.float32)) / np.array(spec.std, np.float32)
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2), dtype=np.float32)


def _is_ours(session: onnxruntime.InferenceSession, spec: ModelSpec, path: Path) -> bool:
    model = session.get_modelmeta().custom_metadata_map.get(MODEL_KEY)
    if model is not None and model != spec.name:
        raise WeightsError(f"{path} holds {model}, but {spec.name} was asked for")
    return model is not None and session.get_inputs()[0].type == "tensor(uint8)"


def _input_hw(session: onnxruntime.InferenceSession) -> tuple[int, int] | None:
    inputs = session.get_inputs()
    shape = inputs[0].shape
    if len(inputs) != 1 or len(shape) != 4 or not all(isinstance(n, int) for n in shape[2:]):
        return None
    return shape[2], shape[3]


def _describe(session: onnxruntime.InferenceSession) -> str:
    inputs = ", ".join(f"{i.name} {i.shape}" for i in session.get_inputs())
    outputs = ", ".join(f"{o.name} {o.shape}" for o in session.get_outputs())
    return f"inputs {inputs}; outputs {outputs}"
