"""OpenVINO: a shipped graph with a checkpoint's tensors, or an .onnx file.

Where the processor has bf16 instructions (AMX, AVX-512 bf16), the convolutions run in bf16 and the
last layers in fp32 (`openvino_graphs`). Logits are decoded outside of the graph.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from rtmpose3d.errors import BackendError
from rtmpose3d.runtime.backends.openvino_compiling import Compiler, Stage, run_stages
from rtmpose3d.runtime.backends.openvino_graphs import (
    has_head,
    is_separable,
    read_graph,
    select_outputs,
    simplify_file,
)
from rtmpose3d.runtime.backends.openvino_package import (
    device_precisions,
    openvino_core,
    resolve_device,
)
from rtmpose3d.runtime.devices import AUTO, BF16, FP32
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.runtime.layouts import MODEL_KEY
from rtmpose3d.runtime.network import (
    Execution,
    ModelFile,
    Network,
    TensorInfo,
    Weights,
    check_interface,
    pad_batch,
)
from rtmpose3d.runtime.onnx_content import read_onnx
from rtmpose3d.runtime.onnx_weights import has_external_weights, read_metadata
from rtmpose3d.structures import FloatArray, UInt8Array
from rtmpose3d.untrusted import reading
from rtmpose3d.zoo import ModelSpec, PoseSpec

if TYPE_CHECKING:
    import openvino

__all__ = ["OpenVINONetwork", "device_precisions", "open_file", "open_weights", "resolve_device"]

BATCH_SIZES = (16, 8, 4, 2, 1)  # a new size costs a slow call, so there are few
COMPILED_SIZES = (4, 1)  # of large models, compiled for each; four images take 3.5 times as long
_MAX_PADDING = 1 / 8  # of a batch; beyond, a smaller batch is faster than a padded one
_DTYPES = {
    "u8": "uint8",
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
    "i32": "int32",
    "i64": "int64",
}


class OpenVINONetwork:
    """A `Network` in OpenVINO; several Python threads may run it at once.

    Args:
        compiler: compiles the model with some of its outputs.
        output_names: names of all outputs.
        batch_sizes: numbers of images per call, falling, the last is the smallest; None: any.
    """

    def __init__(
        self,
        compiler: Compiler,
        output_names: Sequence[str],
        batch_sizes: tuple[int, ...] | None = BATCH_SIZES,
    ) -> None:
        self.output_names = tuple(output_names)
        self.max_batch: int | None = None
        self._compiler = compiler
        self._batch_sizes = batch_sizes
        self._stages: dict[tuple[tuple[str, ...], int], list[Stage]] = {}
        self._idle: dict[tuple[tuple[str, ...], int], deque[list[openvino.InferRequest]]] = {}
        self._compiling = Lock()

    def run(
        self, images: UInt8Array | FloatArray, outputs: Sequence[str]
    ) -> tuple[np.ndarray, ...]:
        """Runs a batch, in parts of few different sizes; the last part may be padded."""
        sizes = split_batch(len(images), self._batch_sizes or (len(images),))
        parts, start = [], 0
        for size in sizes:
            batch = images[start : start + size]
            parts.append(
                [part[: len(batch)] for part in self._run(pad_batch(batch, size), outputs)]
            )
            start += size
        if len(parts) == 1:
            return tuple(parts[0])
        return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))

    def prepare(self, outputs: Sequence[str], batch_size: int = 1) -> list[Stage]:
        """The compiled stages for some outputs, compiled if they are not yet.

        Raises:
            BackendError: OpenVINO cannot compile them, or not in that precision.
        """
        fixed = batch_size if self._compiler.needs_fixed_batch else 0
        key = tuple(outputs), fixed
        with self._compiling:
            if key not in self._stages:
                self._idle[key] = deque()
                self._stages[key] = self._compiler.compile(outputs, fixed or None)
        return self._stages[key]

    def _run(
        self, images: UInt8Array | FloatArray, outputs: Sequence[str]
    ) -> tuple[np.ndarray, ...]:
        stages = self.prepare(outputs, len(images))
        idle = self._idle[tuple(outputs), len(images) if self._compiler.needs_fixed_batch else 0]
        try:
            requests = idle.pop()
        except IndexError:  # every request is in use by another thread
            requests = [stage.model.create_infer_request() for stage in stages]
        try:
            results = run_stages(requests, images)
        except Exception as error:  # OpenVINO's errors share no base class of their own
            raise BackendError(
                f"openvino failed in {self._compiler.name} on {images.shape}: {error}"
            ) from error
        idle.append(requests)
        return results


def open_weights(spec: ModelSpec, weights: Weights, execution: Execution) -> Network:
    """The shipped graph with the checkpoint's tensors as its external initialisers.

    Raises:
        BackendError: OpenVINO cannot run it on that device.
    """
    graph = graph_file(spec)
    arrays = {name: np.ascontiguousarray(weights[name]) for name in graph.initialisers}
    outputs = spec.output_names[3:] if isinstance(spec, PoseSpec) else spec.output_names
    compiler = Compiler(
        name=spec.name,
        read=partial(read_graph, spec, arrays),
        content=(graph.path.read_bytes(), *arrays.values()),
        device=execution.device,
        precision=execution.precision,
        threads=execution.threads,
    )
    network = OpenVINONetwork(compiler, outputs, _batch_sizes(compiler))
    network.prepare(outputs)
    return network


def open_file(path: Path, execution: Execution) -> ModelFile:
    """An opened .onnx file, or the one in a zip, with its declared inputs, outputs and metadata.

    Raises:
        BackendError: OpenVINO cannot open it, or not in that precision; or the file is refused
            (`runtime.onnx_content`).
        WeightsError: it has no output, or not one input.
    """
    source = read_onnx(path)
    content = source if isinstance(source, bytes) else path.read_bytes()
    try:
        model = openvino_core().read_model(str(path) if source is path else content)
    except Exception as error:  # OpenVINO's errors share no base class of their own
        raise BackendError(f"openvino cannot open {path}: {error}") from error
    with reading(path, "ONNX file", error=BackendError):  # names need not be UTF-8
        metadata = read_metadata(content)
        if MODEL_KEY in metadata:  # written by this package
            simplify_file(model)
        inputs = tuple(_described(port) for port in model.inputs)
        outputs = tuple(_described(port) for port in model.outputs)
    check_interface(path, inputs, outputs)
    precision = _file_precision(model, path, execution)
    compiler = Compiler(
        name=str(path),
        read=partial(_copy_with_outputs, model),
        content=() if has_external_weights(content) else (content,),
        device=execution.device,
        precision=precision,
        threads=execution.threads,
    )
    is_fixed = isinstance(inputs[0].shape[0] if inputs[0].shape else None, int)
    return ModelFile(
        path=path,
        inputs=inputs,
        outputs=outputs,
        metadata=metadata,
        network=OpenVINONetwork(
            compiler,
            [tensor.name for tensor in outputs],
            None if is_fixed else _batch_sizes(compiler),
        ),
        precision=precision,
    )


def split_batch(count: int, sizes: Sequence[int] = BATCH_SIZES) -> Iterator[int]:
    """Sizes of the batches that `count` images run in; the last may be a little larger than needed.

    Args:
        count: number of images.
        sizes: the possible sizes, falling; the last is 1, unless all batches have one size.
    """
    while count > 0:
        fitting = [size for size in sizes if size >= count]
        if fitting and fitting[-1] - count <= _MAX_PADDING * fitting[-1]:
            yield fitting[-1]
            return
        size = next(size for size in sizes if size <= count)
        yield size
        count -= size


def _batch_sizes(compiler: Compiler) -> tuple[int, ...]:
    return COMPILED_SIZES if compiler.is_large else BATCH_SIZES


def _copy_with_outputs(model: openvino.Model, outputs: Sequence[str]) -> openvino.Model:
    return select_outputs(model.clone(), outputs)


def _file_precision(model: openvino.Model, path: Path, execution: Execution) -> str:
    """The precision of a file: half precision only where body and head are distinguished."""
    available = device_precisions(execution.device)
    if execution.precision == AUTO:
        drifts = available[0] == BF16 and is_separable(model)
        return available[0] if has_head(model) and not drifts else FP32
    if execution.precision not in available:
        raise BackendError(
            f"openvino has no {execution.precision} on this {execution.device}, only "
            f"{', '.join(available)}; use precision='auto'"
        )
    if execution.precision != FP32 and not has_head(model):
        raise BackendError(
            f"{path} cannot run in {execution.precision}: the last layers, which must stay in "
            "fp32, are not recognised in it; use precision='fp32'"
        )
    return execution.precision


def _described(port: openvino.Output) -> TensorInfo:
    """A declared input or output; `dtype` is empty if it is no tensor of numbers that are read."""
    shape = port.get_partial_shape()
    axes: tuple[int | None, ...] = ()
    if shape.rank.is_static:
        axes = tuple(None if axis.is_dynamic else axis.get_length() for axis in shape)
    dtype = _DTYPES.get(port.get_element_type().get_type_name(), "")
    return TensorInfo(name=port.get_any_name(), shape=axes, dtype=dtype)
