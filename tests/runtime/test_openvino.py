"""OpenVINO: batches, body and head, precision, the cache of compiled models."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d import BackendError
from rtmpose3d.runtime import DetectorSession, Device, PoseSession, RuntimeOptions, devices
from rtmpose3d.runtime import open_detector as open_any_detector
from rtmpose3d.runtime import open_pose as open_any_pose
from rtmpose3d.runtime.backends import openvino as backend
from rtmpose3d.runtime.backends import openvino_cache, openvino_compiling, openvino_package
from rtmpose3d.runtime.network import Weights
from rtmpose3d.structures import UInt8Array
from rtmpose3d.weights import clear_cache
from rtmpose3d.weights.download.cache import compiled_dir
from rtmpose3d.zoo import resolve_detector, resolve_pose

if TYPE_CHECKING:
    import openvino

pytest.importorskip("openvino", reason="openvino is not installed")

POSE = resolve_pose("dwpose-t-256x192")
OURS = resolve_pose("rtmw3d-n")
DETECTOR = resolve_detector("rtmdet-nano")
OPENVINO = RuntimeOptions(backend="openvino", device="cpu", precision="fp32")
CPU = Device(kind="cpu")


@pytest.fixture(autouse=True)
def own_compiled_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTMPOSE3D_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int | None]]:
    """Names and batch sizes of what is compiled and not taken from the cache; None: any size."""
    found: list[tuple[str, int | None]] = []
    original = openvino_compiling.Compiler._compile

    def counting(self, outputs, batch_size, *others):
        found.append((self.name, batch_size))
        return original(self, outputs, batch_size, *others)

    monkeypatch.setattr(openvino_compiling.Compiler, "_compile", counting)
    return found


def open_pose(checkpoint: Path | Weights, options: RuntimeOptions = OPENVINO) -> PoseSession:
    return open_any_pose(POSE, checkpoint, options)


def open_detector(checkpoint: Path, options: RuntimeOptions = OPENVINO) -> DetectorSession:
    return open_any_detector(DETECTOR, checkpoint, options)


def noise(count: int, size_wh: tuple[int, int] = POSE.input_size_wh) -> UInt8Array:
    width, height = size_wh
    rng = np.random.default_rng(count)
    levels = rng.integers(40, 256, (count, 1, 1, 1))
    return (rng.random((count, height, width, 3)) * levels).astype(np.uint8)


# Batches


@given(st.integers(min_value=1, max_value=200))
def test_any_number_of_images_runs_in_few_sizes_with_little_padding(count: int) -> None:
    sizes = list(backend.split_batch(count))
    assert set(sizes) <= set(backend.BATCH_SIZES)
    assert sorted(sizes, reverse=True) == sizes
    assert count <= sum(sizes) <= count + sizes[-1] / 8


def test_a_file_of_a_fixed_batch_runs_in_that_batch() -> None:
    assert list(backend.split_batch(3, (3,))) == [3]


def test_a_padded_batch_gives_each_image_its_own_outputs(made_checkpoint) -> None:
    session = open_pose(made_checkpoint(POSE.name))
    crops = noise(7)
    assert list(backend.split_batch(7)) == [8]
    together = session.run_simcc(crops)
    alone = [session.run_simcc(crop[None]) for crop in crops]
    for axis, parts in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_allclose(axis, np.concatenate(parts), atol=1e-4)


def test_threads_run_one_session_at_once(made_checkpoint) -> None:
    session = open_pose(made_checkpoint(POSE.name))
    batches = [noise(1 + i % 3) for i in range(12)]
    expected = [session.run(batch).scores for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda batch: session.run(batch).scores, batches))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_outputs_stay_what_they_are_when_the_session_runs_again(made_checkpoint) -> None:
    session = open_pose(made_checkpoint(POSE.name))
    first = session.run_simcc(noise(1))
    before = [axis.copy() for axis in first]
    session.run_simcc(255 - noise(1))
    for ours, theirs in zip(first, before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_images_that_cannot_be_written_or_are_not_contiguous_run(made_checkpoint) -> None:
    session = open_detector(made_checkpoint(DETECTOR.name))
    images = noise(1, DETECTOR.input_size_wh)
    expected = session.run(images)[0].scores
    images.flags.writeable = False
    np.testing.assert_array_equal(session.run(images)[0].scores, expected)
    flipped = np.ascontiguousarray(images[:, :, ::-1])[:, :, ::-1]
    np.testing.assert_array_equal(session.run(flipped)[0].scores, expected)


def test_a_fork_runs_what_was_opened_before_and_opens_nothing(made_checkpoint, monkeypatch) -> None:
    session = open_pose(made_checkpoint(POSE.name))
    before = session.run(noise(1)).scores
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    np.testing.assert_array_equal(session.run(noise(1)).scores, before)
    with pytest.raises(BackendError, match=r"a fork of one.*get_context\('spawn'\)"):
        open_pose(made_checkpoint(POSE.name))


# Body and head


@pytest.fixture
def two_stages(monkeypatch: pytest.MonkeyPatch) -> RuntimeOptions:
    """Options that divide a model on any processor: both stages run in fp32."""
    monkeypatch.setitem(openvino_compiling._TYPES, "bf16", "f32")
    monkeypatch.setattr(openvino_package, "read_capabilities", lambda device: {"FP32", "BF16"})
    return RuntimeOptions(backend="openvino", device="cpu", precision="bf16")


@pytest.mark.parametrize("name", [POSE.name, OURS.name, "rtmw-m-256x192"])
def test_body_and_head_of_a_pose_network_equal_the_whole(
    made_checkpoint, two_stages, monkeypatch, name: str
) -> None:
    # All convolutions are direct, in the stages and in the whole.
    monkeypatch.setattr(openvino_compiling, "transform_convolutions", lambda model, kernels: None)
    spec = resolve_pose(name)
    crops = noise(3, spec.input_size_wh)
    divided = open_any_pose(spec, made_checkpoint(name), two_stages)
    whole = open_any_pose(spec, made_checkpoint(name), OPENVINO)
    assert divided.runtime.precision == "bf16"
    for ours, theirs in zip(divided.run_simcc(crops), whole.run_simcc(crops), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_body_and_head_of_a_detector_equal_the_whole(made_checkpoint, two_stages) -> None:
    images = noise(2, DETECTOR.input_size_wh)
    divided = open_detector(made_checkpoint(DETECTOR.name), two_stages).run(images)
    whole = open_detector(made_checkpoint(DETECTOR.name)).run(images)
    for ours, theirs in zip(divided, whole, strict=True):
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)
        np.testing.assert_allclose(ours.boxes_xyxy, theirs.boxes_xyxy, atol=0.01)


@pytest.mark.parametrize("is_amx", [False, True])
def test_large_bodies_take_fewer_products_where_there_are_no_units_for_matrices(
    made_checkpoint, two_stages, monkeypatch, compilations, is_amx: bool
) -> None:
    found: list[tuple[int, ...]] = []
    original = openvino_compiling.transform_convolutions

    def transform(model: openvino.Model, kernels: tuple[int, ...]) -> int:
        found.append(kernels)
        return original(model, kernels)

    crops = noise(5, OURS.input_size_wh)
    expected = open_any_pose(OURS, made_checkpoint(OURS.name), OPENVINO).run_simcc(crops)
    compilations.clear()
    monkeypatch.setattr(openvino_compiling, "LARGE", 0)
    monkeypatch.setattr(openvino_compiling, "transform_convolutions", transform)
    monkeypatch.setattr(openvino_compiling, "has_amx", lambda: is_amx)
    session = open_any_pose(OURS, made_checkpoint(OURS.name), two_stages)
    for ours, theirs in zip(session.run_simcc(crops), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4 * theirs.std())
    sizes = [None] if is_amx else [1, 4]
    assert compilations == [(OURS.name, size) for size in sizes]
    assert found == ([] if is_amx else [(7,), (7,)])


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_bf16\n", False),
        ("processor : 0\nflags\t\t: fpu avx512_bf16 amx_bf16 amx_tile\n", True),
    ],
)
def test_units_for_matrices_are_in_the_flags_of_linux(
    tmp_path: Path, monkeypatch, facts: str, expected: bool
) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(facts)
    monkeypatch.setattr(devices, "CPU_FACTS", path)
    assert openvino_package.has_amx() is expected


@pytest.mark.parametrize(("name", "expected"), [("AMD Ryzen", False), ("Intel Xeon", True)])
def test_without_flags_all_but_those_of_amd_count(
    tmp_path: Path, monkeypatch, name: str, expected: bool
) -> None:
    class Core:
        def get_property(self, device: str, key: str) -> str:
            return f"{name}, {device}, {key}"

    monkeypatch.setattr(devices, "CPU_FACTS", tmp_path / "missing")
    monkeypatch.setattr(openvino_package, "openvino_core", Core)
    assert openvino_package.has_amx() is expected


def test_the_head_has_no_convolution_but_the_last_of_a_detector(made_checkpoint) -> None:
    from rtmpose3d.runtime.backends.openvino_graphs import divide, read_graph
    from rtmpose3d.runtime.graph_files import load_weights

    for spec, convolutions in ((POSE, 0), (DETECTOR, 6)):
        weights = load_weights(spec, made_checkpoint(spec.name))
        outputs = spec.output_names[-2:]
        divided = divide(read_graph(spec, weights, outputs), spec.name)
        assert divided is not None
        _, head = divided
        kinds = [node.get_type_name() for node in head.get_ops()]
        assert kinds.count("Convolution") == convolutions


def test_a_device_of_fixed_batches_compiles_each_of_them(
    made_checkpoint, monkeypatch, compilations
) -> None:
    monkeypatch.setattr(openvino_compiling.Compiler, "needs_fixed_batch", True)
    session = open_pose(made_checkpoint(POSE.name))
    scores = session.run(noise(3)).scores
    assert compilations == [(POSE.name, 1), (POSE.name, 2)]
    monkeypatch.setattr(openvino_compiling.Compiler, "needs_fixed_batch", False)
    expected = open_pose(made_checkpoint(POSE.name)).run(noise(3)).scores
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_large_models_run_in_batches_of_four_and_one(
    made_checkpoint, monkeypatch, compilations
) -> None:
    crops = noise(6)
    expected = open_pose(made_checkpoint(POSE.name)).run(crops).scores
    monkeypatch.setattr(openvino_compiling, "LARGE", 0)
    compilations.clear()
    session = open_pose(made_checkpoint(POSE.name))
    np.testing.assert_allclose(session.run(crops).scores, expected, atol=1e-5)
    assert compilations == [(POSE.name, 1), (POSE.name, 4)]


@pytest.mark.slow
def test_an_exported_file_that_smooths_runs_as_in_onnxruntime(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    for module in ("torch", "onnx", "onnxscript"):
        pytest.importorskip(module)
    from rtmpose3d.export import export_onnx
    from rtmpose3d.runtime.backends.openvino_graphs import simplify_file

    file = tmp_path / "ours.onnx"
    export_onnx(OURS.name, file)
    model = openvino_package.openvino_core().read_model(str(file))
    simplify_file(model)
    convolutions = [node for node in model.get_ops() if node.get_type_name() == "Convolution"]
    assert all(len(node.get_output_partial_shape(0)) == 4 for node in convolutions)
    crops = noise(2, OURS.input_size_wh)
    ours, theirs = (
        open_any_pose(OURS, file, replace(OPENVINO, backend=name)).run(crops)
        for name in ("openvino", "onnxruntime")
    )
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)
    same = (np.asarray(ours.bins) == theirs.bins).all(axis=2)  # of noise some peaks nearly tie
    assert same.mean() > 0.95
    np.testing.assert_allclose(ours.confidence[same], theirs.confidence[same], atol=1e-4)


# Precision


@pytest.mark.parametrize(
    ("capabilities", "precisions"),
    [
        ({"FP32", "INT8"}, ("fp32",)),
        ({"FP32", "BF16"}, ("bf16", "fp32")),
        ({"FP32", "BF16", "FP16"}, ("bf16", "fp32", "fp16")),
    ],
)
def test_auto_is_bf16_where_the_processor_has_it(monkeypatch, capabilities, precisions) -> None:
    monkeypatch.setattr(openvino_package, "read_capabilities", lambda device: capabilities)
    assert backend.device_precisions(CPU) == precisions


def test_auto_is_fp32_for_a_detector_whose_boxes_bf16_would_move(
    made_checkpoint, shared: Path, monkeypatch
) -> None:
    monkeypatch.setattr(openvino_package, "read_capabilities", lambda device: {"FP32", "BF16"})
    options = RuntimeOptions(backend="openvino", device="cpu")
    made = open_detector(made_checkpoint(DETECTOR.name), options).runtime
    assert (made.precision, made.precision_reason) == (
        "fp32",
        "bf16 would move its boxes by pixels",
    )
    published = shared / "samples" / "rtmdet" / "rtmdet-nano_person_640.onnx"
    assert open_detector(published, options).runtime.precision == "fp32"


def test_half_precision_without_instructions_is_an_error(made_checkpoint, monkeypatch) -> None:
    monkeypatch.setattr(openvino_package, "read_capabilities", lambda device: {"FP32"})
    for precision in ("bf16", "fp16"):
        options = RuntimeOptions(backend="openvino", device="cpu", precision=precision)
        message = f"no precision '{precision}' on this cpu, .*the processor has no bf16"
        with pytest.raises(BackendError, match=message):
            open_pose(made_checkpoint(POSE.name), options)


def test_a_precision_that_openvino_silently_replaces_is_an_error(
    made_checkpoint, monkeypatch
) -> None:
    capabilities = openvino_package.read_capabilities(CPU)
    if "BF16" in capabilities:
        pytest.skip("this processor has bf16 instructions")
    monkeypatch.setattr(openvino_package, "read_capabilities", lambda device: {"FP32", "BF16"})
    options = RuntimeOptions(backend="openvino", device="cpu", precision="bf16")
    with pytest.raises(BackendError, match="in f32 on this cpu, which has no bf16"):
        open_pose(made_checkpoint(POSE.name), options)


def test_the_session_says_what_runs(made_checkpoint) -> None:
    options = RuntimeOptions(backend="openvino", device="cpu", precision="fp32")
    runtime = open_pose(made_checkpoint(POSE.name), options).runtime
    assert (runtime.backend, runtime.device, runtime.precision) == ("openvino", "cpu", "fp32")
    assert runtime.precision_reason == "requested"


@pytest.mark.parametrize(
    ("capabilities", "reason"),
    [
        ({"FP32"}, "the processor has no bf16 instructions (AMX, AVX-512 bf16)"),
        ({"FP32", "BF16"}, "the processor has bf16 instructions"),
    ],
)
def test_the_reason_for_the_precision_of_auto_is_the_processor(
    monkeypatch, capabilities, reason
) -> None:
    monkeypatch.setattr(openvino_package, "read_capabilities", lambda device: capabilities)
    assert openvino_package.explain_precision(CPU) == reason


def compiled_detector(checkpoint: Path, threads: int) -> openvino.CompiledModel:
    options = replace(OPENVINO, threads=threads)
    network = open_detector(checkpoint, options)._network
    assert isinstance(network, backend.OpenVINONetwork)
    (stage,) = network.prepare(DETECTOR.output_names)
    return stage.model


def test_threads_reach_openvino(made_checkpoint) -> None:
    model = compiled_detector(made_checkpoint(DETECTOR.name), threads=2)
    assert model.get_property("NUM_STREAMS") == 1
    assert model.get_property("INFERENCE_NUM_THREADS") == 2


def test_calls_of_one_thread_run_at_once_from_several_threads(made_checkpoint, monkeypatch) -> None:
    monkeypatch.setattr(openvino_compiling, "usable_cores", lambda: 2)
    model = compiled_detector(made_checkpoint(DETECTOR.name), threads=1)
    assert model.get_property("NUM_STREAMS") == model.get_property("INFERENCE_NUM_THREADS") == 2


# The cache of compiled models


def blobs() -> list[Path]:
    return sorted(compiled_dir().glob("*"))


def test_a_model_is_compiled_once_and_runs_alike_from_the_cache(
    made_checkpoint, compilations
) -> None:
    crops = noise(2)
    first = open_pose(made_checkpoint(POSE.name)).run_simcc(crops)
    second = open_pose(made_checkpoint(POSE.name)).run_simcc(crops)
    assert compilations == [(POSE.name, None)]
    for ours, theirs in zip(first, second, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_other_weights_and_other_threads_are_another_compiled_model(
    made_checkpoint, compilations
) -> None:
    from rtmpose3d.runtime.graph_files import load_weights

    weights = load_weights(POSE, made_checkpoint(POSE.name))
    open_pose(weights)
    key = "head.mlp.0.g"
    open_pose({**weights, key: weights[key] + np.float32(1)})
    open_pose(weights, replace(OPENVINO, threads=1))
    assert len(compilations) == 3
    assert len(blobs()) == 3


def test_body_and_head_come_from_the_cache(made_checkpoint, two_stages, compilations) -> None:
    for _ in range(2):
        open_pose(made_checkpoint(POSE.name), two_stages)
    assert compilations == [(POSE.name, None)]
    assert len(blobs()) == 2


def test_a_damaged_compiled_model_is_compiled_again(made_checkpoint, compilations) -> None:
    expected = open_pose(made_checkpoint(POSE.name)).run(noise(1)).scores
    (blob,) = blobs()
    content = blob.read_bytes()
    for damaged in (b"", b"not a model", content[: len(content) // 2]):
        blob.write_bytes(damaged)
        session = open_pose(made_checkpoint(POSE.name))
        np.testing.assert_array_equal(session.run(noise(1)).scores, expected)
    assert len(compilations) == 4
    open_pose(made_checkpoint(POSE.name))
    assert len(compilations) == 4  # the last one was kept in place of the damaged one


@pytest.mark.skipif(os.name == "nt", reason="paths are checked otherwise")
def test_a_folder_that_cannot_be_written_is_no_error(made_checkpoint, compilations) -> None:
    compiled_dir().parent.mkdir(parents=True)
    compiled_dir().write_text("a file")
    for _ in range(2):
        open_pose(made_checkpoint(POSE.name)).run(noise(1))
    assert len(compilations) == 2


@pytest.mark.slow
def test_processes_that_compile_the_same_model_at_once_share_the_cache() -> None:
    code = (
        "import numpy as np; from rtmpose3d.runtime import RuntimeOptions, open_detector;"
        "from rtmpose3d.zoo import resolve_detector; spec = resolve_detector('rtmdet-n');"
        "options = RuntimeOptions(backend='openvino', precision='fp32');"
        "session = open_detector(spec, spec.file.path, options);"
        "print(session.run(np.full((1, 320, 320, 3), 90, np.uint8))[0].scores.sum())"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    sums = {process.communicate(timeout=300)[0] for process in processes}
    assert all(process.returncode == 0 for process in processes)
    assert len(sums) == 1
    assert len(blobs()) == 1


def test_the_cache_is_bounded_and_drops_what_was_not_used_for_longest(monkeypatch) -> None:
    monkeypatch.setattr(openvino_cache, "MAX_BYTES", 25)
    for i, key in enumerate("abc"):
        openvino_cache.write_compiled(key, b"0123456789")
        path = compiled_dir() / f"{key}.blob"
        if path.exists():
            os.utime(path, (i, i))
        if key == "b":
            assert openvino_cache.read_compiled("a") is not None
    assert [path.stem for path in blobs()] == ["a", "c"]


def test_clear_cache_deletes_the_compiled_models(made_checkpoint) -> None:
    open_pose(made_checkpoint(POSE.name))
    (blob,) = blobs()
    assert blob in clear_cache()
    assert not compiled_dir().exists()
    open_pose(made_checkpoint(POSE.name)).run(noise(1))
