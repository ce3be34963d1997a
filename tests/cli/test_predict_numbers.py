"""Options of `rtmpose3d predict` change the numbers in the files, with the bundled model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from rtmpose3d import Camera, PoseResult, RTMPose3D
from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.sinks import load_result
from rtmpose3d.zoo import DEMO_IMAGE

pytestmark = pytest.mark.slow

SIZE = {"width": 960, "height": 640}


@pytest.fixture(scope="module")
def model() -> RTMPose3D:
    return RTMPose3D.from_pretrained("rtmw3d-n", device="cpu", flip_test=False)


@pytest.fixture
def predict(cli, tmp_path, model, monkeypatch):
    """A function that runs the command on the demo's image and reads the JSON file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ModelOptions, "load", lambda options: model)

    def run(*options: str, image: Path = DEMO_IMAGE) -> PoseResult:
        done = cli("predict", image, "--model", "rtmw3d-n", "--save", "json", *options)
        assert done.exit_code == 0, done.output
        return load_result(tmp_path / "outputs" / f"{image.stem}.json")

    return run


@pytest.mark.parametrize(
    ("typed", "arguments"),
    [
        ("", {}),
        ("--bbox-thr 0.992", {"bbox_thr": 0.992}),
        ("--single-person", {"single_person": True}),
        ("--height-m 1.5", {"height_m": 1.5}),
        ("--root-depth-m 2.5", {"root_depth_m": 2.5}),
        ("--axes rtmpose3d", {"axes": "rtmpose3d"}),
        ("--fov-deg 30", {"camera": Camera.from_fov(**SIZE, fov_deg=30)}),
        (
            "--intrinsics 900,910,470,330",
            {"camera": Camera(fx=900, fy=910, cx=470, cy=330, **SIZE)},
        ),
        ("--boxes 80,110,290,600;405,108,533,534", None),
    ],
)
def test_an_option_does_what_the_argument_does(predict, model, typed, arguments):
    boxes = [[80, 110, 290, 600], [405, 108, 533, 534]]
    expected = model(DEMO_IMAGE, **({"boxes": boxes} if arguments is None else arguments))
    written = predict(*typed.split())
    assert len(written) == len(expected) > 0
    for key in expected.keys():  # noqa: SIM118 - iterates over arrays' names
        np.testing.assert_allclose(written[key], expected[key], atol=0.02, err_msg=key)
    assert written.axes == expected.axes
    assert written.camera.fx == pytest.approx(expected.camera.fx, abs=0.01)
    if typed:
        default = model(DEMO_IMAGE)
        same = len(default) == len(expected) and all(
            np.allclose(default[key], expected[key], atol=0.02)
            for key in expected.keys()  # noqa: SIM118
        )
        assert not same, "the option changes something"


def test_the_orientation_in_exif_rotates_image_and_boxes(predict, tmp_path):
    with PIL.Image.open(DEMO_IMAGE) as image:
        sideways = image.transpose(PIL.Image.Transpose.ROTATE_90)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # to be rotated by 90 degrees clockwise
    sideways.save(tmp_path / "sideways.png", exif=exif)
    upright = predict()
    rotated = predict(image=tmp_path / "sideways.png")
    assert rotated.image_size_wh == (960, 640)
    np.testing.assert_allclose(rotated.bboxes, upright.bboxes, atol=1)
    np.testing.assert_allclose(rotated.keypoints_2d, upright.keypoints_2d, atol=2)


def test_images_in_one_batch_keep_their_own_results(cli, tmp_path, model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ModelOptions, "load", lambda options: model)
    with PIL.Image.open(DEMO_IMAGE) as image:
        image.crop((0, 0, 360, 640)).save("b_left.png")
        image.crop((330, 50, 960, 640)).save("a_right.png")
    (tmp_path / "boxes.csv").write_text("b_left.png,80,110,290,600\na_right.png,75,58,203,484\n")
    done = cli("predict", "b_left.png", "a_right.png", "--boxes", "boxes.csv", "--save", "json")
    assert done.exit_code == 0, done.output
    for name, box in (("b_left", [80, 110, 290, 600]), ("a_right", [75, 58, 203, 484])):
        written = load_result(tmp_path / "outputs" / f"{name}.json")
        alone = model(f"{name}.png", boxes=[box])
        np.testing.assert_array_equal(written.bboxes, [box])
        np.testing.assert_allclose(written.keypoints_2d, alone.keypoints_2d, atol=0.02)
        np.testing.assert_allclose(written.root_depth_m, alone.root_depth_m, atol=0.01)
        assert written.source.name == f"{name}.png"


def test_model_options_reach_the_loaded_model(monkeypatch):
    loaded = {}

    def note(name, **settings):
        loaded.update(settings, name=name)

    monkeypatch.setattr(RTMPose3D, "from_pretrained", note)
    ModelOptions(
        model="rtmw-l-256x192",
        detector="rtmdet-nano",
        device="cpu",
        backend="torch",
        threads=3,
        cache_dir=Path("weights"),
        flip_test=True,
    ).load()
    runtime = loaded.pop("runtime")
    assert (runtime.device, runtime.backend, runtime.threads) == ("cpu", "torch", 3)
    assert loaded == {
        "name": "rtmw-l-256x192",
        "pose_checkpoint": None,
        "detector_checkpoint": None,
        "detector": "rtmdet-nano",
        "cache_dir": Path("weights"),
        "flip_test": True,
    }


def test_without_detector_no_checkpoint_of_one_is_loaded(tmp_path, monkeypatch):
    (tmp_path / "det.pth").touch()
    options = ModelOptions(model="rtmw3d-n", detector=str(tmp_path / "det.pth"))
    assert options.detector_name == "rtmdet-m"
    assert options.without_detector().detector_name is None
    assert options.without_detector().detector_file is None
