"""ONNX files of other tools run as what they are, or are refused with what they have."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from foreign_onnx import save_foreign

from rtmpose3d import BackendError, WeightsError
from rtmpose3d.pipeline import detect_people
from rtmpose3d.runtime import RuntimeOptions, open_detector, open_pose
from rtmpose3d.zoo import resolve_detector, resolve_pose

POSE = resolve_pose("rtmpose-m-256x192")
POSE_3D = resolve_pose("rtmw3d-n")
NANO = resolve_detector("rtmdet-nano")
CPU = RuntimeOptions(device="cpu", threads=1)
WIDTH, HEIGHT = POSE.input_size_wh


def simcc(spec=POSE, *, keypoints: int = 133, kind: type = np.float32) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    names = ("simcc_x", "simcc_y", "simcc_z")
    return {
        name: rng.normal(0.3, 0.4, (1, keypoints, bins)).astype(kind)
        for name, bins in zip(names, spec.codec.bins, strict=False)
    }


def images(count: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    levels = np.linspace(20, 230, count).astype(np.uint8)
    return np.ones((count, height, width, 3), np.uint8) * levels[:, None, None, None]


@pytest.fixture
def plain_scores(tmp_path: Path) -> np.ndarray:
    file = save_foreign(tmp_path / "plain.onnx", simcc(), ("batch", 3, HEIGHT, WIDTH))
    return open_pose(POSE, file, CPU).run(images(6)).scores


# Pose


@pytest.mark.parametrize("keypoints", [17, 26])
def test_another_number_of_keypoints_is_refused(tmp_path: Path, keypoints: int) -> None:
    file = save_foreign(
        tmp_path / "body.onnx", simcc(keypoints=keypoints), ("batch", 3, HEIGHT, WIDTH)
    )
    with pytest.raises(WeightsError, match=rf"\(N, 133, bins\).*simcc_x \[.*, {keypoints}"):
        open_pose(POSE, file, CPU)


def test_keypoints_that_are_not_declared_are_counted_when_it_runs(tmp_path: Path) -> None:
    shapes = {"simcc_x": ("batch", "k", 384), "simcc_y": ("batch", "k", 512)}
    free = ("batch", 3, HEIGHT, WIDTH)
    good = save_foreign(tmp_path / "133.onnx", simcc(), free, shapes=shapes)
    assert open_pose(POSE, good, CPU).run(images(2)).scores.shape == (2, 133)
    bad = save_foreign(tmp_path / "17.onnx", simcc(keypoints=17), free, shapes=shapes)
    with pytest.raises((WeightsError, BackendError), match="17"):
        open_pose(POSE, bad, CPU).run(images(1))


@pytest.mark.parametrize("batch", [1, 2, 4, 7])
def test_a_fixed_batch_is_filled_up(tmp_path: Path, plain_scores, batch: int) -> None:
    file = save_foreign(tmp_path / "fixed.onnx", simcc(), (batch, 3, HEIGHT, WIDTH))
    session = open_pose(POSE, file, CPU)
    np.testing.assert_array_equal(session.run(images(6)).scores, plain_scores)
    np.testing.assert_array_equal(session.run(images(6)[:1]).scores, plain_scores[:1])


def test_half_precision_runs(tmp_path: Path, plain_scores) -> None:
    file = save_foreign(
        tmp_path / "half.onnx",
        simcc(kind=np.float16),
        ("batch", 3, HEIGHT, WIDTH),
        input_type=np.float16,
    )
    decoded = open_pose(POSE, file, CPU).run(images(6))
    assert decoded.scores.dtype == np.float32
    np.testing.assert_allclose(decoded.scores, plain_scores, atol=2e-3)


def test_outputs_in_another_order_are_distinguished_by_name_or_by_bins(
    tmp_path: Path, plain_scores
) -> None:
    arrays = simcc()
    reversed_ = dict(reversed(arrays.items()))
    renamed = {"out1": arrays["simcc_y"], "out0": arrays["simcc_x"]}
    for i, outputs in enumerate((reversed_, renamed)):
        file = save_foreign(tmp_path / f"{i}.onnx", outputs, ("batch", 3, HEIGHT, WIDTH))
        session = open_pose(POSE, file, CPU)
        np.testing.assert_array_equal(session.run(images(6)).scores, plain_scores)
        assert [axis.shape[2] for axis in session.run_simcc(images(1))] == [384, 512]


def test_depth_is_distinguished_from_x_by_its_name(tmp_path: Path) -> None:
    arrays = simcc(POSE_3D)
    width, height = POSE_3D.input_size_wh
    first = save_foreign(tmp_path / "xyz.onnx", arrays, ("batch", 3, height, width))
    reversed_ = dict(reversed(arrays.items()))
    second = save_foreign(tmp_path / "zyx.onnx", reversed_, ("batch", 3, height, width))
    crops = images(2, width, height)
    bins = [open_pose(POSE_3D, file, CPU).run(crops).bins for file in (first, second)]
    np.testing.assert_array_equal(bins[0], bins[1])


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"heatmap": np.zeros((1, 133, 64, 48), np.float32)}, "heatmap"),
        ({**simcc(), "more": np.zeros((1, 3), np.float32)}, "more"),
        ({name: array[0] for name, array in simcc().items()}, r"simcc_x \[.*384\] float32"),
    ],
)
def test_other_outputs_are_refused_with_what_they_are(tmp_path: Path, outputs, message) -> None:
    file = save_foreign(tmp_path / "other.onnx", outputs, ("batch", 3, HEIGHT, WIDTH))
    with pytest.raises(WeightsError, match=message):
        open_pose(POSE, file, CPU)


@pytest.mark.parametrize(
    "shape", [("batch", HEIGHT, WIDTH, 3), ("batch", 1, HEIGHT, WIDTH), ("batch", 3, "h", "w")]
)
def test_other_inputs_are_refused(tmp_path: Path, shape) -> None:
    file = save_foreign(tmp_path / "other.onnx", simcc(), shape)
    with pytest.raises(WeightsError, match=r"expected one input \(N, 3, 256, 192\) of floats"):
        open_pose(POSE, file, CPU)


# Detectors

BOXES = np.array([[[10, 20, 110, 220, 0.9], [200, 40, 300, 300, 0.8]]], np.float32)


def people_of(file: Path, count: int = 1) -> list[np.ndarray]:
    session = open_detector(NANO, file, CPU)
    width, height = session.input_size_wh
    found = detect_people(session, list(images(count, width, height)), bbox_thr=0.3)
    return [people.boxes_xyxy for people in found]


@pytest.mark.parametrize("kind", [np.int64, np.int32])
@pytest.mark.parametrize("reverse", [False, True])
def test_objects_of_other_classes_are_no_people(tmp_path: Path, kind, reverse: bool) -> None:
    outputs = {"dets": BOXES, "labels": np.array([[16, 0]]).astype(kind)}
    if reverse:
        outputs = dict(reversed(outputs.items()))
    (boxes,) = people_of(save_foreign(tmp_path / "coco.onnx", outputs, (1, 3, 320, 416)))
    assert len(boxes) == 1
    np.testing.assert_allclose(boxes[0], [200, 40, 300, 300], atol=1)


@pytest.mark.parametrize("names", [("boxes", "classes"), ("labels", "dets")])
def test_boxes_are_distinguished_from_labels_by_their_shape(tmp_path: Path, names) -> None:
    outputs = {names[0]: BOXES, names[1]: np.zeros((1, 2), np.int64)}
    (boxes,) = people_of(save_foreign(tmp_path / "det.onnx", outputs, (1, 3, 320, 416)))
    assert len(boxes) == 2


def test_a_detector_of_any_size_gets_images_of_the_tables_size(tmp_path: Path) -> None:
    outputs = {"dets": BOXES, "labels": np.zeros((1, 2), np.int64)}
    file = save_foreign(tmp_path / "dynamic.onnx", outputs, ("batch", 3, "height", "width"))
    assert open_detector(NANO, file, CPU).input_size_wh == NANO.input_size_wh
    assert len(people_of(file)[0]) == 2


def raw_maps(classes: int, size_wh: tuple[int, int] = (96, 64)) -> dict[str, np.ndarray]:
    """A person in one cell of the middle scale, another class in all cells."""
    width, height = size_wh
    maps = {}
    for stride in (8, 16, 32):
        logits = np.full((1, classes, height // stride, width // stride), 3, np.float32)
        logits[0, 0] = -9
        maps[f"cls_{stride}"] = logits
        maps[f"reg_{stride}"] = np.full((1, 4, *logits.shape[2:]), 12, np.float32)
    maps["cls_16"][0, 0, 1, 4] = 2
    return maps


@pytest.mark.parametrize("classes", [1, 3, 4, 80])
@pytest.mark.parametrize("order", ["classes first", "interleaved", "coarse first"])
def test_raw_maps_of_many_classes_give_the_people(tmp_path: Path, classes: int, order: str) -> None:
    maps = raw_maps(classes)
    names = list(maps)
    if order == "classes first":
        names = sorted(maps, key=lambda name: (name[:3], int(name[4:])))
    elif order == "coarse first":
        names = names[::-1]
    file = tmp_path / "raw.onnx"
    save_foreign(file, {name: maps[name] for name in names}, (1, 3, 64, 96))
    if classes == 4 and order != "classes first":  # cannot be distinguished from distances
        with pytest.raises((WeightsError, BackendError)):
            people_of(file)
        return
    (boxes,) = people_of(file)
    assert len(boxes) == 1
    np.testing.assert_allclose(boxes[0], [64 - 12, 16 - 12, 64 + 12, 16 + 12], atol=0.5)


@pytest.mark.parametrize("batch", [2, 4])
def test_a_detector_of_a_fixed_batch_gives_each_image_its_boxes(tmp_path: Path, batch: int) -> None:
    outputs = {"dets": BOXES, "labels": np.zeros((1, 2), np.int64)}
    shapes = {"labels": ("batch", 2)}
    fixed = save_foreign(tmp_path / "fixed.onnx", outputs, (batch, 3, 320, 416), shapes=shapes)
    single = save_foreign(tmp_path / "single.onnx", outputs, (1, 3, 320, 416))
    for ours, expected in zip(people_of(fixed, 3), people_of(single, 3), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-4)
    raw = save_foreign(tmp_path / "raw.onnx", raw_maps(80), (batch, 3, 64, 96))
    assert [len(boxes) for boxes in people_of(raw, 3)] == [1, 1, 1]


def test_half_precision_detectors_run(tmp_path: Path) -> None:
    outputs = {"dets": BOXES.astype(np.float16), "labels": np.zeros((1, 2), np.int64)}
    file = save_foreign(tmp_path / "h.onnx", outputs, (1, 3, 320, 416), input_type=np.float16)
    (boxes,) = people_of(file)
    assert boxes.dtype == np.float32
    assert len(boxes) == 2


@pytest.mark.parametrize(
    ("outputs", "shapes"),
    [
        ({"dets": BOXES[..., :4], "labels": np.zeros((1, 2), np.int64)}, ("batch", "n", "five")),
        ({"dets": BOXES, "labels": np.zeros((1, 3), np.int64)}, ("batch", "n", 5)),
        ({"dets": BOXES[0, :1], "labels": np.zeros((1, 3), np.int64)}, ("n", 5)),
        ({"dets": np.float32(BOXES[..., None]), "labels": np.zeros((1, 2), np.int64)}, None),
    ],
)
def test_boxes_of_odd_shapes_are_an_error_of_ours(tmp_path: Path, outputs, shapes) -> None:
    declared = {"labels": ("batch", "p")} | ({} if shapes is None else {"dets": shapes})
    file = save_foreign(tmp_path / "odd.onnx", outputs, (1, 3, 320, 416), shapes=declared)
    with pytest.raises((WeightsError, BackendError), match=r"odd\.onnx"):
        people_of(file)


def test_maps_of_another_size_are_an_error_of_ours(tmp_path: Path) -> None:
    maps = raw_maps(80, (160, 160))
    names = sorted(maps, key=lambda name: (name[:3], int(name[4:])))
    file = save_foreign(tmp_path / "odd.onnx", {n: maps[n] for n in names}, (1, 3, 64, 96))
    with pytest.raises(BackendError, match=r"cls_8.*expected class maps"):
        people_of(file)


# Names and zips


@pytest.mark.parametrize("name", ["MODEL.ONNX", "model", "model.bin", "weights.pth"])
def test_a_file_is_recognised_by_its_content(tmp_path: Path, plain_scores, name: str) -> None:
    file = tmp_path / name
    shutil.copy(tmp_path / "plain.onnx", file)
    np.testing.assert_array_equal(open_pose(POSE, file, CPU).run(images(6)).scores, plain_scores)


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_as_mmdeploy_packs_it_is_read_directly(
    tmp_path: Path, plain_scores, packing: int
) -> None:
    archive_path = tmp_path / "rtmpose-m.zip"
    with zipfile.ZipFile(archive_path, "w", packing) as archive:
        archive.write(tmp_path / "plain.onnx", "20230831/rtmpose_onnx/rtmpose-m/end2end.onnx")
        archive.writestr("20230831/rtmpose_onnx/rtmpose-m/deploy.json", "{}")
    session = open_pose(POSE, archive_path, CPU)
    np.testing.assert_array_equal(session.run(images(6)).scores, plain_scores)
