"""ONNX files that others exported: a published RTMDet-nano, mmdeploy's layouts, wrong files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rtmpose3d import BackendError, WeightsError
from rtmpose3d.pipeline import detect_people
from rtmpose3d.runtime import open_detector, open_pose
from rtmpose3d.sources import load_image
from rtmpose3d.zoo import resolve_detector, resolve_pose

NANO = resolve_detector("rtmdet-nano")


@pytest.fixture(scope="module")
def published_nano(shared: Path) -> Path:
    return shared / "samples" / "rtmdet" / "rtmdet-nano_person_640.onnx"


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    common = np.clip(high - low, 0, None).prod()
    return float(common / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - common))


def test_published_nano_finds_the_skier(published_nano: Path, shared: Path) -> None:
    session = open_detector(NANO, published_nano)
    image = load_image(shared / "samples" / "coco" / "000000000785.jpg")
    people = detect_people(session, [image], bbox_thr=0.3)[0]
    assert len(people) == 1
    np.testing.assert_allclose(people.boxes_xyxy[0], [281, 44, 498, 378], atol=1)
    assert people.scores[0] == pytest.approx(0.89, abs=0.01)


def test_published_nano_finds_the_annotated_people(published_nano: Path, shared: Path) -> None:
    session = open_detector(NANO, published_nano)
    folder = shared / "samples" / "coco"
    content = json.loads((folder / "test_coco.json").read_text())
    names = {image["id"]: image["file_name"] for image in content["images"]}
    found = total = 0
    for note in content["annotations"]:
        file = folder / names[note["image_id"]]
        x, y, w, h = note["bbox"]
        if note["iscrowd"] or not file.exists():
            continue
        image = load_image(file)
        if h < image.shape[0] / 5:
            continue
        total += 1
        boxes = detect_people(session, [image], bbox_thr=0.3)[0].boxes_xyxy
        found += any(overlap(box, np.array([x, y, x + w, y + h])) > 0.5 for box in boxes)
    assert total >= 3
    assert found == total


def test_detector_file_runs_images_of_several_sizes_together(
    published_nano: Path, shared: Path
) -> None:
    session = open_detector(NANO, published_nano)
    images = [load_image(file) for file in sorted((shared / "samples" / "coco").glob("*.jpg"))]
    together = detect_people(session, images, bbox_thr=0.3)
    for image, people in zip(images, together, strict=True):
        alone = detect_people(session, [image], bbox_thr=0.3)[0]
        np.testing.assert_array_equal(people.boxes_xyxy, alone.boxes_xyxy)


def test_detector_file_is_no_pose_model(published_nano: Path) -> None:
    with pytest.raises(WeightsError, match=r"expected one input \(N, 3, 256, 192\)"):
        open_pose(resolve_pose("dwpose-t-256x192"), published_nano)


def test_broken_onnx_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.onnx"
    file.write_bytes(b"not a model")
    with pytest.raises(BackendError, match=r"broken\.onnx"):
        open_detector(NANO, file)


def finished_boxes_file(path: Path) -> Path:
    """A detector as mmdeploy exports it: boxes with scores, and labels."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto
    dets = np.array([[[10, 20, 110, 220, 0.9], [300, 40, 380, 300, 0.6]]], np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMin", ["input"], ["low"], keepdims=0),
            helper.make_node("Mul", ["low", "zero"], ["none"]),
            helper.make_node("Add", ["boxes", "none"], ["dets"]),
            helper.make_node("Identity", ["classes"], ["labels"]),
        ],
        "detector",
        [helper.make_tensor_value_info("input", kind.FLOAT, [1, 3, 320, 416])],
        [
            helper.make_tensor_value_info("dets", kind.FLOAT, [1, 2, 5]),
            helper.make_tensor_value_info("labels", kind.INT64, [1, 2]),
        ],
        [
            onnx.numpy_helper.from_array(dets, "boxes"),
            onnx.numpy_helper.from_array(np.float32(0), "zero"),
            onnx.numpy_helper.from_array(np.zeros((1, 2), np.int64), "classes"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def test_mmdeploy_detector_file_gives_boxes_of_the_image(tmp_path: Path) -> None:
    session = open_detector(NANO, finished_boxes_file(tmp_path / "det.onnx"))
    assert session.input_size_wh == (416, 320)
    image = np.zeros((640, 832, 3), np.uint8)  # twice the input
    people = detect_people(session, [image], bbox_thr=0.5)[0]
    np.testing.assert_allclose(people.boxes_xyxy, [[20, 40, 220, 440], [600, 80, 760, 600]])
    np.testing.assert_allclose(people.scores, [0.9, 0.6])
