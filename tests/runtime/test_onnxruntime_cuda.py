"""ONNX Runtime on a GPU, with its own sessions on the CPU behind the bindings.

What only a GPU can show, that CUDA graphs are recorded, is not tested here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from rtmpose3d import BackendError
from rtmpose3d.runtime import Device, RuntimeOptions, load_weights, open_pose
from rtmpose3d.runtime.backends import onnxruntime as backend
from rtmpose3d.runtime.backends.onnxruntime_cuda import CudaOnnxRuntimeNetwork
from rtmpose3d.runtime.network import Execution
from rtmpose3d.zoo import resolve_pose

SPEC = resolve_pose("rtmw3d-n")
GPU = Device(kind="cuda", index=1)


class FakeGpu:
    """ONNX Runtime's sessions and buffers in the CPU's memory, as if on a GPU.

    Args:
        graph_error: error of a run as a CUDA graph.
        open_error: error of opening a session with CUDA graphs.
    """

    def __init__(self, *, graph_error: str = "", open_error: str = "") -> None:
        self.graph_error = graph_error
        self.open_error = open_error
        self.opened: list[dict[str, str]] = []
        self.runs: list[tuple[int, str]] = []  # batch size and number of the CUDA graph
        self._real_session = ort.InferenceSession
        self._real_buffer = ort.OrtValue.ortvalue_from_shape_and_type

    def session(self, model: bytes, options: object, *, providers: list, **others: object):
        name, settings = providers[0]
        assert name == "CUDAExecutionProvider"
        self.opened.append(settings)
        with_graphs = settings["enable_cuda_graph"] == "1"
        if with_graphs and self.open_error:
            raise RuntimeError(self.open_error)
        inner = self._real_session(model, options, providers=["CPUExecutionProvider"])
        return FakeSession(self, inner, with_graphs=with_graphs)

    def buffer(self, shape: Sequence[int], kind: type, device: str, index: int = 0) -> ort.OrtValue:
        assert (device, index) == ("cuda", GPU.index)
        return self._real_buffer(shape, kind, "cpu", 0)


class FakeSession:
    def __init__(self, gpu: FakeGpu, inner: ort.InferenceSession, *, with_graphs: bool) -> None:
        self._gpu = gpu
        self._inner = inner
        self._with_graphs = with_graphs
        self._addresses: dict[str, set[int]] = {}  # of the buffers of each CUDA graph

    def get_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def get_inputs(self) -> list:
        return self._inner.get_inputs()

    def get_outputs(self) -> list:
        return self._inner.get_outputs()

    def io_binding(self) -> ort.IOBinding:
        return self._inner.io_binding()

    def run_with_iobinding(self, binding: ort.IOBinding, options: ort.RunOptions) -> None:
        if self._with_graphs and self._gpu.graph_error:
            raise RuntimeError(self._gpu.graph_error)
        graph_id = options.get_run_config_entry("gpu_graph_id")
        outputs = binding.get_outputs()
        self._gpu.runs.append((outputs[0].shape()[0], graph_id))
        addresses = {value.data_ptr() for value in outputs}
        assert self._addresses.setdefault(graph_id, addresses) == addresses
        self._inner.run_with_iobinding(binding, options)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeGpu]:
    def build(**errors: str) -> FakeGpu:
        fake = FakeGpu(**errors)
        monkeypatch.setattr(ort, "InferenceSession", fake.session)
        monkeypatch.setattr(ort.OrtValue, "ortvalue_from_shape_and_type", fake.buffer)
        return fake

    return build


@pytest.fixture
def checkpoint(made_checkpoint: Callable[[str], Path]) -> Path:
    return made_checkpoint(SPEC.name)


def open_network(checkpoint: Path, precision: str = "fp32") -> CudaOnnxRuntimeNetwork:
    weights = load_weights(SPEC, checkpoint)
    execution = Execution(device=GPU, precision=precision, threads=1)
    network = backend.open_weights(SPEC, weights, execution)
    assert isinstance(network, CudaOnnxRuntimeNetwork)
    return network


def crops(count: int) -> np.ndarray:
    width, height = SPEC.input_size_wh
    return np.random.default_rng(count).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def test_padded_batches_give_the_outputs_of_the_cpu(gpu, checkpoint: Path) -> None:
    expected = open_pose(SPEC, checkpoint, RuntimeOptions(backend="onnxruntime", device="cpu"))
    cpu = {
        count: (expected.run(crops(count)), expected.run_simcc(crops(count))) for count in (1, 3)
    }
    fake = gpu()
    network = open_network(checkpoint)
    decoded_names, logit_names = SPEC.output_names[:3], SPEC.output_names[3:]
    for count in (3, 1, 3):
        decoded, logits = cpu[count]
        bins, scores, _ = network.run(crops(count), decoded_names)
        np.testing.assert_array_equal(bins, decoded.bins)
        np.testing.assert_allclose(scores, decoded.scores, rtol=1e-4, atol=1e-5)
        for value, reference in zip(network.run(crops(count), logit_names), logits, strict=True):
            np.testing.assert_allclose(value, reference, rtol=1e-3, atol=1e-4)
    assert {size for size, _ in fake.runs} == {1, 4}


def test_each_batch_size_and_set_of_outputs_is_a_cuda_graph_with_its_own_buffers(
    gpu, checkpoint: Path
) -> None:
    fake = gpu()
    network = open_network(checkpoint)
    for count, names in ((2, ("scores",)), (1, ("scores",)), (2, ("scores",)), (2, ("simcc_x",))):
        network.run(crops(count), names)
    (settings,) = fake.opened
    assert settings == {"device_id": "1", "use_tf32": "0", "enable_cuda_graph": "1"}
    assert fake.runs == [(1, "0"), (2, "1"), (1, "2"), (2, "1"), (2, "3")]


@pytest.mark.parametrize("when", ["open_error", "graph_error"])
def test_a_network_that_cannot_be_recorded_runs_without_graphs_and_says_so(
    gpu, checkpoint: Path, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    fake = gpu(**{when: "not all nodes on the device"})
    with caplog.at_level(logging.WARNING):
        network = open_network(checkpoint)
    assert [settings["enable_cuda_graph"] for settings in fake.opened] == ["1", "0"]
    assert "rtmw3d-n runs without CUDA graphs" in caplog.text
    assert "not all nodes on the device" in caplog.text
    (scores,) = network.run(crops(2), ("scores",))
    assert scores.shape == (2, SPEC.keypoints)
    assert fake.runs == [(2, "-1")]


def test_an_error_of_a_run_names_model_shape_and_device(gpu, checkpoint: Path) -> None:
    fake = gpu()
    network = open_network(checkpoint)
    fake.graph_error = "out of memory"
    with pytest.raises(BackendError, match=r"rtmw3d-n on crops \(2, 256.*cuda:1: out of memory"):
        network.run(crops(2), ("scores",))


def test_half_precision_runs_in_the_same_buffers(gpu, checkpoint: Path) -> None:
    fake = gpu()
    exact = open_network(checkpoint).run(crops(2), ("simcc_x",))[0]
    half = open_network(checkpoint, "fp16").run(crops(2), ("simcc_x",))[0]
    assert half.dtype == np.float32
    assert 0 < np.linalg.norm(half - exact) < 2e-2 * np.linalg.norm(exact)
    assert len(fake.opened) == 2


def test_an_overflow_of_fp16_is_an_error(gpu, checkpoint: Path) -> None:
    gpu()
    network = open_network(checkpoint, "fp16")
    network._run = lambda images, outputs: (np.full((1, 4), np.nan, np.float32),)
    with pytest.raises(BackendError, match="65504"):
        network.run(crops(1), ("scores",))


def test_precisions_of_the_gpu_and_of_files() -> None:
    assert backend.device_precisions(GPU) == ("fp32", "fp16")
    assert backend.device_precisions(Device(kind="cpu")) == ("fp32",)
    with pytest.raises(BackendError, match="exported in, not in 'fp16'"):
        backend.open_file(Path("net.onnx"), Execution(device=GPU, precision="fp16"))
