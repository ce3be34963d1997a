"""CUDA graphs of torch networks: padding, buffers and errors, with recordings on the CPU instead.

The last test records on a GPU; it is skipped where there is none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest

from rtmpose3d import BackendError
from rtmpose3d.runtime import Device, load_weights
from rtmpose3d.runtime.backends.torch_cuda import (
    BATCH_SIZES,
    CudaGraphNetwork,
    GraphRecorder,
    Recording,
    batch_size,
)
from rtmpose3d.runtime.network import Execution
from rtmpose3d.runtime.sessions import PoseSession
from rtmpose3d.weights import locate
from rtmpose3d.zoo import resolve_pose

torch = pytest.importorskip("torch")
from rtmpose3d.runtime.backends import torch as backend  # noqa: E402

NAMES = ("bins", "scores", "logits")
LOGITS = ("logits",)


class CpuRecorder(GraphRecorder):
    """Recordings on the CPU: a replay runs the function again, and writes into the same outputs."""

    def __init__(self, *, fault: str | None = None) -> None:
        self.device = torch.device("cpu")
        self.recorded: list[tuple[int, ...]] = []
        self.queued = False
        self._fault = fault

    def host_buffer(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        return torch.zeros(tuple(shape), dtype=dtype)

    @contextmanager
    def queue(self) -> Iterator[None]:
        assert not self.queued, "another batch is in the buffers"
        self.queued = True
        yield
        self.queued = False

    def record(self, function: Callable, images: torch.Tensor) -> Recording:
        if self._fault:
            raise RuntimeError(self._fault)
        self.recorded.append(tuple(images.shape))
        outputs = tuple(function(images))

        def replay() -> None:
            assert self.queued
            for output, value in zip(outputs, function(images), strict=True):
                output.copy_(value)

        return Recording(replay=replay, outputs=outputs)


class Functions:
    """Outputs that depend on every pixel of their image, and on no other image."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def logits(self, images: torch.Tensor) -> list[torch.Tensor]:
        self.calls.append("logits")
        return [images.double().flatten(1).cumsum(1)[:, None].float()]

    def all(self, images: torch.Tensor) -> list[torch.Tensor]:
        self.calls.append("all")
        (logits,) = self.logits(images)
        return [logits.argmax(2), logits.amax(2), logits]

    def expected(self, images: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(value.numpy() for value in self.all(torch.from_numpy(images)))


def network(recorder: GraphRecorder, functions: Functions, precision: str = "fp32"):
    by_outputs = {LOGITS: functions.logits, NAMES: functions.all}
    return CudaGraphNetwork(by_outputs, NAMES, recorder, precision=precision)


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 6, 4, 3), dtype=np.uint8)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 17, 32])
def test_a_padded_batch_gives_the_outputs_of_its_images(count: int) -> None:
    functions = Functions()
    graphs = network(CpuRecorder(), functions)
    for seed in range(2):
        pixels = images(count, seed)
        for value, expected in zip(
            graphs.run(pixels, NAMES), functions.expected(pixels), strict=True
        ):
            np.testing.assert_array_equal(value, expected)


def test_each_batch_size_is_recorded_once() -> None:
    recorder = CpuRecorder()
    graphs = network(recorder, Functions())
    for count in (3, 4, 3, 1, 7, 8):
        graphs.run(images(count), NAMES)
    assert [shape[0] for shape in recorder.recorded] == [4, 1, 8]


def test_sizes_of_batches_hold_every_count_and_waste_less_than_half() -> None:
    for count in range(1, BATCH_SIZES[-1] + 1):
        assert count <= batch_size(count) < 2 * count


def test_logits_alone_are_not_decoded() -> None:
    functions = Functions()
    graphs = network(CpuRecorder(), functions)
    pixels = images(2)
    (logits,) = graphs.run(pixels, LOGITS)
    assert set(functions.calls) == {"logits"}
    np.testing.assert_array_equal(logits, functions.expected(pixels)[2])


def test_outputs_come_in_the_requested_order_and_outlive_the_next_batch() -> None:
    functions = Functions()
    graphs = network(CpuRecorder(), functions)
    logits, bins = graphs.run(images(2), ("logits", "bins"))
    graphs.run(images(2, seed=1), ("logits", "bins"))
    expected = functions.expected(images(2))
    np.testing.assert_array_equal(logits, expected[2])
    np.testing.assert_array_equal(bins, expected[0])


def test_a_session_divides_what_is_more_than_the_largest_batch() -> None:
    spec = resolve_pose("rtmw3d-n")
    recorder = CpuRecorder()

    def function(crops: torch.Tensor) -> list[torch.Tensor]:
        scores = crops.float().mean((1, 2, 3))[:, None].repeat(1, spec.keypoints)
        return [scores[:, :, None].repeat(1, 1, spec.codec.axes).long(), scores, scores / 255]

    names = spec.output_names[:3]
    graphs = CudaGraphNetwork({names: function}, names, recorder)
    session = PoseSession(spec, graphs, Device(kind="cpu"))
    crops = np.arange(70, dtype=np.uint8)[:, None, None, None] * np.ones((1, 6, 4, 3), np.uint8)
    np.testing.assert_array_equal(session.run(crops).scores[:, 0], np.arange(70))
    assert [shape[0] for shape in recorder.recorded] == [32, 8]


def test_threads_that_run_at_once_get_their_own_outputs() -> None:
    functions = Functions()
    graphs = network(CpuRecorder(), functions)
    results: dict[int, tuple[np.ndarray, ...]] = {}

    def run(seed: int) -> None:
        for _ in range(20):
            results[seed] = graphs.run(images(3, seed), NAMES)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(4):
        np.testing.assert_array_equal(results[seed][2], functions.expected(images(3, seed))[2])


def test_a_failed_recording_is_an_error_of_ours_and_can_be_repeated() -> None:
    recorder = CpuRecorder(fault="CUDA out of memory")
    graphs = network(recorder, Functions())
    with pytest.raises(BackendError, match=r"torch failed on \(2, 6, 4, 3\).*out of memory"):
        graphs.run(images(2), NAMES)
    recorder._fault = None
    assert len(graphs.run(images(2), NAMES)) == 3


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_an_overflow_of_fp16_is_an_error_that_names_the_remedy(value: float) -> None:
    def overflowing(pixels: torch.Tensor) -> list[torch.Tensor]:
        return [torch.full((len(pixels), 4, 5), value)]

    graphs = CudaGraphNetwork({LOGITS: overflowing}, LOGITS, CpuRecorder(), precision="fp16")
    with pytest.raises(BackendError, match="precision='bf16'"):
        graphs.run(images(1), LOGITS)


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        ((6, 1), ("fp32",)),
        ((7, 5), ("fp16", "fp32")),
        ((8, 0), ("fp16", "bf16", "fp32")),
        ((9, 0), ("fp16", "bf16", "fp32")),
    ],
)
def test_precisions_of_a_gpu_follow_its_matrix_units(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: tuple[str, ...]
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: capability)
    assert backend.device_precisions(Device(kind="cuda", index=1)) == expected


def test_a_gpu_that_does_not_answer_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(index: int) -> tuple[int, int]:
        raise RuntimeError("Cannot re-initialize CUDA in forked subprocess")

    monkeypatch.setattr(torch.cuda, "get_device_capability", failing)
    with pytest.raises(BackendError, match=r"'cuda:0'.*forked"):
        backend.device_precisions(Device(kind="cuda"))


def test_the_cpu_computes_in_fp32_unless_asked() -> None:
    assert backend.device_precisions(Device(kind="cpu"))[0] == "fp32"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(("precision", "limit"), [("fp32", 1e-4), ("fp16", 1e-2), ("bf16", 5e-2)])
def test_graphs_on_a_gpu_equal_the_network_on_the_cpu(precision: str, limit: float) -> None:
    spec = resolve_pose("rtmw3d-n")
    path = locate(spec.file, None)
    assert path is not None
    weights = load_weights(spec, path)
    width, height = spec.input_size_wh
    crops = np.random.default_rng(0).integers(0, 256, (5, height, width, 3), dtype=np.uint8)
    names = spec.output_names[3:]
    gpu = backend.open_weights(
        spec, weights, Execution(device=Device(kind="cuda"), precision=precision)
    )
    cpu = backend.open_weights(spec, weights, Execution(device=Device(kind="cpu")))
    for value, expected in zip(gpu.run(crops, names), cpu.run(crops, names), strict=True):
        assert np.linalg.norm(value - expected) < limit * np.linalg.norm(expected)
