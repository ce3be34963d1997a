"""Shipped graphs with convolutions in fp16: valid files, and keypoints where fp32 puts them."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from drift import demo_crops

from rtmpose3d.codec import keypoints_from_bins
from rtmpose3d.runtime import Device, load_weights
from rtmpose3d.runtime.backends.onnxruntime import open_weights
from rtmpose3d.runtime.graph_files import GRAPH_FOLDER, graph_file
from rtmpose3d.runtime.half_graphs import half_graph
from rtmpose3d.runtime.network import Execution
from rtmpose3d.weights import locate
from rtmpose3d.zoo import MODELS, DetectorSpec, ModelSpec, PoseSpec, resolve_detector, resolve_pose

onnx = pytest.importorskip("onnx")

FP16, FLOAT = 10, 1


def ones(spec: ModelSpec) -> dict[str, np.ndarray]:
    graph = graph_file(spec)
    return {name: np.ones(graph.shapes[name], np.float32) for name in graph.initialisers}


@pytest.mark.parametrize("name", ["rtmw3d-n", "rtmpose-m-256x192", "rtmdet-m", "rtmdet-nano"])
def test_convolutions_are_fp16_without_norms_and_the_head_is_fp32(name: str) -> None:
    spec = resolve_detector(name) if name.startswith("rtmdet") else resolve_pose(name)
    content, arrays = half_graph(graph_file(spec).path.read_bytes(), ones(spec))
    graph = onnx.load_from_string(content).graph
    external = {tensor.name: tensor for tensor in graph.initializer if tensor.external_data}
    assert external.keys() == arrays.keys()
    for key, tensor in external.items():
        assert tuple(tensor.dims) == arrays[key].shape
        wanted = {np.dtype(np.float16): FP16, np.dtype(np.float32): FLOAT}[arrays[key].dtype]
        assert tensor.data_type == wanted
    kinds = [node.op_type for node in graph.node]
    assert "BatchNormalization" not in kinds
    head = ("mlp", "gau", "cls_") if isinstance(spec, PoseSpec) else ("rtm_cls", "rtm_reg")
    for key, array in arrays.items():
        in_head = any(f".{part}" in key for part in head)
        assert (array.dtype == np.float32) == in_head, key


@pytest.mark.slow
def test_every_shipped_graph_is_a_valid_file_in_half_precision() -> None:
    specs = {spec.graph: spec for spec in MODELS.values()}
    assert specs.keys() == {path.stem for path in GRAPH_FOLDER.glob("*.onnx")}
    for spec in specs.values():
        content, _ = half_graph(graph_file(spec).path.read_bytes(), ones(spec))
        model = onnx.load_from_string(content)
        for tensor in model.graph.initializer:  # the checker looks for files
            tensor.ClearField("external_data")
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                tensor.data_location = onnx.TensorProto.DEFAULT
                length = int(np.prod(tensor.dims)) * (2 if tensor.data_type == FP16 else 4)
                tensor.raw_data = bytes(length)
        onnx.checker.check_model(model)
        onnx.shape_inference.infer_shapes(model, strict_mode=True)


def test_keypoints_in_half_precision_stay_within_the_limits_of_drift() -> None:
    spec = resolve_pose("rtmw3d-n")
    path = locate(spec.file, None)
    assert path is not None
    weights = load_weights(spec, path)
    crops = demo_crops(spec)
    names = spec.output_names[:3]
    results = [
        open_weights(spec, weights, Execution(device=Device(kind="cpu"), precision=precision)).run(
            crops, names
        )
        for precision in ("fp32", "fp16")
    ]
    (points, _), (moved, _) = (keypoints_from_bins(bins, spec.codec) for bins, _, _ in results)
    scores, moved_scores = results[0][1], results[1][1]
    offset = (moved - points)[scores > 0]
    distance = np.linalg.norm(offset, axis=1)
    assert np.abs(moved_scores - scores).max() > 0  # it is another arithmetic
    assert np.abs(offset.mean(axis=0)).max() < 0.03
    assert distance.mean() < 0.1
    assert np.percentile(distance, 99) < 0.75


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rtmdet-n", "rtmdet-m"])  # m shares convolutions
def test_boxes_in_half_precision_stay_within_half_a_pixel(made_checkpoint, name: str) -> None:
    spec = resolve_detector(name)
    assert isinstance(spec, DetectorSpec)
    path = locate(spec.file, None) if name == "rtmdet-n" else made_checkpoint(name)
    assert path is not None
    weights = load_weights(spec, path)
    width, height = spec.input_size_wh
    images = np.random.default_rng(0).integers(0, 256, (1, height, width, 3), dtype=np.uint8)
    (boxes, scores), (moved, moved_scores) = (
        open_weights(spec, weights, Execution(device=Device(kind="cpu"), precision=precision)).run(
            images, spec.output_names
        )
        for precision in ("fp32", "fp16")
    )
    assert np.abs(moved_scores - scores).max() < 0.01
    plausible = scores > min(0.05, float(np.quantile(scores, 0.99)))
    assert np.abs(moved - boxes)[plausible].max() < 0.5
    assert np.abs(moved - boxes).max() > 0


def test_onnxruntime_names_what_it_computes_with(made_checkpoint) -> None:
    spec = resolve_pose("rtmw3d-n")
    weights = load_weights(spec, made_checkpoint(spec.name))
    content, arrays = half_graph(
        graph_file(spec).path.read_bytes(),
        {name: weights[name] for name in graph_file(spec).initialisers},
    )
    options = ort.SessionOptions()
    values = [ort.OrtValue.ortvalue_from_numpy(array) for array in arrays.values()]
    options.add_external_initializers(list(arrays), values)
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    assert [node.type for node in session.get_inputs()] == ["tensor(uint8)"]
    assert {node.type for node in session.get_outputs()} == {"tensor(float)", "tensor(int64)"}
