"""ONNX Runtime: a shipped graph with a checkpoint's tensors, or an .onnx file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rtmpose3d.errors import BackendError
from rtmpose3d.runtime.backends.onnxruntime_coreml import open_coreml_network
from rtmpose3d.runtime.backends.onnxruntime_cuda import (
    open_cuda_network,
    provider_options,
)
from rtmpose3d.runtime.backends.onnxruntime_devices import (
    CPU,
    CUDA,
    preload_libraries,
    resolve_device,
)
from rtmpose3d.runtime.backends.onnxruntime_package import FATAL_ONLY, import_onnxruntime
from rtmpose3d.runtime.devices import AUTO, Device
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.runtime.half_graphs import half_graph
from rtmpose3d.runtime.network import (
    Execution,
    ModelFile,
    Network,
    TensorInfo,
    Weights,
    check_interface,
)
from rtmpose3d.runtime.onnx_content import read_onnx
from rtmpose3d.structures import FloatArray, UInt8Array
from rtmpose3d.untrusted import reading
from rtmpose3d.zoo import ModelSpec

if TYPE_CHECKING:
    import onnxruntime

__all__ = [
    "OnnxRuntimeNetwork",
    "device_precisions",
    "open_file",
    "open_session",
    "open_weights",
    "resolve_device",
    "session_options",
]

_DTYPES = {
    "tensor(uint8)": "uint8",
    "tensor(float16)": "float16",
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}


class OnnxRuntimeNetwork:
    """A `Network` in ONNX Runtime.

    Args:
        session: loaded; it has one input.
        name: name of the model in messages.
    """

    max_batch: int | None = None

    def __init__(self, session: onnxruntime.InferenceSession, name: str) -> None:
        self._session = session
        self._name = name
        self._input = next((node.name for node in session.get_inputs()), "")
        self.output_names = tuple(output.name for output in session.get_outputs())

    def run(
        self, images: UInt8Array | FloatArray, outputs: Sequence[str]
    ) -> tuple[np.ndarray, ...]:
        """Runs a batch; only the requested outputs are computed."""
        try:
            results = self._session.run(list(outputs), {self._input: images})
            return tuple(np.asarray(result) for result in results)
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            raise BackendError(
                f"onnxruntime failed in {self._name} on {self._input} {images.shape}: {error}"
            ) from error


def device_precisions(device: Device) -> tuple[str, ...]:
    """The precisions on a device, the default first."""
    return ("fp32", "fp16") if device.kind == "cuda" else ("fp32",)


def open_weights(spec: ModelSpec, weights: Weights, execution: Execution) -> Network:
    """The shipped graph with the checkpoint's tensors as its external initialisers.

    Raises:
        BackendError: ONNX Runtime cannot run it on that device.
    """
    onnxruntime = import_onnxruntime()
    graph = graph_file(spec)
    options = session_options(execution.threads)
    content = graph.path.read_bytes()
    arrays = {name: weights[name] for name in graph.initialisers}
    if execution.precision == "fp16":
        content, arrays = half_graph(content, arrays)
    values = [
        onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))
        for array in arrays.values()
    ]
    options.add_external_initializers(list(arrays), values)
    if execution.device.kind == "cuda":
        return open_cuda_network(
            partial(open_session, content, options, execution.device, name=spec.name),
            spec.name,
            execution.device,
            precision=execution.precision,
        )
    cpu = Device(kind="cpu")
    network = OnnxRuntimeNetwork(open_session(content, options, cpu, name=spec.name), spec.name)
    if execution.device.kind == "coreml":
        make_options = partial(session_options, execution.threads)
        return open_coreml_network(spec.name, content, arrays, make_options, network)
    return network


def open_file(path: Path, execution: Execution) -> ModelFile:
    """An opened .onnx file, or the one in a zip, with its declared inputs, outputs and metadata.

    Raises:
        BackendError: ONNX Runtime cannot open it, or not on that device; or the file is refused
            (`runtime.onnx_content`); or another precision than its own is wanted.
        WeightsError: it has no output, or not one input.
    """
    if execution.precision not in (AUTO, "fp32"):
        raise BackendError(
            f"{path}: onnxruntime runs an ONNX file in the precision that it was exported in, not "
            f"in {execution.precision!r}; use precision='auto'"
        )
    if execution.device.kind == "coreml":
        raise BackendError(
            f"{path}: onnxruntime runs models of the table on CoreML, not ONNX files, whose batch "
            "it cannot fix; use device='cpu'"
        )
    options = session_options(execution.threads)
    session = open_session(read_onnx(path), options, execution.device, name=str(path))
    with reading(path, "ONNX file", error=BackendError):  # names need not be UTF-8
        network = OnnxRuntimeNetwork(session, str(path))
        metadata = session.get_modelmeta().custom_metadata_map
        inputs, outputs = (
            tuple(_described(node) for node in nodes)
            for nodes in (session.get_inputs(), session.get_outputs())
        )
    check_interface(path, inputs, outputs)
    return ModelFile(
        path=path,
        inputs=inputs,
        outputs=outputs,
        metadata=metadata,
        network=network,
    )


def _described(node: onnxruntime.NodeArg) -> TensorInfo:
    """A declared input or output; `dtype` is empty if it is no tensor of numbers."""
    shape = node.shape if node.type.startswith("tensor(") else ()
    return TensorInfo(name=node.name, shape=tuple(shape), dtype=_DTYPES.get(node.type, ""))


def session_options(threads: int | None = None) -> onnxruntime.SessionOptions:
    """Options of every session: quiet; by default one thread per core."""
    onnxruntime = import_onnxruntime()
    options: onnxruntime.SessionOptions = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = FATAL_ONLY
    # Threads that continue to spin after a call take the cores from the next network.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def open_session(
    model: bytes | Path,
    options: onnxruntime.SessionOptions,
    device: Device,
    cuda_options: Mapping[str, str] | None = None,
    *,
    name: str,
) -> onnxruntime.InferenceSession:
    """Open a session and check that it runs on the requested device.

    Args:
        model: path or content of an ONNX file.
        options: see `session_options`.
        device: the device to run on.
        cuda_options: options of the CUDA provider; None for those without CUDA graphs.
        name: name of the model in messages.

    Raises:
        BackendError: it cannot be opened, or CUDA did not load.
    """
    onnxruntime = import_onnxruntime()
    providers: list[str | tuple[str, dict[str, str]]] = [CPU]
    if device.kind == "cuda":
        preload_libraries()
        if cuda_options is None:
            cuda_options = provider_options(device, graphs=False)
        providers.insert(0, (CUDA, dict(cuda_options)))
    source = str(model) if isinstance(model, Path) else model
    try:
        session: onnxruntime.InferenceSession = onnxruntime.InferenceSession(
            source, options, providers=providers, enable_fallback=0
        )
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        raise BackendError(f"onnxruntime cannot open {name}: {error}") from error
    if device.kind == "cuda" and CUDA not in session.get_providers():
        raise BackendError(
            f"onnxruntime could not load CUDA for {name}, though its wheel has it: install the "
            "CUDA and cuDNN libraries that its version needs (rtmpose3d doctor shows them), "
            "or use device='cpu'"
        )
    return session
