"""Arguments of wrong types and contradicting ones: errors of the package, never of Python."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from fake_sessions import open_crops, open_people, paint_image
from rtmpose3d import (
    Camera,
    InputError,
    RTMPose3D,
    RTMPose3DConfig,
    RTMPose3DError,
    RTMPose3DInference,
    UnknownNameError,
    WeightsError,
)
from rtmpose3d.api import opening
from rtmpose3d.api.weights_names import find_file_model
from rtmpose3d.geometry import Distortion
from rtmpose3d.sources import load_calibration
from rtmpose3d.weights import write_torch_file
from rtmpose3d.zoo import MODELS

SIZE_WH = (160, 120)
PEOPLE = {
    10: (np.array([[10, 15, 60, 110]], np.float32), np.array([0.9])),
    0: (np.zeros((0, 4), np.float32), np.zeros(0)),
}
WRONG = (None, True, 0, -1, 1.5, float("nan"), "x", "", b"x", [], {}, [[]], [None], object(), int)
WRONG_ARRAYS = (np.zeros(0), np.zeros((3, 3)), np.array("x"), np.array([None]))


@pytest.fixture(autouse=True)
def fake_networks(monkeypatch):
    """Networks that are rules, so that no weights are read."""
    monkeypatch.setattr(opening, "open_pose", lambda spec, path, options: open_crops(spec.name)[0])
    monkeypatch.setattr(
        opening, "open_detector", lambda spec, path, options=None: open_people(PEOPLE, SIZE_WH)[0]
    )


@pytest.fixture
def image() -> np.ndarray:
    return paint_image(10, SIZE_WH)


@pytest.fixture
def model() -> RTMPose3D:
    return RTMPose3D.from_pretrained("rtmw3d-n", device="cpu")


@pytest.mark.parametrize("value", [*WRONG, *WRONG_ARRAYS], ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize(
    "name",
    [
        *("image", "bbox_thr", "single_person", "return_tensors", "boxes", "camera"),
        *("root_depth_m", "height_m", "axes"),
    ],
)
def test_a_call_with_a_wrong_value_works_or_raises_an_error_of_the_package(
    model, image, name, value
):
    arguments = {"image": image, name: value}
    with suppress(RTMPose3DError):
        model(**arguments)


@pytest.mark.parametrize("value", WRONG, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize(
    "name",
    [
        *("device", "backend", "precision", "threads", "model_size", "pose_checkpoint"),
        *("detector_checkpoint", "detector", "cache_dir", "bbox_thr", "flip_test"),
        *("detector_config", "pose_config"),
    ],
)
def test_loading_with_a_wrong_value_works_or_raises_an_error_of_the_package(
    name, value, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with suppress(RTMPose3DError):
        RTMPose3D.from_pretrained("rtmw3d-n", **{name: value})
    if name not in ("threads", "device") and value is not None:
        with suppress(RTMPose3DError):
            RTMPose3DConfig(**{"model": "rtmw3d-n", name: value})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"bbox_thr": "0.3"}, "bbox_thr must be a number, got '0.3' .str."),
        ({"single_person": 1}, "single_person must be True or False, got 1"),
        ({"camera": "x"}, "calibration file x: expected .yml"),
        ({"camera": "x.toml"}, "calibration file x.toml does not exist"),
        ({"camera": "exif"}, "Camera.from_exif"),
        ({"camera": 0.5j}, "camera must be"),
        ({"camera": 200}, "fov_deg"),
        ({"camera": np.eye(4)}, "expected a finite 3x3 matrix"),
        ({"height_m": 178}, "178 cm are 1.78 m"),
        ({"height_m": "tall"}, "height_m must be a stature in metres"),
        ({"root_depth_m": "far"}, "root_depth_m must be metres"),
    ],
)
def test_wrong_values_are_named(model, image, arguments, words):
    with pytest.raises(InputError, match=words):
        model(image, **arguments)


def test_a_camera_may_be_given_as_degrees_or_as_a_matrix(model, image):
    size = {"width": SIZE_WH[0], "height": SIZE_WH[1]}
    k = np.array([[150.0, 0, 75], [0, 151, 62], [0, 0, 1]])
    by_degrees = Camera.from_fov(**size, fov_deg=62)
    by_matrix = Camera(fx=150, fy=151, cx=75, cy=62, **size)
    for given in (62, np.float32(62), np.int64(62)):
        assert model(image, camera=given).camera == by_degrees
    for given in (k, k.tolist(), list(k), tuple(map(tuple, k))):
        assert model(image, camera=given).camera == by_matrix
    default = Camera.from_fov(**size)
    cameras = [result.camera for result in model([image] * 4, camera=[62, k, None, by_matrix])]
    assert cameras == [by_degrees, by_matrix, default, by_matrix]
    cameras = [result.camera for result in model([image] * 2, camera=np.stack([k, k]))]
    assert cameras == [by_matrix, by_matrix]
    assert model([image] * 3, camera=k)[2].camera == by_matrix, "one for all images"


def test_a_camera_may_be_given_as_a_calibration_file(model, image, tmp_path):
    path = tmp_path / "lens.json"
    k = [[300, 0, 150], [0, 302, 124], [0, 0, 1]]
    document = {"camera_matrix": k, "dist_coeffs": [-0.3, 0.1, 0, 0, 0]}
    size = {"image_width": 2 * SIZE_WH[0], "image_height": 2 * SIZE_WH[1]}
    path.write_text(json.dumps(document | size))
    expected = Camera(
        fx=150,
        fy=151,
        cx=75,
        cy=62,
        width=SIZE_WH[0],
        height=SIZE_WH[1],
        distortion=Distortion(coefficients=(-0.3, 0.1, 0, 0, 0)),
    )

    for given in (path, str(path), load_calibration(path)):
        result = model(image, camera=given)
        assert result.camera == expected
        assert result.camera.source == "calibration"
    several = model([image] * 2, camera=[path, None])
    assert [result.camera.source for result in several] == ["calibration", "assumed"]
    (streamed,) = model.stream([image], camera=path, track=False)
    assert streamed.camera == expected


def test_a_lens_that_distorts_moves_3d_and_not_2d(model, image):
    plain = Camera.from_fov(width=SIZE_WH[0], height=SIZE_WH[1], fov_deg=90)
    barrel = replace(plain, distortion=Distortion(coefficients=(-0.2, 0.02, 0, 0)))
    without, with_lens = (model(image, camera=c, root_depth_m=3) for c in (plain, barrel))

    np.testing.assert_array_equal(with_lens.keypoints_2d, without.keypoints_2d)
    seen = barrel.project(with_lens.keypoints_camera.astype(np.float64))
    np.testing.assert_allclose(seen, with_lens.keypoints_2d, atol=1e-3)
    radius = np.linalg.norm(without.keypoints_camera[..., :2], axis=-1)
    moved = np.linalg.norm(with_lens.keypoints_camera[..., :2], axis=-1) - radius
    assert (moved[radius > 0.3] > 0).all(), "a barrel shows the margin nearer to the middle"


@pytest.mark.parametrize("create", [RTMPose3D, RTMPose3D.from_pretrained])
def test_a_model_is_created_by_its_name(create):
    assert create("rtmw3d-n").config == RTMPose3DConfig(model="rtmw3d-n")
    with pytest.raises(UnknownNameError, match="did you mean 'rtmw3d-n'"):
        create("rtmw3d-nn")


@pytest.mark.parametrize("name", ["", "  ", None, 0, False, b"rtmw3d-n", ["rtmw3d-n"]])
def test_a_name_that_is_none_is_refused(name):
    for create in (RTMPose3D, RTMPose3D.from_pretrained, RTMPose3DConfig.from_pretrained):
        with pytest.raises(InputError, match=r"name of a model|name of the model is empty"):
            create(name)


@pytest.mark.parametrize(
    ("name", "size"), [("rtmw3d-n", "l"), ("rtmpose3d-x", "l"), ("rtmw-l", "l"), ("rtmw-l", "x")]
)
def test_a_size_that_contradicts_the_name_is_an_error(name, size):
    with pytest.raises(InputError, match=f"model_size '{size}' contradicts model"):
        RTMPose3DConfig.from_pretrained(name, model_size=size)


def test_the_hub_name_has_every_size():
    for size in "nlx":
        config = RTMPose3DConfig.from_pretrained("rbarac/rtmpose3d", model_size=size)
        assert config.model == f"rtmw3d-{size}"
    assert RTMPose3DConfig.from_pretrained("rtmw3d-n", model_size="n").model == "rtmw3d-n"


def test_a_size_that_contradicts_a_saved_folder_is_an_error(tmp_path):
    RTMPose3DConfig(model="rtmw3d-n").save_pretrained(tmp_path)
    with pytest.raises(InputError, match="contradicts model 'rtmw3d-n'"):
        RTMPose3DConfig.from_pretrained(tmp_path, model_size="l")


def test_a_folder_without_configuration_and_weights_is_an_error(tmp_path):
    (tmp_path / "photo.jpg").touch()
    for settings in ({}, {"model_size": "x"}, {"model": "rtmw-l"}):
        with pytest.raises(WeightsError, match=r"holds neither a config.json"):
            RTMPose3DConfig.from_pretrained(tmp_path, **settings)


def test_a_folder_of_published_files_is_the_model_whose_file_it_holds(tmp_path):
    (tmp_path / MODELS["rtmw3d-x"].file.name).touch()
    (tmp_path / MODELS["rtmdet-m"].file.name).touch()
    config = RTMPose3DConfig.from_pretrained(tmp_path)
    assert (config.model, config.model_size, config.cache_dir) == ("rtmw3d-x", "x", str(tmp_path))
    (tmp_path / MODELS["rtmw-l-384x288"].file.name).touch()
    with pytest.raises(WeightsError, match="the weights of rtmw3d-x, rtmw-l-384x288; choose one"):
        RTMPose3DConfig.from_pretrained(tmp_path)
    assert RTMPose3DConfig.from_pretrained(tmp_path, model="rtmw-l").model == "rtmw-l-384x288"
    with pytest.raises(WeightsError, match="published weights of rtmw3d-l"):
        RTMPose3DConfig.from_pretrained(tmp_path, model_size="l")


def onnx_file(path: Path, **metadata: str) -> Path:
    """The bytes of an ONNX file: version, a graph that is skipped, and metadata."""
    data = b"\x08\x0a" + b"\x3a\xac\x02" + b"\x00" * 300
    for key, value in metadata.items():
        key = key.replace("_", ".").encode()
        entry = b"\x0a" + bytes([len(key)]) + key + b"\x12" + bytes([len(value)]) + value.encode()
        data += b"\x72" + bytes([len(entry)]) + entry
    path.write_bytes(data)
    return path


def test_a_weights_file_that_names_its_model_is_enough(tmp_path):
    bundled = MODELS["rtmw3d-n"].file.path
    trained = tmp_path / "best.pth"
    weights = {"a": np.zeros(3, np.float32)}
    write_torch_file(trained, weights, {"meta": {"model": "rtmw3d-x", "step": 3}})
    exported = onnx_file(tmp_path / "mine.ONNX", other="x", rtmpose3d_model="rtmw-l-384x288")
    for file, name in ((bundled, "rtmw3d-n"), (trained, "rtmw3d-x"), (exported, "rtmw-l-384x288")):
        for given in (file, str(file)):
            config = RTMPose3DConfig.from_pretrained(given)
            assert (config.model, config.pose_checkpoint) == (name, str(file))
    with pytest.raises(InputError, match="contradicts model 'rtmw3d-x'"):
        RTMPose3DConfig.from_pretrained(trained, model_size="l")


def test_a_weights_file_that_does_not_name_its_model_says_what_to_pass(tmp_path):
    plain = tmp_path / "best.pth"
    write_torch_file(plain, {"a": np.zeros(3, np.float32)}, {})
    for file in (plain, onnx_file(tmp_path / "a.onnx"), onnx_file(tmp_path / "b.onnx", x="y")):
        with pytest.raises(InputError, match=r"does not say of which model; .*pose_checkpoint="):
            RTMPose3DConfig.from_pretrained(file)
    with pytest.raises(
        InputError, match=r"weights of the detector rtmdet-n; .*detector_checkpoint"
    ):
        RTMPose3DConfig.from_pretrained(MODELS["rtmdet-n"].file.path)
    with pytest.raises(InputError, match=r"there is no weights file 'gone.pth'"):
        RTMPose3DConfig.from_pretrained("gone.pth")
    with pytest.raises(InputError, match=r"an address, not the name of a model; .*pose_checkpoint"):
        RTMPose3DConfig.from_pretrained("https://host/best.pth")
    (tmp_path / "text.pth").write_text("{}")
    with pytest.raises(WeightsError, match="JSON text"):
        RTMPose3DConfig.from_pretrained(tmp_path / "text.pth")


@pytest.mark.parametrize("data", [b"", b"\x72", b"\x72\xff\xff\xff\xff\x7f", b"\x07", b"\xff" * 99])
def test_damaged_onnx_files_have_no_metadata(tmp_path, data):
    (tmp_path / "a.onnx").write_bytes(data)
    assert find_file_model(tmp_path / "a.onnx") is None


def test_the_home_folder_is_understood_in_names_of_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    RTMPose3DConfig(model="rtmw3d-n").save_pretrained("~/mine")
    assert RTMPose3DConfig.from_pretrained("~/mine").model == "rtmw3d-n"


def test_results_are_not_drawn_on_what_is_no_array(model, image):
    result = model(image)
    with pytest.raises(InputError, match=r"image must be an array .*from a Pillow image"):
        result.plot(image=PIL.Image.fromarray(image))


def test_paths_that_cannot_be_are_refused(model, image, tmp_path):
    result = model(image)
    for path in ("a\0b.json", tmp_path / "a\0.npz"):
        with pytest.raises(RTMPose3DError, match="NUL"):
            result.save(path)


def test_wrong_types_are_named_by_the_class_of_the_rtmpose3d_package():
    with pytest.raises(InputError, match="model_size must be a string, got 3"):
        RTMPose3DInference(model_size=3)
