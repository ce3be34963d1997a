"""Layouts of .onnx files as `Network`s: ours (`rtmpose3d export`), mmdeploy's, raw RTMDet's.

Ours take uint8 and name their model in the metadata. The others take normalised NCHW floats; pose
files return SimCC logits, detector files either class maps and distance maps of three scales, or
boxes after selection ("dets", "labels"). Outputs may have any order; classes other than the first,
which is COCO's person, are ignored. A declared shape that does not fit is an error when the file is
opened, an actual one when it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rtmpose3d.errors import BackendError, WeightsError
from rtmpose3d.runtime.network import ModelFile, Network, TensorInfo
from rtmpose3d.structures import FloatArray, UInt8Array
from rtmpose3d.zoo import RTMDET_STRIDES, DetectorSpec, ModelSpec, PoseSpec

MODEL_KEY = "rtmpose3d.model"  # metadata of the files that `rtmpose3d export` writes
PERSON_LABEL = 0  # in COCO's and Objects365's order of classes
_FLOATS = ("float16", "float32", "float64")
_SCALES = len(RTMDET_STRIDES)


def pose_network(file: ModelFile, spec: PoseSpec) -> Network:
    """An .onnx file as a pose network.

    Raises:
        WeightsError: the file holds another model, or an unknown layout.
    """
    if _is_ours(file, spec):
        return file.network
    width, height = spec.input_size_wh
    order = _simcc_order(file.outputs, spec)
    if _input_hw(file, spec) != (height, width) or _free_size(file) or order is None:
        raise WeightsError(
            f"{file.path}: not an ONNX file of {spec.name}: expected one input (N, 3, {height}, "
            f"{width}) of floats and SimCC outputs (N, {spec.keypoints}, bins) with "
            f"{list(spec.codec.bins)} bins, got {_describe(file)}"
        )
    return SimCCLayout(file, spec, order)


def detector_network(file: ModelFile, spec: DetectorSpec) -> tuple[Network, DetectorSpec]:
    """An .onnx file as a detector, and its spec with the file's input size in place of the table's.

    A file that takes images of any size gets those of the table.

    Raises:
        WeightsError: the file holds another model, or an unknown layout.
    """
    if _is_ours(file, spec):
        return file.network, spec
    size_hw = _input_hw(file, spec)
    boxes, maps = _boxes_order(file.outputs), _maps_order(file.outputs)
    if size_hw is None or (boxes is None and maps is None):
        raise WeightsError(
            f"{file.path}: not an ONNX file of a person detector: expected one input (N, 3, H, W) "
            "of floats and either boxes with scores (N, P, 5) and labels (N, P), or three class "
            f"maps (N, C, h, w) and three distance maps (N, 4, h, w), got {_describe(file)}"
        )
    spec = replace(spec, input_size_wh=size_hw[::-1])
    if boxes is not None:
        return BoxesLayout(file, spec, boxes), spec
    assert maps is not None
    return RTMDetLayout(file, spec, maps), spec


class _FloatLayout:
    """A file that takes normalised floats.

    Args:
        file: as opened.
        spec: row of the model table.
        order: names of the file's outputs, in the order in which `_run_file` returns them.
    """

    def __init__(self, file: ModelFile, spec: ModelSpec, order: Sequence[str]) -> None:
        self.output_names = spec.output_names
        self._file = file
        self._order = tuple(order)
        self._mean, self._std = (np.array(values, np.float32) for values in (spec.mean, spec.std))
        self._rgb = spec.channel_order == "rgb"
        first = file.inputs[0].shape[0]
        self._fixed_batch = first if isinstance(first, int) else None

    def _run_file(self, images: UInt8Array) -> list[np.ndarray]:
        """The outputs for (N, H, W, 3) uint8 BGR; a batch below a fixed one is filled up."""
        count = len(images)
        missing = (self._fixed_batch or count) - count
        x = self._normalise(images)
        if missing:
            x = np.concatenate([x, np.zeros((missing, *x.shape[1:]), x.dtype)])
        results = self._file.network.run(x, self._order)
        for name, result in zip(self._order, results, strict=True):
            if result.ndim == 0 or len(result) != len(x) or result.dtype.kind not in "fiu":
                raise self._unexpected(name, result, f"a batch of {len(x)}")
        return [result[:count] for result in results]

    def _normalise(self, images: UInt8Array) -> FloatArray:
        """(N, H, W, 3) uint8 BGR -> (N, 3, H, W) of the file's type."""
        x = (images[..., ::-1] if self._rgb else images) - self._mean
        x /= self._std
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2), dtype=self._file.inputs[0].dtype)

    def _unexpected(self, name: str, result: np.ndarray, expected: str) -> BackendError:
        return BackendError(
            f"{self._file.path}: output {name!r} has the shape {result.shape} and type "
            f"{result.dtype}; expected {expected}"
        )


class SimCCLayout(_FloatLayout):
    """A `Network` of SimCC logits from a file."""

    def __init__(self, file: ModelFile, spec: PoseSpec, order: Sequence[str]) -> None:
        super().__init__(file, spec, order)
        self.output_names = spec.output_names[-len(order) :]
        self.max_batch = self._fixed_batch
        self._spec = spec

    def run(self, images: UInt8Array, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        """Runs the file; logits (N, K, bins) float32 per axis."""
        arrays = {}
        for name, key, bins, logits in zip(
            self._order,
            self.output_names,
            self._spec.codec.bins,
            self._run_file(images),
            strict=True,
        ):
            expected = len(images), self._spec.keypoints, bins
            if logits.shape != expected:
                raise self._unexpected(name, logits, f"{expected}")
            arrays[key] = logits.astype(np.float32, copy=False)
        return tuple(arrays[name] for name in outputs)


class _DetectorLayout(_FloatLayout):
    """A detector `Network` from a file that takes one image, or a fixed number of them."""

    def __init__(self, file: ModelFile, spec: DetectorSpec, order: Sequence[str]) -> None:
        super().__init__(file, spec, order)
        self.max_batch = self._fixed_batch or 1

    def run(self, images: UInt8Array, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        """Runs the file; boxes (N, P, 4) in input pixels, scores of a person (N, P)."""
        arrays = dict(zip(self.output_names, self._people(self._run_file(images)), strict=True))
        return tuple(arrays[name].astype(np.float32, copy=False) for name in outputs)

    def _people(self, results: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError


class BoxesLayout(_DetectorLayout):
    """A detector that selects boxes itself: boxes with scores (N, P, 5) and labels (N, P)."""

    def _people(self, results: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        dets, labels = results
        if dets.ndim != 3 or dets.shape[2] != 5:
            raise self._unexpected(self._order[0], dets, "boxes with scores (N, P, 5)")
        if labels.shape != dets.shape[:2]:
            raise self._unexpected(self._order[1], labels, f"labels {dets.shape[:2]}")
        return dets[..., :4], np.where(labels == PERSON_LABEL, dets[..., 4], 0)


class RTMDetLayout(_DetectorLayout):
    """A raw RTMDet: class logits (N, C, h, w), then distances (N, 4, h, w), fine scale first."""

    def __init__(self, file: ModelFile, spec: DetectorSpec, order: Sequence[str]) -> None:
        super().__init__(file, spec, order)
        width, height = spec.input_size_wh
        self._cells_hw = [(height // stride, width // stride) for stride in RTMDET_STRIDES]

    def _people(self, results: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        boxes, scores = [], []
        for i, (stride, cells_hw) in enumerate(zip(RTMDET_STRIDES, self._cells_hw, strict=True)):
            logits, distances = results[i], results[i + _SCALES]
            if logits.ndim != 4 or logits.shape[1] < 1 or logits.shape[2:] != cells_hw:
                raise self._unexpected(self._order[i], logits, f"class maps (N, C, *{cells_hw})")
            if distances.shape != (len(logits), 4, *cells_hw):
                expected = f"distances {(len(logits), 4, *cells_hw)}"
                raise self._unexpected(self._order[i + _SCALES], distances, expected)
            height, width = cells_hw
            x = np.arange(width, dtype=np.float32) * stride
            y = np.arange(height, dtype=np.float32)[:, None] * stride
            left, top, right, bottom = distances.astype(np.float32).transpose(1, 0, 2, 3)
            corners = np.stack([x - left, y - top, x + right, y + bottom], -1)
            boxes.append(corners.reshape(len(corners), -1, 4))
            person = logits[:, PERSON_LABEL].reshape(len(logits), -1)
            scores.append(_sigmoid(person.astype(np.float32)))
        return np.concatenate(boxes, axis=1), np.concatenate(scores, axis=1)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (np.tanh(0.5 * x) + 1)  # no overflow at either end


def _simcc_order(outputs: Sequence[TensorInfo], spec: PoseSpec) -> list[str] | None:
    """Names of the outputs for x, y and z, by their names or else by their bins; None if unfit."""
    bins = spec.codec.bins
    if len(outputs) != len(bins):
        return None
    by_name = {output.name: output for output in outputs}
    expected_names = spec.output_names[-len(bins) :]
    ordered = list(outputs)
    if set(by_name) == set(expected_names):
        ordered = [by_name[name] for name in expected_names]
    elif not all(map(_has_bins, ordered, bins)):
        ordered = [next((o for o in outputs if _has_bins(o, n)), outputs[0]) for n in bins]
    fits = len({output.name for output in ordered}) == len(bins) and all(
        _fits(output, (None, spec.keypoints, n)) for output, n in zip(ordered, bins, strict=True)
    )
    return [output.name for output in ordered] if fits else None


def _has_bins(output: TensorInfo, bins: int) -> bool:
    return _fits(output, (None, None, bins))


def _boxes_order(outputs: Sequence[TensorInfo]) -> list[str] | None:
    """Names of boxes and labels, by their shapes or else by mmdeploy's names."""
    if len(outputs) != 2:
        return None
    candidates = [
        (dets.name, labels.name)
        for dets, labels in (outputs, outputs[::-1])
        if _fits(dets, (None, None, 5)) and _fits(labels, (None, None), kinds=None)
    ]
    named = [pair for pair in candidates if pair == ("dets", "labels")]
    candidates = named or candidates
    return list(candidates[0]) if candidates else None


def _maps_order(outputs: Sequence[TensorInfo]) -> list[str] | None:
    """Names of three class maps and three distance maps, each from fine to coarse."""
    if len(outputs) != 2 * _SCALES or not all(_fits(o, (None,) * 4) for o in outputs):
        return None
    distances = [output for output in outputs if output.shape[1:2] == (4,)]
    classes = [output for output in outputs if output not in distances]
    if len(distances) != _SCALES:  # symbolic channels, or four classes
        classes, distances = list(outputs[:_SCALES]), list(outputs[_SCALES:])
        if not all(_fits(output, (None, 4, None, None)) for output in distances):
            return None
    return [output.name for part in (classes, distances) for output in _fine_to_coarse(part)]


def _fine_to_coarse(maps: Sequence[TensorInfo]) -> list[TensorInfo]:
    """By height; in the given order where heights are not declared."""
    heights = [output.shape[2] if len(output.shape) == 4 else None for output in maps]
    if not all(isinstance(height, int) for height in heights):
        return list(maps)
    return sorted(maps, key=lambda output: -int(output.shape[2] or 0))


def _fits(
    tensor: TensorInfo,
    shape: tuple[int | None, ...],
    *,
    kinds: tuple[str, ...] | None = _FLOATS,
) -> bool:
    """Whether a declared tensor may have the shape; axes that are not declared fit any length."""
    if kinds is not None and tensor.dtype not in kinds:
        return False
    if tensor.dtype == "" or not tensor.shape:  # no tensor of numbers, or no declared shape
        return tensor.dtype != ""
    return len(tensor.shape) == len(shape) and all(
        want is None or not isinstance(have, int) or have == want
        for have, want in zip(tensor.shape, shape, strict=True)
    )


def _is_ours(file: ModelFile, spec: ModelSpec) -> bool:
    model = file.metadata.get(MODEL_KEY)
    if model is not None and model != spec.name:
        raise WeightsError(f"{file.path} holds {model}, but {spec.name} was asked for")
    if model is None or file.inputs[0].dtype != "uint8":
        return False
    width, height = spec.input_size_wh
    # The export layout "keypoints" has one more output, which sessions do not read.
    names = tuple(output.name for output in file.outputs if output.name in spec.output_names)
    if names != spec.output_names or not _fits(
        file.inputs[0], (None, height, width, 3), kinds=("uint8",)
    ):
        raise WeightsError(
            f"{file.path} names {model} in its metadata, but is no file of it: expected one input "
            f"(N, {height}, {width}, 3) of uint8 and outputs {', '.join(spec.output_names)}, got "
            f"{_describe(file)}"
        )
    return True


def _input_hw(file: ModelFile, spec: ModelSpec) -> tuple[int, int] | None:
    """Height and width of the input, the spec's where they are free; None if it is no image."""
    tensor = file.inputs[0]
    if len(tensor.shape) != 4 or not _fits(tensor, (None, 3, None, None)):
        return None
    batch, _, *size = tensor.shape
    if any(isinstance(length, int) and length < 1 for length in (batch, *size)):
        return None
    free_w, free_h = spec.input_size_wh
    height, width = (
        length if isinstance(length, int) else free
        for length, free in zip(size, (free_h, free_w), strict=True)
    )
    return height, width


def _free_size(file: ModelFile) -> bool:
    return not all(isinstance(length, int) for length in file.inputs[0].shape[2:])


def _describe(file: ModelFile) -> str:
    inputs, outputs = (
        ", ".join(f"{tensor.name} {list(tensor.shape)} {tensor.dtype}" for tensor in tensors)
        for tensors in (file.inputs, file.outputs)
    )
    return f"inputs {inputs}; outputs {outputs}"
