"""Sessions: decoding and candidates on any network, threads, copies in other processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from networks import DetectorNetwork, PoseNetwork

from rtmpose3d import BackendError, WeightsError
from rtmpose3d.runtime import (
    BACKENDS,
    Backend,
    DetectorSession,
    Device,
    PoseSession,
    RuntimeOptions,
    open_detector,
    open_pose,
)
from rtmpose3d.runtime.backends.torch import cpu_threads
from rtmpose3d.runtime.graph_files import load_weights
from rtmpose3d.runtime.network import Execution
from rtmpose3d.structures import UInt8Array
from rtmpose3d.zoo import resolve_detector, resolve_pose

CPU = Device(kind="cpu")
POSE = resolve_pose("dwpose-t-256x192")
POSE_3D = resolve_pose("rtmw3d-n")
DETECTOR = resolve_detector("rtmdet-nano")
Maker = Callable[[str], Path]


def noise(count: int, size_wh: tuple[int, int], seed: int = 0) -> UInt8Array:
    width, height = size_wh
    levels = np.random.default_rng(seed).integers(40, 256, (count, 1, 1, 1))
    rng = np.random.default_rng(seed + 1)
    return (rng.random((count, height, width, 3)) * levels).astype(np.uint8)


# A network that takes only so many images at once


@pytest.mark.parametrize("spec", [POSE, POSE_3D], ids=lambda spec: spec.name)
@pytest.mark.parametrize(("max_batch", "batches"), [(1, [1] * 5), (2, [2, 2, 1]), (None, [5])])
def test_a_pose_session_splits_a_batch_as_its_network_needs(spec, max_batch, batches) -> None:
    network = PoseNetwork(spec, max_batch=max_batch)
    session = PoseSession(spec, network, CPU)
    crops = noise(5, spec.input_size_wh)
    decoded, simcc = session.run(crops), session.run_simcc(crops)
    assert network.batches == [*batches, *batches]
    together = PoseSession(spec, PoseNetwork(spec), CPU)
    np.testing.assert_array_equal(decoded.bins, together.run(crops).bins)
    np.testing.assert_array_equal(decoded.scores, together.run(crops).scores)
    np.testing.assert_array_equal(decoded.confidence, together.run(crops).confidence)
    for ours, theirs in zip(simcc, together.run_simcc(crops), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [axis.shape[2] for axis in simcc] == list(spec.codec.bins)


@pytest.mark.parametrize("max_batch", [1, 2, None])
def test_a_detector_session_gives_candidates_of_each_image_in_order(max_batch) -> None:
    network = DetectorNetwork(DETECTOR, candidates=7, max_batch=max_batch)
    images = noise(3, DETECTOR.input_size_wh)
    candidates = DetectorSession(DETECTOR, network, CPU).run(images)
    expected = images.mean(axis=(1, 2, 3)) / 255
    np.testing.assert_allclose([c.scores[0] for c in candidates], expected, rtol=1e-6)
    assert all(c.boxes_xyxy.shape == (7, 4) for c in candidates)


def test_cells_are_counted_by_scale_and_finished_boxes_are_one_scale() -> None:
    spec = replace(DETECTOR, input_size_wh=(416, 320))
    images = noise(1, spec.input_size_wh)
    cells = (52 * 40, 26 * 20, 13 * 10)
    (of_cells,) = DetectorSession(spec, DetectorNetwork(spec, sum(cells)), CPU).run(images)
    assert of_cells.level_sizes == cells
    (finished,) = DetectorSession(spec, DetectorNetwork(spec, 12), CPU).run(images)
    assert finished.level_sizes == (12,)


# A backend of one's own


def test_a_backend_is_one_row_of_the_table(made_checkpoint: Maker, monkeypatch) -> None:
    opened = {}

    def open_weights(spec, weights, execution):
        opened.update(keys=set(weights), execution=execution)
        return PoseNetwork(spec)

    row = Backend(
        name="third",
        package="third",
        resolve_device=lambda wanted: wanted or CPU,
        open_weights=open_weights,
        auto=False,
    )
    monkeypatch.setitem(BACKENDS, "third", row)
    file = made_checkpoint(POSE.name)
    session = open_pose(POSE, file, RuntimeOptions(backend="third", threads=3))
    assert opened["execution"] == Execution(device=CPU, precision="fp32", threads=3)
    assert opened["keys"] == set(load_weights(POSE, file))
    crops = noise(2, POSE.input_size_wh)
    np.testing.assert_allclose(session.run(crops).scores[:, 0], crops.mean(axis=(1, 2, 3)))
    assert session.device == CPU


# Weights and threads


@pytest.mark.parametrize("backend", BACKENDS)
def test_tensors_open_the_same_session_as_their_file(made_checkpoint: Maker, backend: str) -> None:
    pytest.importorskip(BACKENDS[backend].package)
    options = RuntimeOptions(backend=backend, device="cpu")
    file = made_checkpoint(DETECTOR.name)
    images = noise(1, DETECTOR.input_size_wh)
    from_file = open_detector(DETECTOR, file, options).run(images)[0]
    from_tensors = open_detector(DETECTOR, load_weights(DETECTOR, file), options).run(images)[0]
    np.testing.assert_array_equal(from_file.scores, from_tensors.scores)
    np.testing.assert_array_equal(from_file.boxes_xyxy, from_tensors.boxes_xyxy)


def test_given_tensors_are_matched_as_those_of_a_file_are(made_checkpoint: Maker) -> None:
    weights = load_weights(DETECTOR, made_checkpoint(DETECTOR.name))
    weights.pop("bbox_head.rtm_cls.0.weight")
    with pytest.raises(WeightsError, match=r"(?s)the given weights.*missing.*rtm_cls\.0\.weight"):
        open_detector(DETECTOR, weights)


def test_threads_reach_onnxruntime(made_checkpoint: Maker, tmp_path: Path, monkeypatch) -> None:
    from rtmpose3d.runtime.backends import onnxruntime

    asked = []
    original = onnxruntime.session_options
    monkeypatch.setattr(
        onnxruntime, "session_options", lambda threads: asked.append(threads) or original(threads)
    )
    file = made_checkpoint(DETECTOR.name)
    open_detector(DETECTOR, file, RuntimeOptions(backend="onnxruntime", threads=1))
    open_detector(DETECTOR, file, RuntimeOptions(backend="onnxruntime"))
    assert asked == [1, None]
    options = RuntimeOptions(backend="onnxruntime", threads=2)
    with pytest.raises(BackendError, match="does not exist"):
        open_detector(DETECTOR, tmp_path / "missing.onnx", options)
    assert asked == [1, None, 2]
    assert original(3).intra_op_num_threads == 3
    assert original(None).intra_op_num_threads == 0  # its way to say one per core


def test_threads_of_torch_are_set_while_a_network_runs_and_put_back() -> None:
    torch = pytest.importorskip("torch")
    from rtmpose3d.runtime.backends.torch import TorchNetwork

    class Noting(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))
            self.threads: list[int] = []

        def forward(self, images):
            self.threads.append(torch.get_num_threads())
            return (images.float(),)

    graph = Noting()
    before = torch.get_num_threads()
    images = noise(1, (4, 6))
    TorchNetwork(graph, ("same",), threads=before + 1).run(images, ("same",))
    TorchNetwork(graph, ("same",)).run(images, ("same",))
    assert graph.threads == [before + 1, before]
    assert torch.get_num_threads() == before


def test_threads_of_torch_are_put_back_after_an_error() -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), cpu_threads(before + 1):
        raise ZeroDivisionError
    assert torch.get_num_threads() == before


def test_a_fork_of_a_process_that_ran_torch_on_threads_is_an_error_and_no_hang(
    monkeypatch,
) -> None:
    torch = pytest.importorskip("torch")
    from rtmpose3d.runtime.backends import torch as backend

    class Sum(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, images):
            return (images.float(),)

    monkeypatch.setattr(backend, "_threaded_processes", {})
    images = noise(1, (4, 6))
    several = backend.TorchNetwork(Sum(), ("same",), threads=2)
    alone = backend.TorchNetwork(Sum(), ("same",), threads=1)
    alone.run(images, ("same",))
    monkeypatch.setattr(os, "getpid", lambda: 1001)
    several.run(images, ("same",))
    several.run(images, ("same",))
    monkeypatch.setattr(os, "getpid", lambda: 1002)
    with pytest.raises(BackendError, match=r"get_context\('spawn'\)"):
        several.run(images, ("same",))
    alone.run(images, ("same",))


def test_an_error_of_torch_is_one_of_ours() -> None:
    torch = pytest.importorskip("torch")
    from rtmpose3d.runtime.backends.torch import TorchNetwork

    network = TorchNetwork(torch.nn.Linear(3, 3), ("same",), threads=1)
    with pytest.raises(BackendError, match=r"torch failed on \(1, 6, 4, 3\)"):
        network.run(noise(1, (4, 6)), ("same",))


# Copies


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_copy_of_a_session_gives_the_same_outputs(made_checkpoint: Maker, backend: str) -> None:
    pytest.importorskip(BACKENDS[backend].package)
    options = RuntimeOptions(backend=backend, threads=1)
    session = open_pose(POSE, made_checkpoint(POSE.name), options)
    copy = pickle.loads(pickle.dumps(session))
    assert copy.spec == POSE
    assert copy.device == session.device
    crops = noise(2, POSE.input_size_wh)
    np.testing.assert_array_equal(copy.run(crops).scores, session.run(crops).scores)
    for ours, theirs in zip(copy.run_simcc(crops), session.run_simcc(crops), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_copy_holds_no_weights_if_it_was_opened_from_a_file(made_checkpoint: Maker) -> None:
    file = made_checkpoint(DETECTOR.name)
    session = open_detector(DETECTOR, file)
    assert len(pickle.dumps(session)) < 10_000 < file.stat().st_size


def test_a_copy_keeps_backend_device_and_threads(made_checkpoint: Maker, monkeypatch) -> None:
    options = RuntimeOptions(backend="onnxruntime", threads=1)
    session = open_detector(DETECTOR, made_checkpoint(DETECTOR.name), options)
    content = pickle.dumps(session)
    opened = []
    row = BACKENDS["onnxruntime"]

    def open_weights(spec, weights, execution):
        opened.append(execution)
        return row.open_weights(spec, weights, execution)

    monkeypatch.setitem(BACKENDS, "onnxruntime", replace(row, open_weights=open_weights))
    pickle.loads(content)
    assert opened == [Execution(device=session.device, threads=1)]


def test_a_session_on_a_custom_network_cannot_be_pickled() -> None:
    session = PoseSession(POSE, PoseNetwork(POSE), CPU)
    with pytest.raises(pickle.PicklingError, match="only if open_pose or open_detector made it"):
        pickle.dumps(session)


def scores_of(session: PoseSession, crops: UInt8Array) -> np.ndarray:
    return session.run(crops).scores


@pytest.mark.slow
def test_a_session_runs_in_a_pool_of_spawned_processes(made_checkpoint: Maker) -> None:
    session = open_pose(POSE, made_checkpoint(POSE.name), RuntimeOptions(threads=1, device="cpu"))
    crops = noise(2, POSE.input_size_wh)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        elsewhere = pool.apply(scores_of, (session, crops))
    np.testing.assert_array_equal(elsewhere, session.run(crops).scores)
