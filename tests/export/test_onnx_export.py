"""Exported ONNX files: self-contained, equal to torch, read back by the same pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="export needs the extra export")
pytest.importorskip("onnxscript", reason="export needs the extra export")

import onnx
import onnxruntime

from rtmpose3d import InputError, RTMPose3D, WeightsError
from rtmpose3d.codec import keypoints_from_bins
from rtmpose3d.export import export_onnx
from rtmpose3d.export import onnx_file as exporting
from rtmpose3d.export.graphs import make_graph
from rtmpose3d.geometry.crop import apply_affine, crop_people
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.zoo import PoseSpec, resolve

Maker = Callable[[str], Path]
BOXES = np.array([[20.0, 30, 110, 220], [60, 10, 150, 230]])


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.repeat(np.repeat(rng.integers(0, 256, (24, 20, 3), np.uint8), 10, 0), 10, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dwpose-t-256x192", "rtmw-m-256x192", "rtmdet-nano"])
def test_shipped_graph_is_what_the_network_gives_today(name: str) -> None:
    """Compared by what they do: torch's exporter may name and order nodes differently."""
    spec = resolve(name)
    shipped = onnx.load(graph_file(spec).path, load_external_data=False)
    made = make_graph(spec)

    def operators(proto: onnx.ModelProto) -> list[str]:
        return sorted(node.op_type for node in proto.graph.node)

    def weights(proto: onnx.ModelProto) -> dict[str, list[int]]:
        return {t.name: list(t.dims) for t in proto.graph.initializer if t.external_data}

    assert weights(shipped) == weights(made)
    assert set(weights(shipped)) == set(graph_file(spec).initialisers)
    assert operators(shipped) == operators(made)
    assert [o.name for o in shipped.graph.output] == [o.name for o in made.graph.output]


def test_shipped_graphs_hold_no_path_and_no_source() -> None:
    folder = graph_file(resolve("rtmw3d-l")).path.parent
    for file in folder.glob("*.onnx"):
        content = file.read_bytes()
        assert b".py" not in content, file.name
        assert b"stack_trace" not in content, file.name


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["rtmpose3d", "mmdeploy"])
def test_exported_pose_file_gives_the_checkpoints_results(
    layout: str, made_checkpoint: Maker, image: np.ndarray, tmp_path: Path
) -> None:
    name = "dwpose-t-256x192"
    checkpoint = made_checkpoint(name)
    out = tmp_path / "pose.onnx"
    report = export_onnx(name, out, checkpoint=checkpoint, layout=layout)  # type: ignore[arg-type]
    assert report.path == out
    assert report.size_bytes == out.stat().st_size
    assert report.different_bins == 0
    assert set(report.max_difference) >= {"simcc_x", "simcc_y"}
    assert max(report.max_difference.values()) < 1e-3
    from_file, from_checkpoint = (
        RTMPose3D.from_pretrained(name, pose_checkpoint=file, detector=None, precision="fp32")
        for file in (out, checkpoint)
    )
    a, b = from_file(image, boxes=BOXES), from_checkpoint(image, boxes=BOXES)
    np.testing.assert_allclose(a.keypoints_2d, b.keypoints_2d, atol=0.01)
    np.testing.assert_allclose(a.scores, b.scores, atol=5e-4)
    np.testing.assert_allclose(a.confidence, b.confidence, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dwpose-t-256x192", "rtmw3d-n"])
def test_the_layout_keypoints_gives_keypoints_and_is_still_a_model(
    name: str, made_checkpoint: Maker, image: np.ndarray, tmp_path: Path
) -> None:
    spec = resolve(name)
    assert isinstance(spec, PoseSpec)
    checkpoint = None if name == "rtmw3d-n" else made_checkpoint(name)
    out = tmp_path / "pose.onnx"
    report = export_onnx(name, out, checkpoint=checkpoint, layout="keypoints")
    assert report.max_difference["keypoints"] < 1e-4
    crops, image_from_crop = crop_people(image, BOXES, spec.input_size_wh)
    session = onnxruntime.InferenceSession(out.read_bytes(), providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_outputs()] == ["keypoints", *spec.output_names]
    keypoints, bins = session.run(["keypoints", "bins"], {"crops": crops})
    pixels, depth_m = keypoints_from_bins(bins, spec.codec)
    np.testing.assert_allclose(keypoints[..., :2], pixels, atol=1e-5)
    if depth_m is not None:
        np.testing.assert_allclose(keypoints[..., 2], depth_m, atol=1e-5)
    model = RTMPose3D.from_pretrained(out, detector=None, flip_test=False, precision="fp32")
    assert model.config.model == name
    result = model(image, boxes=BOXES)
    located = apply_affine(image_from_crop, keypoints[..., :2])
    sure = result.scores > 0
    np.testing.assert_allclose(result.keypoints_2d[sure], located[sure], atol=0.01)


def test_detectors_have_no_keypoints(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="layout 'keypoints' is for pose models"):
        export_onnx("rtmdet-nano", tmp_path / "a.onnx", layout="keypoints")


@pytest.mark.slow
def test_exported_file_needs_nothing_else(made_checkpoint: Maker, tmp_path: Path) -> None:
    out = tmp_path / "alone" / "pose.onnx"
    out.parent.mkdir()
    export_onnx("dwpose-t-256x192", out, checkpoint=made_checkpoint("dwpose-t-256x192"))
    session = onnxruntime.InferenceSession(out.read_bytes(), providers=["CPUExecutionProvider"])
    for people in (1, 5):
        crops = np.zeros((people, 256, 192, 3), np.uint8)
        bins, scores, confidence, simcc_x, simcc_y = session.run(None, {"crops": crops})
        assert bins.shape == (people, 133, 2)
        assert scores.shape == confidence.shape == (people, 133)
        assert (simcc_x.shape[2], simcc_y.shape[2]) == (384, 512)
    assert session.get_modelmeta().custom_metadata_map["rtmpose3d.model"] == "dwpose-t-256x192"
    onnx.checker.check_model(onnx.load(out))


@pytest.mark.slow
def test_exported_detector_gives_the_checkpoints_boxes(
    made_checkpoint: Maker, image: np.ndarray, tmp_path: Path
) -> None:
    out = tmp_path / "det.onnx"
    checkpoint = made_checkpoint("rtmdet-nano")
    export_onnx("rtmdet-nano", out, checkpoint=checkpoint)
    pose = made_checkpoint("dwpose-t-256x192")
    results = [
        RTMPose3D.from_pretrained(
            "dwpose-t-256x192",
            pose_checkpoint=pose,
            detector="rtmdet-nano",
            detector_checkpoint=file,
        )(image, bbox_thr=0.1)
        for file in (out, checkpoint)
    ]
    np.testing.assert_allclose(results[0].bboxes, results[1].bboxes, atol=0.1)
    np.testing.assert_allclose(results[0].bbox_scores, results[1].bbox_scores, atol=1e-3)


@pytest.mark.slow
def test_file_that_differs_from_torch_is_not_written(
    made_checkpoint: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(proto: onnx.ModelProto, weights: dict[str, np.ndarray]) -> onnx.ModelProto:
        return real(proto, {key: value * 1.01 for key, value in weights.items()})

    real = exporting._with_weights
    monkeypatch.setattr(exporting, "_with_weights", spoiled)
    with pytest.raises(WeightsError, match="differs from torch"):
        export_onnx(
            "dwpose-t-256x192",
            tmp_path / "pose.onnx",
            checkpoint=made_checkpoint("dwpose-t-256x192"),
        )
    assert list(tmp_path.iterdir()) == []


def test_only_bins_where_torch_is_sure_count_as_different() -> None:
    """Three keypoints of one person on one axis: sure and equal, sure and different, unsure."""
    simcc = np.zeros((1, 3, 8), np.float32)
    simcc[0, [0, 1, 2], [2, 5, 6]] = [1.0, 1.0, exporting.LOGIT_TOLERANCE / 2]
    theirs = np.array([[[2], [5], [6]]])
    assert exporting._different_bins(theirs, theirs, [simcc]) == 0
    assert exporting._different_bins(np.array([[[2], [5], [1]]]), theirs, [simcc]) == 0
    assert exporting._different_bins(np.array([[[2], [4], [1]]]), theirs, [simcc]) == 1
    assert exporting._different_bins(np.array([[[1], [4], [1]]]), theirs, [simcc]) == 2


def test_a_file_of_a_3d_model_describes_its_codec() -> None:
    spec = resolve("rtmw3d-n")
    proto = onnx.ModelProto()
    exporting._describe(proto, spec, "mmdeploy")
    entries = {entry.key.removeprefix("rtmpose3d."): entry.value for entry in proto.metadata_props}
    assert (entries["model"], entries["layout"], entries["task"]) == (
        "rtmw3d-n",
        "mmdeploy",
        spec.task,
    )
    assert isinstance(spec, PoseSpec)
    assert float(entries["split_ratio"]) == spec.codec.split_ratio
    assert float(entries["depth_size"]) == spec.codec.depth_size
    assert float(entries["depth_range_m"]) == spec.codec.depth_range_m


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"out": "pose.pt"}, r"must end in \.onnx"),
        ({"layout": "coreml"}, "layout must be"),
        ({"model": "rtmdet-nano", "layout": "mmdeploy"}, "pose models"),
        ({"opset": 11}, "opset must be at least 18"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], text: str) -> None:
    call: dict[str, object] = {"model": "dwpose-t-256x192", "out": "pose.onnx", **arguments}
    with pytest.raises(InputError, match=text):
        export_onnx(**call)  # type: ignore[arg-type]


@pytest.mark.slow
def test_onnx_file_of_another_model_is_refused(made_checkpoint: Maker, tmp_path: Path) -> None:
    out = tmp_path / "pose.onnx"
    export_onnx("dwpose-t-256x192", out, checkpoint=made_checkpoint("dwpose-t-256x192"))
    with pytest.raises(WeightsError, match="holds dwpose-t-256x192"):
        RTMPose3D.from_pretrained("rtmw3d-l", pose_checkpoint=out, detector=None)
    with pytest.raises(InputError, match="ONNX file"):
        RTMPose3D.from_pretrained(
            "dwpose-t-256x192", pose_checkpoint=out, detector=None, backend="torch"
        )
