"""Calibration files as their programs write them, and what is wrong with others."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.errors import InputError, RTMPose3DError, UnknownNameError
from rtmpose3d.geometry import Distortion
from rtmpose3d.sources import load_calibration, load_calibrations

MATRIX = np.array([[1145.5, 0, 700.25], [0, 1000.5, 310.5], [0, 0, 1]])
LENS = (-0.28, 0.11, 0.0012, -0.0007, -0.02)

POSE2SIM = """
[cam_01]
name = "left"
size = [ 1280.0, 720.0]
matrix = [ [ 1145.5, 0.0, 700.25], [ 0.0, 1000.5, 310.5], [ 0.0, 0.0, 1.0]]
distortions = [ -0.28, 0.11, 0.0012, -0.0007]
rotation = [ 1.2, -0.7, 0.8]
translation = [ 0.1, 1.0, 4.2]
fisheye = false

[cam_02]
name = "right"
size = [ 1920.0, 1080.0]
matrix = [ [ 1700.0, 0.0, 950.0], [ 0.0, 1690.0, 541.0], [ 0.0, 0.0, 1.0]]
distortions = [ 0.01, 0.002, -0.001, 0.0003]
rotation = [ 1.1, 0.7, -0.8]
translation = [ 0.2, 1.0, 4.0]
fisheye = true

[metadata]
adjusted = false
error = 0.0
"""
ANIPOSE = """
[cam_0]
name = "A"
size = [ 1280, 720,]
matrix = [ [ 1145.5, 0.0, 700.25,], [ 0.0, 1000.5, 310.5,], [ 0.0, 0.0, 1.0,],]
distortions = [ -0.28, 0.11, 0.0012, -0.0007, -0.02,]
rotation = [ 0.0, 0.0, 0.0,]
translation = [ 0.0, 0.0, 0.0,]

[metadata]
"""
ROS = """
image_width: 1280
image_height: 720
camera_name: narrow_stereo
camera_matrix:
  rows: 3
  cols: 3
  data: [1145.5, 0., 700.25, 0., 1000.5, 310.5, 0., 0., 1.]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.28, 0.11, 0.0012, -0.0007, -0.02]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1, 0, 0, 0, 1, 0, 0, 0, 1]
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def write_with_opencv(path: Path, **values: object) -> Path:
    file = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for name, value in values.items():
        file.write(name, value)
    file.release()
    return path


@pytest.mark.parametrize("ending", ["yml", "yaml", "json"])
def test_files_of_opencv(tmp_path, ending):
    path = write_with_opencv(
        tmp_path / f"webcam.{ending}",
        calibration_time="Thu 26 Nov 2026 09:00:00",
        image_width=1280,
        image_height=720,
        camera_matrix=MATRIX,
        distortion_coefficients=np.array(LENS).reshape(5, 1),
        image_points=np.arange(600, dtype=np.float32).reshape(10, 30, 2) / 7,
    )

    calibration = load_calibration(path)
    camera = calibration.camera_for((1280, 720))

    assert calibration.name == "webcam"
    np.testing.assert_allclose(camera.matrix, MATRIX, rtol=1e-12)
    assert camera.distortion is not None
    np.testing.assert_allclose(camera.distortion.coefficients, LENS, rtol=1e-12)
    assert camera.distortion.model == "opencv"
    assert camera.source == "calibration"


def test_the_fisheye_model_of_opencv(tmp_path):
    path = write_with_opencv(
        tmp_path / "wide.yml",
        image_width=1280,
        image_height=720,
        fisheye_model=1,
        camera_matrix=MATRIX,
        distortion_coefficients=np.array([0.01, 0.002, -0.001, 0.0003]),
    )

    lens = load_calibration(path).distortion

    assert lens == Distortion(coefficients=(0.01, 0.002, -0.001, 0.0003), model="fisheye")


def test_files_of_pose2sim_have_several_cameras(tmp_path):
    path = write(tmp_path, "Calib.toml", POSE2SIM)

    cameras = load_calibrations(path)

    assert list(cameras) == ["left", "right"]
    assert cameras["left"].size_wh == (1280, 720)
    assert cameras["left"].distortion == Distortion(coefficients=(-0.28, 0.11, 0.0012, -0.0007))
    assert cameras["right"].distortion is not None
    assert cameras["right"].distortion.model == "fisheye"
    with pytest.raises(InputError, match="2 cameras; choose one by its name: left, right"):
        load_calibration(path)
    with pytest.raises(UnknownNameError, match="'middle'"):
        load_calibration(path, "middle")


def test_files_of_anipose(tmp_path):
    calibration = load_calibration(write(tmp_path, "calibration.toml", ANIPOSE))

    np.testing.assert_array_equal(calibration.matrix, MATRIX)
    assert calibration.name == "A"
    assert calibration.distortion == Distortion(coefficients=LENS)


def test_camera_info_of_ros(tmp_path):
    calibration = load_calibration(write(tmp_path, "info.yaml", ROS))

    np.testing.assert_array_equal(calibration.matrix, MATRIX)
    assert calibration.name == "narrow_stereo"
    assert calibration.size_wh == (1280, 720)
    fisheye = ROS.replace("plumb_bob", "equidistant").replace(", -0.02]", "]")
    other = load_calibration(write(tmp_path, "fisheye.yaml", fisheye))
    assert other.distortion is not None
    assert other.distortion.model == "fisheye"
    strange = write(tmp_path, "strange.yaml", ROS.replace("plumb_bob", "omni"))
    with pytest.raises(InputError, match="unknown distortion_model 'omni'"):
        load_calibration(strange)


def test_numbered_matrices_are_cameras(tmp_path):
    path = write_with_opencv(
        tmp_path / "intri.yml", K_01=MATRIX, dist_01=np.array([LENS]), K_02=MATRIX * 1.0
    )

    cameras = load_calibrations(path)

    assert list(cameras) == ["01", "02"]
    assert cameras["01"].distortion == Distortion(coefficients=LENS)
    assert cameras["02"].distortion is None


def test_plain_lists_in_json(tmp_path):
    document = {"camera_matrix": MATRIX.tolist(), "dist_coeff": [[0, 0, 0, 0, 0]]}
    calibration = load_calibration(write(tmp_path, "plain.json", json.dumps(document)))

    assert calibration.size_wh is None
    assert calibration.distortion is None


def test_intrinsics_are_scaled_to_an_image_of_the_same_aspect_ratio(tmp_path):
    calibration = load_calibration(write(tmp_path, "calibration.toml", ANIPOSE))

    half = calibration.camera_for((640, 360))
    rounded = calibration.camera_for((854, 480))  # 480p: 853.3 pixels wide

    np.testing.assert_allclose(half.matrix[:2], MATRIX[:2] / 2)
    assert half.distortion == calibration.distortion
    assert rounded.fx == pytest.approx(1145.5 * 854 / 1280)
    with pytest.raises(InputError, match="1280x720 px, but the image has 640x480, another aspect"):
        calibration.camera_for((640, 480))
    with pytest.raises(InputError, match="rotated by 90 degrees"):
        calibration.camera_for((720, 1280))


def test_without_a_stated_size_the_principal_point_must_be_near_the_middle(tmp_path):
    document = {"camera_matrix": MATRIX.tolist()}
    calibration = load_calibration(write(tmp_path, "plain.json", json.dumps(document)))

    assert calibration.camera_for((1280, 720)).cx == 700.25
    with pytest.raises(InputError, match="states no image size"):
        calibration.camera_for((640, 360))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yml", "%YAML:1.0\n---\nimage_width: 12\n", "has no camera"),
        ("a.yml", "%YAML:1.0\n---\n- 1\n- 2\n", "expected named values"),
        ("a.yml", "a: &x [1, 2]\nb: *x\n", "alias"),
        ("a.yml", "a: " + "[" * 40 + "]" * 40, "nested too deeply"),
        ("a.yml", "camera_matrix: !!python/object:os.system {}\n", "cannot be read"),
        ("a.yml", "camera_matrix: [1, 2\n", "cannot be read"),
        ("a.toml", "[cam_0]\nmatrix = [[1, 0], [0, 1]]\n", "4 numbers, expected 3x3"),
        ("a.toml", "[cam_0]\nmatrix = 'a'\n", "expected finite numbers, got a"),
        ("a.toml", "[cam_0\n", "cannot be read"),
        ("a.toml", "a" + ".a" * 400_000 + " = 1", "too many parts"),
        ("a.json", '{"camera_matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]', "no valid JSON"),
        ("a.json", '{"K": [[1, 0, 0], [0, 1, 0], [0, 0, 0]]}', "last row"),
        ("a.json", '{"K": [[-1, 0, 0], [0, 1, 0], [0, 0, 1]]}', "fx must be above 0"),
        ("a.json", '{"K": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "D": [1, 2]}', "finite coefficients"),
        ("a.json", '{"K": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "size": [0.5, 2]}', "whole pixels"),
        ("a.json", '{"K": [' + "1," * 5000 + "1]}", "more than 64 numbers"),
        ("a.xml", "<opencv_storage></opencv_storage>", "write it as .yml"),
        ("a.txt", "", "expected .yml"),
        ("a.yml", "x" * 2**21, "no such file has"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, name, text, message):
    with pytest.raises(InputError, match=message):
        load_calibrations(write(tmp_path, name, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.toml does not exist"):
        load_calibration(tmp_path / "nowhere.toml")


@given(
    source=st.sampled_from(["toml", "yaml", "json"]),
    cut=st.integers(0, 900),
    junk=st.text(max_size=20),
)
def test_damaged_files_give_cameras_or_an_error_of_ours(tmp_path_factory, source, cut, junk):
    text = {"toml": POSE2SIM, "yaml": ROS, "json": json.dumps({"K": MATRIX.tolist(), "D": LENS})}
    damaged = text[source][:cut] + junk + text[source][cut:]
    path = tmp_path_factory.mktemp("damaged") / f"a.{source}"
    path.write_bytes(damaged.encode("utf-8", "surrogatepass"))
    try:
        cameras = load_calibrations(path)
    except RTMPose3DError:
        return
    assert cameras
