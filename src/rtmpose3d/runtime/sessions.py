"""`PoseSession` and `DetectorSession`: a model on a `Network`, raw uint8 images in, arrays out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import PicklingError

import numpy as np

from rtmpose3d.codec import decode_simcc, std_around
from rtmpose3d.errors import BackendError
from rtmpose3d.runtime.backends import BACKENDS
from rtmpose3d.runtime.devices import AUTO, Device
from rtmpose3d.runtime.graph_files import load_weights
from rtmpose3d.runtime.layouts import detector_network, pose_network
from rtmpose3d.runtime.network import Execution, ModelFile, Network, Weights
from rtmpose3d.runtime.onnx_content import is_onnx_file
from rtmpose3d.runtime.options import DEFAULT_OPTIONS, RuntimeOptions, select_backend
from rtmpose3d.structures import Decoded, FloatArray, Runtime, UInt8Array
from rtmpose3d.zoo import RTMDET_STRIDES, DetectorSpec, PoseSpec


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Source of a session, from which another process can open it again.

    Attributes:
        spec: row of the model table.
        checkpoint: file of weights, or the weights themselves.
        options: with the backend and the device that were selected.
    """

    spec: PoseSpec | DetectorSpec
    checkpoint: Path | Weights
    options: RuntimeOptions


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """All boxes that a detector considers in one image, before any selection.

    Attributes:
        boxes_xyxy: (P, 4) float32, pixels of the network's input.
        scores: (P,) float32 in [0, 1].
        level_sizes: how many of them, in order, belong to each of the network's scales.
    """

    boxes_xyxy: FloatArray
    scores: FloatArray
    level_sizes: tuple[int, ...]


class PoseSession:
    """A pose network that is ready to run; made by `open_pose`.

    A session made by it can be pickled: the copy opens the checkpoint again.

    Args:
        spec: row of the model table.
        network: it has the outputs of `spec.output_names`, or of these the logits only.
        device: of the network.
        origin: spec, checkpoint and options for opening it again; None for a custom network.
        precision: of the network's convolutions.

    Attributes:
        spec: row of the model table.
        device: device of the network.
        runtime: backend, device and precision.
    """

    def __init__(
        self,
        spec: PoseSpec,
        network: Network,
        device: Device,
        *,
        origin: Origin | None = None,
        precision: str = "fp32",
    ) -> None:
        self.spec = spec
        self.device = device
        self.runtime = _runtime(origin, device, precision)
        self._network = network
        self._origin = origin
        self._decoded, self._simcc = (
            spec.output_names[:3],
            spec.output_names[3:],
        )  # it may have more

    @property
    def threads(self) -> int | None:
        """Number of CPU threads of a call; None for the backend's default."""
        return None if self._origin is None else self._origin.options.threads

    def run(self, crops: UInt8Array, *, with_std: bool = False) -> Decoded:
        """Decode N crops in one call of the network.

        Args:
            crops: (N, h, w, 3) uint8 BGR, N at least 1, of the spec's input size.
            with_std: also compute standard deviations, from the logits.

        Raises:
            BackendError: the runtime failed.
        """
        if not set(self._decoded) <= set(self._network.output_names):  # logits only
            return decode_simcc(self.run_simcc(crops), self.spec.codec, with_std=with_std)
        names = (*self._decoded, *self._simcc) if with_std else self._decoded
        bins, scores, confidence, *simcc = self._run(crops, names)
        points = len(crops), self.spec.keypoints
        shapes = bins.shape, scores.shape, confidence.shape
        if shapes != ((*points, self.spec.codec.axes), points, points):
            raise BackendError(
                f"the network of {self.spec.name} returned bins, scores and confidence of the "
                f"shapes {shapes} for {len(crops)} crops; {self.spec.keypoints} keypoints with "
                f"{self.spec.codec.axes} axes were expected"
            )
        std = std_around(simcc, bins, self.spec.codec) if with_std else None
        return Decoded(bins=bins, scores=scores, confidence=confidence, std_bins=std)

    def run_simcc(self, crops: UInt8Array) -> tuple[FloatArray, ...]:
        """The raw SimCC logits of N crops: (N, K, bins) float32 for x, y and, in 3D, z."""
        return self._run(crops, self._simcc)

    def _run(self, crops: UInt8Array, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        parts = list(_run_in_batches(self._network, crops, outputs))
        if len(parts) == 1:
            return parts[0]
        return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))

    def __reduce__(self) -> tuple[object, ...]:
        return open_pose, _reopen_arguments(self._origin)


class DetectorSession:
    """A person detector that is ready to run; made by `open_detector`.

    A session made by it can be pickled: the copy opens the checkpoint again.

    Args:
        spec: row of the model table, with the network's input size.
        network: its outputs are those of `spec.output_names`.
        device: of the network.
        origin: spec, checkpoint and options for opening it again; None for a custom network.
        precision: of the network's convolutions.

    Attributes:
        spec: row of the model table.
        device: device of the network.
        runtime: backend, device and precision.
    """

    def __init__(
        self,
        spec: DetectorSpec,
        network: Network,
        device: Device,
        *,
        origin: Origin | None = None,
        precision: str = "fp32",
    ) -> None:
        self.spec = spec
        self.device = device
        self.runtime = _runtime(origin, device, precision)
        self._network = network
        self._origin = origin

    @property
    def input_size_wh(self) -> tuple[int, int]:
        """Width and height of the network's input, px."""
        return self.spec.input_size_wh

    def run(self, images: UInt8Array) -> list[Candidates]:
        """All candidates of N images in one call of the network.

        Args:
            images: (N, H, W, 3) uint8 BGR, N at least 1, letterboxed to `input_size_wh`.

        Raises:
            BackendError: the runtime failed.
        """
        outputs = self._network.output_names
        parts = list(_run_in_batches(self._network, images, outputs))
        for boxes, scores in parts:
            if scores.ndim != 2 or boxes.shape != (*scores.shape, 4):
                raise BackendError(
                    f"the network of {self.spec.name} returned boxes {boxes.shape} and scores "
                    f"{scores.shape}; (N, P, 4) and (N, P) were expected"
                )
        return [
            Candidates(boxes_xyxy=boxes, scores=scores, level_sizes=self._level_sizes(len(scores)))
            for part in parts
            for boxes, scores in zip(*part, strict=True)
        ]

    def _level_sizes(self, candidates: int) -> tuple[int, ...]:
        """Cells of RTMDet's scales; a file that selects boxes itself gives all as one scale."""
        width, height = self.input_size_wh
        sizes = tuple((width // stride) * (height // stride) for stride in RTMDET_STRIDES)
        return sizes if sum(sizes) == candidates else (candidates,)

    def __reduce__(self) -> tuple[object, ...]:
        return open_detector, _reopen_arguments(self._origin)


def open_pose(
    spec: PoseSpec, checkpoint: Path | Weights, options: RuntimeOptions = DEFAULT_OPTIONS
) -> PoseSession:
    """Open a pose network.

    Args:
        spec: row of the model table.
        checkpoint: .pth, .pt, .bin, .safetensors or .onnx file, or the tensors by their keys.
        options: backend, device, precision, threads.

    Raises:
        WeightsError: the file cannot be read, or does not fit the model.
        BackendError: the device is not available, or the backend cannot open the file.
        MissingDependencyError: the backend's package is not installed.
        InputError: an .onnx file with a backend that cannot run it.
    """
    opened, device, origin, precision = _open(spec, checkpoint, options)
    network = pose_network(opened, spec) if isinstance(opened, ModelFile) else opened
    return PoseSession(spec, network, device, origin=origin, precision=precision)


def open_detector(
    spec: DetectorSpec, checkpoint: Path | Weights, options: RuntimeOptions = DEFAULT_OPTIONS
) -> DetectorSession:
    """Open a person detector; arguments and errors as of `open_pose`."""
    network, device, origin, precision = _open(spec, checkpoint, options)
    if isinstance(network, ModelFile):
        network, spec = detector_network(network, spec)
    return DetectorSession(spec, network, device, origin=origin, precision=precision)


def _runtime(origin: Origin | None, device: Device, precision: str) -> Runtime:
    """Backend, device and precision of a network; a custom one has no backend's name."""
    if origin is None:
        return Runtime(backend="", device=str(device), precision=precision)
    row = BACKENDS[origin.options.backend]
    if origin.options.precision != AUTO:
        reason = "requested"
    elif isinstance(origin.checkpoint, Path) and is_onnx_file(origin.checkpoint):
        reason = "the file's"
    elif precision != row.resolve_precision(AUTO, device):
        reason = "bf16 would move its boxes by pixels"
    else:
        reason = row.explain_precision(device)
    return Runtime(
        backend=origin.options.backend,
        device=str(device),
        precision=precision,
        precision_reason=reason,
    )


def _open(
    spec: PoseSpec | DetectorSpec, checkpoint: Path | Weights, options: RuntimeOptions
) -> tuple[Network | ModelFile, Device, Origin, str]:
    """The network or file, its device, its origin, and the precision of its convolutions."""
    file = checkpoint if isinstance(checkpoint, Path) else None
    backend, device = select_backend(options, file)
    selected = replace(options, backend=backend.name, device=str(device))
    origin = Origin(spec=spec, checkpoint=checkpoint, options=selected)
    execution = Execution(device=device, precision=options.precision, threads=options.threads)
    if file is not None and is_onnx_file(file):
        assert backend.open_file is not None, "select_backend checked it"
        opened = backend.open_file(file, execution)
        return opened, device, origin, opened.precision
    precision = backend.resolve_precision(
        options.precision, device, drifts_in_bf16=spec.drifts_in_bf16
    )
    execution = replace(execution, precision=precision)
    weights = load_weights(spec, checkpoint)
    return backend.open_weights(spec, weights, execution), device, origin, precision


def _run_in_batches(
    network: Network, images: UInt8Array, outputs: Sequence[str]
) -> Iterator[tuple[np.ndarray, ...]]:
    """The outputs of the images, in batches as large as the network takes."""
    size = network.max_batch or len(images)
    for start in range(0, len(images), size):
        yield network.run(images[start : start + size], outputs)


def _reopen_arguments(origin: Origin | None) -> tuple[object, ...]:
    if origin is None:
        raise PicklingError(
            "a session can be pickled only if open_pose or open_detector made it, since the copy "
            "opens its checkpoint again"
        )
    return origin.spec, origin.checkpoint, origin.options
