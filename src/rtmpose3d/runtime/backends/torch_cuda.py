"""CUDA graphs of torch networks: one recorded sequence of kernels per batch size.

At a few crops the CPU takes longer to start the kernels one by one than the GPU to run them. A
graph starts all of them at once, but its shapes and addresses are fixed: batches are padded to a
size of `BATCH_SIZES`, and pass through buffers that belong to the graph.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rtmpose3d.errors import BackendError
from rtmpose3d.runtime.backends.cuda_batches import BATCH_SIZES, batch_size
from rtmpose3d.runtime.network import check_finite
from rtmpose3d.structures import UInt8Array

if TYPE_CHECKING:
    import torch

WARM_UP_RUNS = 3  # before recording: libraries select kernels and allocate in their first runs

TensorFunction: TypeAlias = "Callable[[torch.Tensor], Sequence[torch.Tensor]]"


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A recorded function.

    Attributes:
        replay: queues the recorded work; it reads the input that was recorded.
        outputs: tensors into which each replay writes.
    """

    replay: Callable[[], None]
    outputs: tuple[torch.Tensor, ...]


class GraphRecorder:
    """Records functions on one GPU, in a stream and a pool of memory of its own.

    The recordings share the pool: their outputs must be read before another one is replayed.

    Args:
        device: a CUDA device.
        tf32: whether convolutions in fp32 may round their operands to TF32.
        benchmark: whether cuDNN times its kernels for each convolution, which takes time.
    """

    def __init__(
        self, device: torch.device, *, tf32: bool = False, benchmark: bool = False
    ) -> None:
        import torch

        self.device = device
        self._tf32 = tf32
        self._benchmark = benchmark
        with torch.cuda.device(device):
            self.stream = torch.cuda.Stream(device)
            self._pool = torch.cuda.graph_pool_handle()

    def host_buffer(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """Page-locked memory of the host, which the GPU reads and writes by itself."""
        import torch

        return torch.zeros(tuple(shape), dtype=dtype, pin_memory=True)

    @contextmanager
    def queue(self) -> Iterator[None]:
        """A block whose work is queued in order, and done at its end."""
        import torch

        with torch.cuda.stream(self.stream):
            yield
        self.stream.synchronize()

    def record(self, function: TensorFunction, images: torch.Tensor) -> Recording:
        """Record a function of a tensor on the device, in inference mode."""
        import torch

        selection = torch.backends.cudnn.flags(
            enabled=True, benchmark=self._benchmark, allow_tf32=self._tf32
        )
        with torch.cuda.device(self.device), torch.inference_mode(), selection:
            self.stream.wait_stream(torch.cuda.current_stream(self.device))
            with torch.cuda.stream(self.stream):
                for _ in range(WARM_UP_RUNS):
                    function(images)
            self.stream.synchronize()
            graph = torch.cuda.CUDAGraph()
            # Other threads may use the GPU meanwhile.
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self.stream, capture_error_mode="thread_local"
            ):
                outputs = tuple(function(images))
        return Recording(replay=graph.replay, outputs=outputs)


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """A recording with its buffers on both sides; the host's are page-locked."""

    pixels: torch.Tensor
    device_pixels: torch.Tensor
    recording: Recording
    results: tuple[torch.Tensor, ...]


class CudaGraphNetwork:
    """A `Network` of CUDA graphs, which are recorded when a batch size first occurs.

    Args:
        functions: {names of outputs: function that computes them from (N, H, W, 3) uint8 images on
            the device}, cheapest first; the first one that has the requested outputs runs.
        output_names: names of all outputs.
        recorder: of the device.
        precision: of the convolutions.
    """

    max_batch: int | None = BATCH_SIZES[-1]

    def __init__(
        self,
        functions: Mapping[tuple[str, ...], TensorFunction],
        output_names: tuple[str, ...],
        recorder: GraphRecorder,
        *,
        precision: str = "fp32",
    ) -> None:
        self.output_names = output_names
        self._functions = functions
        self._recorder = recorder
        self._precision = precision
        self._batches: dict[tuple[tuple[str, ...], tuple[int, ...]], _Batch] = {}
        self._lock = threading.Lock()  # the buffers serve one batch at a time

    def run(self, images: UInt8Array, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        """Runs a batch of at most `max_batch` images."""
        import torch

        try:
            with self._lock, torch.inference_mode():
                arrays = self._run(images, outputs)
        except (RuntimeError, MemoryError) as error:  # out of memory; CUDA in a forked process
            where = f"{images.shape} on {self._recorder.device}"
            raise BackendError(f"torch failed on {where}: {error}") from error
        if self._precision == "fp16":
            check_finite(arrays)
        return arrays

    def _run(self, images: UInt8Array, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        names = find_outputs(self._functions, outputs)
        count = len(images)
        batch = self._batch(names, (batch_size(count), *images.shape[1:]))
        batch.pixels.numpy()[:count] = images  # what is behind them stays from earlier batches
        selected = [names.index(name) for name in outputs]
        with self._recorder.queue():
            batch.device_pixels.copy_(batch.pixels, non_blocking=True)
            batch.recording.replay()
            for index in selected:
                computed = batch.recording.outputs[index][:count]
                batch.results[index][:count].copy_(computed, non_blocking=True)
        return tuple(batch.results[index][:count].numpy().copy() for index in selected)

    def _batch(self, names: tuple[str, ...], shape: tuple[int, ...]) -> _Batch:
        import torch

        batch = self._batches.get((names, shape))
        if batch is None:
            pixels = self._recorder.host_buffer(shape, torch.uint8)
            device_pixels = pixels.to(self._recorder.device, copy=True)
            recording = self._recorder.record(self._functions[names], device_pixels)
            results = tuple(
                self._recorder.host_buffer(output.shape, output.dtype)
                for output in recording.outputs
            )
            batch = _Batch(
                pixels=pixels, device_pixels=device_pixels, recording=recording, results=results
            )
            self._batches[names, shape] = batch
        return batch


def find_outputs(
    functions: Mapping[tuple[str, ...], TensorFunction], outputs: Sequence[str]
) -> tuple[str, ...]:
    """Names of the outputs of the first function that computes the requested ones."""
    return next(names for names in functions if set(outputs) <= set(names))
