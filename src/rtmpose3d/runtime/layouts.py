"""Layouts of .onnx files as `Network`s: ours (`rtmpose3d export`), mmdeploy's, raw RTMDet's.

Ours take uint8 and name their model in the metadata. The others take normalised NCHW floats; pose
files return SimCC logits, detector files either three class maps and three distance maps, or
boxes after selection ("dets", "labels").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rtmpose3d.codec import decode_simcc
from rtmpose3d.errors import WeightsError
from rtmpose3d.runtime.network import ModelFile, Network
from rtmpose3d.structures import FloatArray, UInt8Array
from rtmpose3d.zoo import RTMDET_STRIDES, DetectorSpec, ModelSpec, PoseSpec

MODEL_KEY = "rtmpose3d.model"  # metadata of the files that `rtmpose3d export` writes


def pose_network(file: ModelFile, spec: PoseSpec) -> Network:
    """An .onnx file as a pose network.

    Raises:
        WeightsError: the file holds another model, or an unknown layout.
    """
    if _is_ours(file, spec):
        return file.network
    width, height = spec.input_size_wh
    bins = [output.shape[-1] for output in file.outputs]
    if _input_hw(file) != (height, width) or bins != list(spec.codec.bins):
        raise WeightsError(
            f"{file.path}: not an ONNX file of {spec.name}: expected one input (N, 3, {height}, "
            f"{width}) and SimCC outputs with {list(spec.codec.bins)} bins, got {_describe(file)}"
        )
    return SimCCLayout(file, spec)


def detector_network(file: ModelFile, spec: DetectorSpec) -> tuple[Network, DetectorSpec]:
    """An .onnx file as a detector, and its spec with the file's input size in place of the table's.

    Raises:
        WeightsError: the file holds another model, or an unknown layout.
    """
    if _is_ours(file, spec):
        return file.network, spec
    size_hw = _input_hw(file)
    if size_hw is None or len(file.outputs) not in (2, 6):
        raise WeightsError(
            f"{file.path}: not an ONNX file of a person detector: expected one input (N, 3, H, W) "
            "and either three class maps and three distance maps, or boxes and labels, got "
            f"{_describe(file)}"
        )
    spec = replace(spec, input_size_wh=size_hw[::-1])
    return RTMDetLayout(file, spec), spec


class SimCCLayout:
    """A pose `Network` from a file that takes normalised floats and returns SimCC logits."""

    def __init__(self, file: ModelFile, spec: PoseSpec) -> None:
        self.output_names = spec.output_names
        self.max_batch = 1 if isinstance(file.inputs[0].shape[0], int) else None
        self._file = file
        self._spec = spec

    def run(self, images: UInt8Array, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        """Runs the file, and decodes its logits if decoded outputs are requested."""
        raw = self._file.network
        simcc = raw.run(_normalise(images, self._spec), raw.output_names)
        names = self.output_names[-len(simcc) :]
        arrays = dict(zip(names, simcc, strict=True))
        if not set(outputs) <= set(names):
            decoded = decode_simcc(simcc, self._spec.codec)
            parts = (decoded.bins, decoded.scores, decoded.confidence)
            arrays.update(zip(self.output_names, parts, strict=False))
        return tuple(arrays[name] for name in outputs)


class RTMDetLayout:
    """A detector `Network` from a file that takes one image of normalised floats."""

    max_batch: int | None = 1

    def __init__(self, file: ModelFile, spec: DetectorSpec) -> None:
        self.output_names = spec.output_names
        self._file = file
        self._spec = spec

    def run(self, images: UInt8Array, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        """Runs the file on one image; boxes (1, P, 4) in input pixels, scores (1, P)."""
        raw = self._file.network
        results = raw.run(_normalise(images, self._spec), raw.output_names)
        if len(results) == 2:  # selected boxes with scores, (1, P, 5), and labels
            selected = results[0].astype(np.float32)
            arrays = selected[..., :4], selected[..., 4]
        else:
            arrays = _from_maps(results)
        named = dict(zip(self.output_names, arrays, strict=True))
        return tuple(named[name] for name in outputs)


def _from_maps(maps: Sequence[np.ndarray]) -> tuple[FloatArray, FloatArray]:
    """Boxes and scores from class logits (1, 1, H, W) and distances (1, 4, H, W), input pixels."""
    boxes, scores = [], []
    for logits, distances, stride in zip(maps[:3], maps[3:], RTMDET_STRIDES, strict=True):
        height, width = logits.shape[2:]
        x = np.arange(width, dtype=np.float32) * stride
        y = np.arange(height, dtype=np.float32)[:, None] * stride
        left, top, right, bottom = distances[0]
        boxes.append(np.stack([x - left, y - top, x + right, y + bottom], -1).reshape(-1, 4))
        scores.append(_sigmoid(logits.ravel()))
    return np.concatenate(boxes)[None], np.concatenate(scores)[None]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (np.tanh(0.5 * x) + 1)  # no overflow at either end


def _normalise(pixels: UInt8Array, spec: ModelSpec) -> FloatArray:
    """(N, H, W, 3) uint8 BGR -> (N, 3, H, W) float32."""
    x = pixels[..., ::-1] if spec.channel_order == "rgb" else pixels
    x = (x - np.array(spec.mean, np.float32)) / np.array(spec.std, np.float32)
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2), dtype=np.float32)


def _is_ours(file: ModelFile, spec: ModelSpec) -> bool:
    model = file.metadata.get(MODEL_KEY)
    if model is not None and model != spec.name:
        raise WeightsError(f"{file.path} holds {model}, but {spec.name} was asked for")
    return model is not None and file.inputs[0].dtype == "uint8"


def _input_hw(file: ModelFile) -> tuple[int, int] | None:
    shape = file.inputs[0].shape
    if len(file.inputs) != 1 or len(shape) != 4:
        return None
    height, width = shape[2:]
    return (height, width) if isinstance(height, int) and isinstance(width, int) else None


def _describe(file: ModelFile) -> str:
    inputs, outputs = (
        ", ".join(f"{tensor.name} {list(tensor.shape)}" for tensor in tensors)
        for tensors in (file.inputs, file.outputs)
    )
    return f"inputs {inputs}; outputs {outputs}"
