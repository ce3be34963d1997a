"""ONNX Runtime: a shipped graph with a checkpoint's tensors, or an .onnx file."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rtmpose3d.errors import BackendError
from rtmpose3d.runtime.devices import Device
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.runtime.network import Execution, ModelFile, TensorInfo, Weights
from rtmpose3d.structures import FloatArray, UInt8Array
from rtmpose3d.zoo import ModelSpec

if TYPE_CHECKING:
    import onnxruntime

logger = logging.getLogger(__name__)

ERRORS_ONLY = 3  # ONNX Runtime's severity
_DTYPES = {"tensor(uint8)": "uint8", "tensor(float)": "float32", "tensor(int64)": "int64"}


class OnnxRuntimeNetwork:
    """A `Network` in ONNX Runtime.

    Args:
        session: loaded; it has one input.
    """

    max_batch: int | None = None

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name
        self.output_names = tuple(output.name for output in session.get_outputs())

    def run(
        self, images: UInt8Array | FloatArray, outputs: Sequence[str]
    ) -> tuple[np.ndarray, ...]:
        """Runs a batch; only the requested outputs are computed."""
        try:
            results = self._session.run(list(outputs), {self._input: images})
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            raise BackendError(
                f"onnxruntime failed on {self._input} {images.shape}: {error}"
            ) from error
        return tuple(np.asarray(result) for result in results)


def resolve_device(wanted: Device | None) -> Device:
    """The device for ONNX Runtime; None selects CUDA where it is available, otherwise the CPU.

    Raises:
        BackendError: ONNX Runtime has no such device here.
    """
    import onnxruntime

    has_cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if wanted is None:
        if not has_cuda and shutil.which("nvidia-smi"):
            logger.warning(
                "there is an NVIDIA driver, but this onnxruntime has no CUDA: running on the CPU. "
                "For the GPU: pip uninstall onnxruntime && pip install onnxruntime-gpu, "
                "or device='cuda' with backend='torch'"
            )
        return Device(kind="cuda" if has_cuda else "cpu")
    if wanted.kind == "cpu" or (wanted.kind == "cuda" and has_cuda):
        return wanted
    if wanted.kind == "cuda":
        raise BackendError(
            f"device '{wanted}' is not available: this onnxruntime {onnxruntime.__version__} has "
            "no CUDA. Run: pip uninstall onnxruntime && pip install onnxruntime-gpu (both wheels "
            "at once break each other), or use backend='torch' with a CUDA build of torch, or "
            "device='cpu'"
        )
    raise BackendError(
        f"device '{wanted}' is not available with onnxruntime; "
        "use backend='torch' (pip install \"rtmpose3d[torch]\"), or device='cpu'"
    )


def open_weights(spec: ModelSpec, weights: Weights, execution: Execution) -> OnnxRuntimeNetwork:
    """The shipped graph with the checkpoint's tensors as its external initialisers.

    Raises:
        BackendError: ONNX Runtime cannot run it on that device.
    """
    import onnxruntime

    graph = graph_file(spec)
    options = session_options(execution.threads)
    values = [
        onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(weights[name]))
        for name in graph.initialisers
    ]
    options.add_external_initializers(list(graph.initialisers), values)
    return OnnxRuntimeNetwork(
        open_session(graph.path.read_bytes(), options, execution.device, name=spec.name)
    )


def open_file(path: Path, execution: Execution) -> ModelFile:
    """An opened .onnx file with its declared inputs, outputs and metadata.

    Raises:
        BackendError: ONNX Runtime cannot open it, or not on that device.
    """
    options = session_options(execution.threads)
    session = open_session(path, options, execution.device, name=str(path))
    inputs, outputs = (
        tuple(
            TensorInfo(name=node.name, shape=tuple(node.shape), dtype=_DTYPES.get(node.type, ""))
            for node in nodes
        )
        for nodes in (session.get_inputs(), session.get_outputs())
    )
    return ModelFile(
        path=path,
        inputs=inputs,
        outputs=outputs,
        metadata=session.get_modelmeta().custom_metadata_map,
        network=OnnxRuntimeNetwork(session),
    )


def session_options(threads: int | None = None) -> onnxruntime.SessionOptions:
    """Options of every session: quiet; by default one thread per core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = ERRORS_ONLY
    # Threads that continue to spin after a call take the cores from the next network.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def open_session(
    model: bytes | Path, options: onnxruntime.SessionOptions, device: Device, *, name: str
) -> onnxruntime.InferenceSession:
    """Open a session and check that it runs on the requested device.

    Args:
        model: path or content of an ONNX file.
        options: see `session_options`.
        device: the device to run on.
        name: name of the model in messages.

    Raises:
        BackendError: it cannot be opened, or CUDA did not load.
    """
    import onnxruntime

    providers: list[str | tuple[str, dict[str, int]]] = ["CPUExecutionProvider"]
    if device.kind == "cuda":
        if hasattr(onnxruntime, "preload_dlls"):
            onnxruntime.preload_dlls()  # finds the CUDA libraries that torch or nvidia-* brought
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index}))
    source = str(model) if isinstance(model, Path) else model
    try:
        session = onnxruntime.InferenceSession(source, options, providers=providers)
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        raise BackendError(f"onnxruntime cannot open {name}: {error}") from error
    if device.kind == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
        raise BackendError(
            f"onnxruntime could not load CUDA for {name}, though its wheel has it: install the "
            "CUDA and cuDNN libraries that its version needs (rtmpose3d doctor shows them), "
            "or use device='cpu'"
        )
    return session
