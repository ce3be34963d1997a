"""torch: the networks of `rtmpose3d.models`. Needs the extra `torch`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from rtmpose3d.errors import BackendError, import_extra
from rtmpose3d.runtime.backends.torch_cuda import (
    CudaGraphNetwork,
    GraphRecorder,
    TensorFunction,
    find_outputs,
)
from rtmpose3d.runtime.devices import Device
from rtmpose3d.runtime.network import Execution, Weights, check_finite
from rtmpose3d.structures import UInt8Array
from rtmpose3d.zoo import ModelSpec

if TYPE_CHECKING:
    import torch


FP16_CAPABILITY = 7, 0  # compute capability (Volta): matrix units for fp16
BF16_CAPABILITY = 8, 0  # Ampere


class TorchNetwork:
    """A `Network` in torch that runs operator by operator.

    Args:
        graph: network with normalisation and decoding, on its device, in evaluation mode.
        output_names: names of its outputs, in order.
        threads: number of CPU threads while it runs; None leaves torch's setting.
        precision: of the graph's convolutions.
    """

    max_batch: int | None = None

    def __init__(
        self,
        graph: torch.nn.Module,
        output_names: tuple[str, ...],
        threads: int | None = None,
        *,
        precision: str = "fp32",
    ) -> None:
        self.output_names = output_names
        self._precision = precision
        self._graph = graph
        self._functions = output_functions(graph, output_names)
        self._threads = threads

    def run(self, images: UInt8Array, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        """Runs a batch without gradients."""
        import torch

        check_not_forked(self._threads or torch.get_num_threads())
        names = find_outputs(self._functions, outputs)
        device = next(self._graph.parameters()).device
        try:
            with torch.inference_mode(), cpu_threads(self._threads):
                results = self._functions[names](torch.from_numpy(images).to(device))
                named = dict(zip(names, results, strict=True))
                arrays = tuple(named[name].cpu().numpy() for name in outputs)
        except (RuntimeError, MemoryError) as error:  # out of memory
            raise BackendError(f"torch failed on {images.shape} on {device}: {error}") from error
        if self._precision == "fp16":
            check_finite(arrays)
        return arrays


def resolve_device(wanted: Device | None) -> Device:
    """The device for torch; None selects CUDA, then MPS, then the CPU, whichever is available.

    Raises:
        BackendError: torch has no such device here.
        MissingDependencyError: torch is not installed.
    """
    import_extra("torch", "torch", "the torch backend")
    import torch

    cuda_count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    has_mps = torch.backends.mps.is_available()
    if wanted is None:
        return Device(kind="cuda" if cuda_count else "mps" if has_mps else "cpu")
    if wanted.kind == "cuda" and wanted.index >= cuda_count:
        have = f"it sees {cuda_count} CUDA device(s)" if cuda_count else "it sees no CUDA device"
        raise BackendError(
            f"device '{wanted}' is not available: torch {torch.__version__}, {have}. Check the "
            "driver with nvidia-smi and install a CUDA build of torch, or use device='cpu'"
        )
    if wanted.kind == "mps" and not has_mps:
        raise BackendError(
            f"device 'mps' is not available: torch {torch.__version__} on this machine has no "
            "Metal support; use device='cpu'"
        )
    return wanted


def device_precisions(device: Device) -> tuple[str, ...]:
    """The precisions on a device, the default first: fp16 on GPUs with matrix units for it.

    fp16 has three more bits than bf16 in the same time. It overflows above 65504, which trained
    networks of this kind stay far below; a run in which it does is an error.

    Raises:
        BackendError: the device does not answer.
    """
    import torch

    if device.kind == "mps":
        return ("fp32",)
    if device.kind == "cpu":
        return "fp32", "bf16", "fp16"
    try:
        capability = torch.cuda.get_device_capability(device.index)
    except RuntimeError as error:  # CUDA in a forked process; a failed driver
        raise BackendError(f"torch cannot use the device '{device}': {error}") from error
    if capability < FP16_CAPABILITY:
        return ("fp32",)
    return ("fp16", "fp32") if capability < BF16_CAPABILITY else ("fp16", "bf16", "fp32")


def open_weights(
    spec: ModelSpec, weights: Weights, execution: Execution
) -> TorchNetwork | CudaGraphNetwork:
    """The model's torch network with a checkpoint's tensors, on the device."""
    import torch

    from rtmpose3d.models import (
        build_graph,
        build_network,
        fold_norms,
        load_arrays,
        lower_precision,
        use_channels_last,
    )

    network = build_network(spec).eval()
    load_arrays(network, weights)
    device = torch.device(str(execution.device))
    if execution.precision == "fp32":
        if device.type == "cuda":
            fold_norms(network)
            use_channels_last(network)
        graph = build_graph(spec, network)
    else:
        dtype = torch.float16 if execution.precision == "fp16" else torch.bfloat16
        graph = build_graph(spec, lower_precision(network, dtype))
    graph = graph.to(device)
    if device.type == "cuda":
        return CudaGraphNetwork(
            output_functions(graph, spec.output_names),
            spec.output_names,
            GraphRecorder(device),
            precision=execution.precision,
        )
    return TorchNetwork(graph, spec.output_names, execution.threads, precision=execution.precision)


def output_functions(
    graph: torch.nn.Module, output_names: tuple[str, ...]
) -> dict[tuple[str, ...], TensorFunction]:
    """The functions that a graph has, by the outputs that they compute, cheapest first.

    Those of a pose network are the logits alone, without decoding, and everything.
    """
    from rtmpose3d.models import PoseGraph

    if isinstance(graph, PoseGraph):
        axes = len(graph.codec.bins)
        return {output_names[-axes:]: graph.simcc, output_names: graph}
    return {output_names: graph}


def check_not_forked(threads: int) -> None:
    """Refuse to run in the fork of a process in which a network has run on several threads.

    A forked process has none of its parent's threads, but torch's OpenMP waits for them for ever.

    Args:
        threads: number of CPU threads that the network is about to use.

    Raises:
        BackendError: it would wait for ever; the message says what to do.
    """
    if threads > 1 and _threaded_processes.setdefault("first", os.getpid()) != os.getpid():
        raise BackendError(
            "this process is a fork of one in which torch has run on several threads, and would "
            "wait for them for ever; create processes with "
            "multiprocessing.get_context('spawn'), use threads=1, or backend='onnxruntime'"
        )


_threaded_processes: dict[str, int] = {}
"""Under "first", the process in which a network ran on several threads; forks inherit it."""


@contextmanager
def cpu_threads(threads: int | None) -> Iterator[None]:
    """Torch's number of CPU threads in a block; None leaves it.

    The number is one of the whole process: networks that run in several Python threads at once
    must ask for the same number.
    """
    import torch

    before = torch.get_num_threads()
    if threads is None or threads == before:
        yield
        return
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
