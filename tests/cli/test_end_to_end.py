"""The whole way: checkpoints in the published format, with the recorded weights, and a photo."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import jsonschema
import numpy as np
import PIL.Image
import pytest

from rtmpose3d.sinks import json_schema, load_result
from rtmpose3d.weights import write_torch_file
from rtmpose3d.zoo import MODELS

pytestmark = pytest.mark.slow

BBOX_THR = 0.58  # with random weights the detector reports people everywhere
ROOT = Path(__file__).parents[2]
NAMES = {
    "rtmw3d-l": "rtmw3d-l",
    "rtmdet-m": "rtmdet-m_640",
    "rtmdet-nano": "rtmdet-nano_320",
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory, golden, recipe):
    """A cache folder with checkpoints named and laid out as published; values are the recipe's."""
    folder = tmp_path_factory.mktemp("weights")
    for name, recorded in NAMES.items():
        shapes = json.loads((golden / "keys" / f"{recorded}.json").read_text("utf-8"))
        write_torch_file(folder / MODELS[name].file.name, recipe.state_dict(shapes))
    return folder


@pytest.fixture
def photo(shared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return shared / "samples" / "coco" / "000000000785.jpg"


def test_predict_finds_what_the_api_finds_and_writes_every_file(cli, weights, photo, tmp_path):
    from rtmpose3d import RTMPose3D

    checkpoints = {name: str(weights / MODELS[name].file.name) for name in NAMES}
    (tmp_path / "broken.jpg").write_bytes(photo.read_bytes()[:5000])
    done = cli(
        *("predict", photo, tmp_path / "broken.jpg", "--save", "json,npz,csv,image"),
        *("--pose-checkpoint", checkpoints["rtmw3d-l"], "--detector", checkpoints["rtmdet-m"]),
        *("--device", "cpu", "--bbox-thr", BBOX_THR),
    )
    assert done.exit_code == 1, done.output
    assert "1 of 2 images done" in done.output
    assert "cut short" in done.output

    model = RTMPose3D.from_pretrained(
        "rtmw3d-l",
        device="cpu",
        pose_checkpoint=checkpoints["rtmw3d-l"],
        detector_checkpoint=checkpoints["rtmdet-m"],
    )
    expected = model(photo, bbox_thr=BBOX_THR)
    assert len(expected) > 0
    read = load_result(tmp_path / "outputs" / "000000000785.npz")
    assert read.camera == expected.camera
    for key in expected.keys():  # noqa: SIM118
        np.testing.assert_array_equal(read[key], expected[key])
    document = json.loads((tmp_path / "outputs" / "000000000785.json").read_text("utf-8"))
    jsonschema.validate(document, json_schema())
    assert document["image"].pop("path") == "000000000785.jpg"  # relative to what was given
    values = expected.to_dict()
    assert isinstance(values["image"], dict)
    assert values["image"].pop("path") == str(photo)
    assert document == values
    assert len((tmp_path / "outputs" / "000000000785.csv").read_text().splitlines()) == (
        1 + 133 * len(expected)
    )
    with PIL.Image.open(tmp_path / "outputs" / "000000000785_pose.jpg") as image:
        assert image.width > 300


def test_given_boxes_need_no_detector(cli, weights, photo, tmp_path):
    pose = weights / MODELS["rtmw3d-l"].file.name
    done = cli(
        *("predict", photo, "--boxes", "280,44,500,390;0,0,90,120", "--pose-checkpoint", pose),
        *("--device", "cpu", "--save", "json", "--axes", "root", "--root-depth-m", "4.5"),
        *("--cache-dir", tmp_path / "empty"),
    )
    assert done.exit_code == 0, done.output
    result = load_result(tmp_path / "outputs" / "000000000785.json")
    assert result.bboxes.tolist() == [[280, 44, 500, 390], [0, 0, 90, 120]]
    assert result.root_depth_m.tolist() == [4.5, 4.5]
    assert result.root_depth_source == ("given", "given")
    hips = result.keypoints_3d[:, [11, 12]].mean(axis=1)
    np.testing.assert_allclose(hips, 0, atol=1e-4)


def test_main_and_the_example_run_on_an_image(weights, photo, tmp_path, monkeypatch, capsys):
    from rtmpose3d import RTMPose3D

    load = RTMPose3D.from_pretrained

    def load_recorded(name, **settings):  # the published weights have another hash
        model = load(
            name,
            pose_checkpoint=weights / MODELS["rtmw3d-l"].file.name,
            detector_checkpoint=weights / MODELS["rtmdet-m"].file.name,
            bbox_thr=BBOX_THR,
            **settings,
        )
        return lambda image, bbox_thr=None: model(image)

    monkeypatch.setattr(RTMPose3D, "from_pretrained", load_recorded)
    for script, files in (
        ("main.py", {"000000000785_pose.jpg"}),
        ("examples/basic_usage.py", {"pose.json", "pose.jpg"}),
    ):
        before = set(tmp_path.iterdir())
        monkeypatch.setattr(sys, "argv", [script, str(photo)])
        runpy.run_path(str(ROOT / script), run_name="__main__")
        output = capsys.readouterr().out
        assert " people" in output
        assert {path.name for path in set(tmp_path.iterdir()) - before} == files
    assert "left_wrist" in output


def test_the_example_without_an_image_says_how_to_use_it(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["basic_usage.py"])
    with pytest.raises(SystemExit, match=r"usage: python .*basic_usage\.py IMAGE"):
        runpy.run_path(str(ROOT / "examples" / "basic_usage.py"), run_name="__main__")


def test_main_without_an_image_checks_the_installation(monkeypatch, capsys):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(sys, "argv", ["main.py"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / "main.py"), run_name="__main__")
    assert not end.value.code
    assert "ONNX Runtime" in capsys.readouterr().out


def test_main_says_what_is_wrong_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["main.py", "gone.jpg", "--model", "rtmw3d-q"])
    with pytest.raises(SystemExit, match="error: unknown pose model 'rtmw3d-q'"):
        runpy.run_path(str(ROOT / "main.py"), run_name="__main__")


def test_export_writes_a_file_that_predict_takes(cli, weights, photo, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    onnx_file = tmp_path / "nano.onnx"
    done = cli(
        *("export", "rtmdet-nano", "--out", onnx_file),
        *("--checkpoint", weights / MODELS["rtmdet-nano"].file.name),
    )
    assert done.exit_code == 0, done.output
    assert "largest difference" in done.output
    pose = weights / MODELS["rtmw3d-l"].file.name
    done = cli(
        *("predict", photo, "--detector", onnx_file, "--pose-checkpoint", pose),
        *("--save", "json", "--single-person", "--bbox-thr", "0.01"),
    )
    assert done.exit_code == 0, done.output
    assert "000000000785.jpg: 1 person" in done.output


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        ("rtmw3d-q --out a.onnx", "unknown model 'rtmw3d-q'", 2),
        ("rtmw3d-l --out a.pth", "must end in .onnx", 2),
        ("rtmw3d-l --out a.onnx --layout x", "--layout", 2),
        ("rtmw3d-l --out a.onnx --opset 11", "--opset", 2),
        ("rtmw3d-l", "--out", 2),
    ],
)
def test_export_says_what_is_wrong(cli, arguments, words, code):
    pytest.importorskip("torch")
    done = cli("export", *arguments.split())
    assert done.exit_code == code
    assert words in done.output
    assert "Traceback" not in done.output


def test_predict_runs_on_any_image_with_any_weights(cli, made_checkpoint, tmp_path, monkeypatch):
    """Needs no recordings: random weights, and an image of smooth noise."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(3).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    PIL.Image.fromarray(noise).resize((320, 240)).save("noise.webp", lossless=True)
    done = cli(
        *("predict", "noise.webp", "--boxes", "30,20,150,230", "--save", "json,image"),
        *("--pose-checkpoint", made_checkpoint("rtmw3d-l"), "--device", "cpu", "--fov-deg", "70"),
    )
    assert done.exit_code == 0, done.output
    result = load_result("outputs/noise.json")
    assert result.keypoints_3d.shape == (1, 133, 3)
    assert (tmp_path / "outputs" / "noise_pose.jpg").stat().st_size > 1000
