"""ONNX Runtime on a GPU: fixed batch sizes, buffers bound on the device, CUDA graphs.

A new batch size makes ONNX Runtime select kernels and plan memory again, so batches are padded to
those of `BATCH_SIZES`. The buffers of each are bound once, so that the whole network can be
replayed as a CUDA graph. ONNX Runtime refuses that for a network of which a part runs on the CPU;
it then runs operator by operator, which is logged.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rtmpose3d.errors import BackendError
from rtmpose3d.runtime.backends.cuda_batches import BATCH_SIZES, batch_size
from rtmpose3d.runtime.backends.onnxruntime_package import FATAL_ONLY, import_onnxruntime
from rtmpose3d.runtime.devices import Device
from rtmpose3d.runtime.network import check_finite, pad_batch
from rtmpose3d.structures import UInt8Array

if TYPE_CHECKING:
    import onnxruntime

logger = logging.getLogger(__name__)

GRAPH_ID = "gpu_graph_id"  # entry of a run's configuration: which of a session's CUDA graphs
NO_GRAPH_ID = -1
_NUMPY_TYPES = {
    "tensor(uint8)": np.uint8,
    "tensor(int64)": np.int64,
    "tensor(float)": np.float32,
}

OpenSession: TypeAlias = "Callable[[dict[str, str]], onnxruntime.InferenceSession]"


def provider_options(device: Device, *, graphs: bool) -> dict[str, str]:
    """Options of the CUDA provider: fp32 is fp32, not TF32."""
    return {
        "device_id": str(device.index),
        "use_tf32": "0",
        "enable_cuda_graph": "1" if graphs else "0",
    }


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """Buffers of one batch size and set of outputs, on the device, and their binding."""

    pixels: onnxruntime.OrtValue
    results: tuple[onnxruntime.OrtValue, ...]
    binding: onnxruntime.IOBinding
    options: onnxruntime.RunOptions


class CudaOnnxRuntimeNetwork:
    """A `Network` in ONNX Runtime on a GPU.

    Args:
        session: loaded on the device; its first axes are the batch, all others have fixed lengths.
        name: name of the model in messages.
        device: of the session.
        graphs: whether the session was opened with CUDA graphs.
        precision: of the convolutions.
    """

    max_batch: int | None = BATCH_SIZES[-1]

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        name: str,
        device: Device,
        *,
        graphs: bool,
        precision: str,
    ) -> None:
        self._session = session
        self._name = name
        self._device = device
        self._graphs = graphs
        self._precision = precision
        (self._input,) = session.get_inputs()
        self._outputs = {output.name: output for output in session.get_outputs()}
        self.output_names = tuple(self._outputs)
        self._batches: dict[tuple[tuple[str, ...], int], _Batch] = {}
        self._lock = threading.Lock()  # the buffers serve one batch at a time

    def run(self, images: UInt8Array, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        """Runs a batch of at most `max_batch` images."""
        arrays = self._run(images, outputs)
        if self._precision == "fp16":
            check_finite(arrays)
        return arrays

    def record(self, images: UInt8Array) -> None:
        """Runs a batch with all outputs, so that an error of recording comes now."""
        self._run(images, self.output_names)

    def _run(self, images: UInt8Array, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        padded = pad_batch(images, batch_size(len(images)))
        try:
            with self._lock:
                batch = self._batch(tuple(outputs), padded.shape)
                batch.pixels.update_inplace(np.ascontiguousarray(padded))
                self._session.run_with_iobinding(batch.binding, batch.options)
                arrays = tuple(result.numpy()[: len(images)] for result in batch.results)
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            raise BackendError(
                f"onnxruntime failed in {self._name} on {self._input.name} {images.shape} on "
                f"{self._device}: {error}"
            ) from error
        return arrays

    def _batch(self, outputs: tuple[str, ...], shape: tuple[int, ...]) -> _Batch:
        onnxruntime = import_onnxruntime()
        key = outputs, shape[0]
        batch = self._batches.get(key)
        if batch is not None:
            return batch

        def buffer(node: onnxruntime.NodeArg, shape: tuple[int, ...]) -> onnxruntime.OrtValue:
            return onnxruntime.OrtValue.ortvalue_from_shape_and_type(
                list(shape), _NUMPY_TYPES[node.type], "cuda", self._device.index
            )

        nodes = [self._outputs[name] for name in outputs]
        pixels = buffer(self._input, shape)
        results = tuple(buffer(node, (shape[0], *node.shape[1:])) for node in nodes)
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(self._input.name, pixels)
        for name, result in zip(outputs, results, strict=True):
            binding.bind_ortvalue_output(name, result)
        options = onnxruntime.RunOptions()
        options.log_severity_level = FATAL_ONLY
        options.only_execute_path_to_fetches = not self._graphs
        graph_id = len(self._batches) if self._graphs else NO_GRAPH_ID
        options.add_run_config_entry(GRAPH_ID, str(graph_id))
        batch = _Batch(pixels=pixels, results=results, binding=binding, options=options)
        self._batches[key] = batch
        return batch


def open_cuda_network(
    open_session: OpenSession, name: str, device: Device, *, precision: str
) -> CudaOnnxRuntimeNetwork:
    """A network on a GPU, with CUDA graphs where ONNX Runtime can record them.

    Args:
        open_session: opens the session with options of the CUDA provider.
        name: name of the model in messages.
        device: a CUDA device.
        precision: of the convolutions.

    Raises:
        BackendError: the session cannot be opened without CUDA graphs either.
    """
    build = partial(CudaOnnxRuntimeNetwork, name=name, device=device, precision=precision)
    try:
        session = open_session(provider_options(device, graphs=True))
        network = build(session, graphs=True)
        shape = session.get_inputs()[0].shape
        network.record(np.zeros((1, *shape[1:]), np.uint8))
    except BackendError as error:
        logger.warning("%s runs without CUDA graphs, more slowly: %s", name, error)
        return build(open_session(provider_options(device, graphs=False)), graphs=False)
    return network
