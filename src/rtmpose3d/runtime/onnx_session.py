"""Sessions that run in ONNX Runtime, from a shipped graph and a checkpoint's tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime

from rtmpose3d.errors import BackendError
from rtmpose3d.runtime.devices import Device
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.runtime.sessions import Candidates, level_sizes
from rtmpose3d.structures import Decoded, FloatArray, UInt8Array
from rtmpose3d.zoo import DetectorSpec, ModelSpec, PoseSpec

Weights = Mapping[str, np.ndarray]
ERRORS_ONLY = 3  # ONNX Runtime's severity


class OnnxPoseSession:
    """A `PoseSession` in ONNX Runtime."""

    def __init__(
        self, spec: PoseSpec, session: onnxruntime.InferenceSession, device: Device
    ) -> None:
        self.spec = spec
        self.device = device
        self._session = session
        self._input = session.get_inputs()[0].name
        names = [output.name for output in session.get_outputs()]
        self._decoded, self._simcc = names[:3], names[3:]

    @classmethod
    def from_weights(
        cls, spec: PoseSpec, weights: Weights, device: Device, *, threads: int | None = None
    ) -> OnnxPoseSession:
        """A session of the shipped graph with a checkpoint's matched tensors."""
        return cls(spec, session_from_weights(spec, weights, device, threads=threads), device)

    def run(self, crops: UInt8Array) -> Decoded:
        """See `PoseSession.run`."""
        bins, scores, confidence = run(self._session, self._decoded, {self._input: crops})
        return Decoded(bins=bins, scores=scores, confidence=confidence)

    def run_simcc(self, crops: UInt8Array) -> tuple[FloatArray, ...]:
        """See `PoseSession.run_simcc`."""
        return tuple(run(self._session, self._simcc, {self._input: crops}))


class OnnxDetectorSession:
    """A `DetectorSession` in ONNX Runtime."""

    def __init__(
        self, spec: DetectorSpec, session: onnxruntime.InferenceSession, device: Device
    ) -> None:
        self.spec = spec
        self.device = device
        self.input_size_wh = spec.input_size_wh
        self._session = session
        self._input = session.get_inputs()[0].name
        self._outputs = [output.name for output in session.get_outputs()]

    @classmethod
    def from_weights(
        cls, spec: DetectorSpec, weights: Weights, device: Device, *, threads: int | None = None
    ) -> OnnxDetectorSession:
        """A session of the shipped graph with a checkpoint's matched tensors."""
        return cls(spec, session_from_weights(spec, weights, device, threads=threads), device)

    def run(self, images: UInt8Array) -> list[Candidates]:
        """See `DetectorSession.run`."""
        boxes, scores = run(self._session, self._outputs, {self._input: images})
        sizes = level_sizes(self.input_size_wh)
        return [
            Candidates(boxes_xyxy=box, scores=score, level_sizes=sizes)
            for box, score in zip(boxes, scores, strict=True)
        ]


def session_from_weights(
    spec: ModelSpec, weights: Weights, device: Device, *, threads: int | None = None
) -> onnxruntime.InferenceSession:
    """The shipped graph with the checkpoint's tensors as its external initialisers.

    Args:
        spec: of the model.
        weights: matched tensors.
        device: to run on.
        threads: of the CPU; None: as many as there are cores.

    Raises:
        BackendError: ONNX Runtime cannot run it on that device.
    """
    graph = graph_file(spec)
    options = session_options(threads)
    values = [
        onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(weights[name]))
        for name in graph.initialisers
    ]
    options.add_external_initializers(list(graph.initialisers), values)
    return open_session(graph.path.read_bytes(), options, device, what=spec.name)


def session_options(threads: int | None = None) -> onnxruntime.SessionOptions:
    """Options of every session: quiet; without a number as many threads as there are cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = ERRORS_ONLY
    # Threads that go on spinning after a call take the cores from the next network.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def open_session(
    model: bytes | Path, options: onnxruntime.SessionOptions, device: Device, *, what: str
) -> onnxruntime.InferenceSession:
    """Open a session and make sure that it runs where it was asked to.

    Raises:
        BackendError: it cannot be opened, or CUDA did not load.
    """
    providers: list[str | tuple[str, dict[str, int]]] = ["CPUExecutionProvider"]
    if device.kind == "cuda":
        if hasattr(onnxruntime, "preload_dlls"):
            onnxruntime.preload_dlls()  # finds the CUDA libraries that torch or nvidia-* brought
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index}))
    source = str(model) if isinstance(model, Path) else model
    try:
        session = onnxruntime.InferenceSession(source, options, providers=providers)
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        raise BackendError(f"onnxruntime cannot open {what}: {error}") from error
    if device.kind == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
        raise BackendError(
            f"onnxruntime could not load CUDA for {what}, though its wheel has it: install the "
            "CUDA and cuDNN libraries that its version needs (rtmpose3d doctor shows them), "
            "or use device='cpu'"
        )
    return session


def run(
    session: onnxruntime.InferenceSession, outputs: list[str], inputs: dict[str, np.ndarray]
) -> list[np.ndarray]:
    """Run a session.

    Raises:
        BackendError: it failed, for example out of memory.
    """
    try:
        return [np.asarray(output) for output in session.run(outputs, inputs)]
    except Exception as error:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in inputs.items())
        raise BackendError(f"onnxruntime failed on {shapes}: {error}") from error
