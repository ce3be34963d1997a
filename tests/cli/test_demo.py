"""`rtmpose3d demo`: one command, no network, two files, and words that fit them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import PIL.Image
import pytest
from safetensors import safe_open

from rtmpose3d import RTMPose3D
from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.geometry import Camera
from rtmpose3d.sinks import json_schema, load_result
from rtmpose3d.zoo import DEMO_IMAGE, MODELS

pytestmark = pytest.mark.slow

TRUTH = Path(__file__).parents[1] / "fixtures" / "demo" / "people.json"


@pytest.fixture
def offline(monkeypatch, tmp_path, no_network):
    """An empty folder to work in, an empty cache, and no network."""
    monkeypatch.setenv("RTMPOSE3D_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trained() -> None:
    """Skip tests of trained weights while the package holds placeholders."""
    with safe_open(MODELS["rtmw3d-n"].file.path, framework="np") as file:
        if "placeholder" in file.metadata().get("note", ""):
            pytest.skip("the weights in the package are placeholders")


def test_without_arguments_it_writes_and_explains_the_packages_image(cli, offline):
    done = cli("demo")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (offline / "outputs").iterdir()) == [
        "people.json",
        "people_pose.jpg",
    ]
    assert not list((offline / "cache").glob("*.*")), "a download"
    document = json.loads((offline / "outputs" / "people.json").read_text("utf-8"))
    jsonschema.validate(document, json_schema())
    assert document["model"] == "rtmw3d-n"
    result = load_result(offline / "outputs" / "people.json")
    assert len(result) > 0
    with PIL.Image.open(offline / "outputs" / "people_pose.jpg") as drawing:
        assert drawing.format == "JPEG"
        assert drawing.width > drawing.height > 400
    for words in (
        "image    people.jpg, 960x640, a rendered image that comes with the package",
        "model    rtmw3d-n with the detector rtmdet-n (small, for demonstration",
        f"detected {len(result)} p",
        f"  #0  score {result.bbox_scores[0]:.2f}, {result.root_depth_m[0]:.1f} m away",
        "people_pose.jpg  the skeletons on the image, and a view in 3D",
        "people.json      133 keypoints per person, in pixels and metres",
        "rtmpose3d demo photo.jpg ",
        "rtmpose3d predict photo.jpg ",
    ):
        assert words in done.output, words


def test_it_gives_what_the_api_gives(cli, offline):
    assert cli("demo", "--out", "deep/er").exit_code == 0
    written = load_result(offline / "deep" / "er" / "people.json")
    expected = RTMPose3D.from_pretrained("rtmw3d-n")(DEMO_IMAGE)
    assert written.camera == expected.camera
    assert written.source is not None
    assert written.source.name == "people.jpg"
    for key in expected:
        np.testing.assert_allclose(written[key], expected[key], atol=1e-3, err_msg=key)


def test_an_own_image_without_people(cli, offline):
    PIL.Image.new("RGB", (320, 200), (120, 90, 60)).save("mine ä.png")
    done = cli("demo", "mine ä.png")
    assert done.exit_code == 0, done.output
    result = load_result(offline / "outputs" / "mine ä.json")
    assert result.image_size_wh == (320, 200)
    assert "image    mine ä.png, 320x200\n" in done.output
    assert f"detected {len(result) or 'no'} p" in done.output
    assert 'rtmpose3d predict "mine ä.png"' in done.output
    assert "rtmpose3d demo photo.jpg" not in done.output


def test_another_model_is_taken_if_it_is_named(cli, images, stand_in, monkeypatch):
    images(a=2)
    load = ModelOptions.load

    def load_one(choice):
        model = load(choice)
        camera = Camera.from_fov(width=64, height=48)
        return lambda image: model([image], boxes=None, camera=[camera], axes="z-up")[0]

    monkeypatch.setattr(ModelOptions, "load", load_one)
    done = cli("demo", "a.png", "--model", "rtmw3d-l")
    assert done.exit_code == 0, done.output
    assert (stand_in.choice.model, stand_in.choice.detector_name) == ("rtmw3d-l", "rtmdet-m")
    assert "model    rtmw3d-l with the detector rtmdet-m (published)" in done.output
    assert "detected 2 people" in done.output
    assert done.output.count("score 0.90, 3.0 m away (give or take 0.1 m), 133 of 133") == 2
    assert "rtmpose3d predict" not in done.output, "that is what it just did"


def test_the_demonstration_model_is_never_taken_unasked(cli, offline, monkeypatch):
    PIL.Image.new("RGB", (64, 48)).save("a.png")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    loaded = []
    load = ModelOptions.load
    monkeypatch.setattr(
        ModelOptions, "load", lambda choice: loaded.append(choice.model) or load(choice)
    )
    for command in (("predict", "a.png"), ("demo", "a.png", "--model", "rtmw3d-x")):
        done = cli(*command)
        assert done.exit_code == 2
        words = " ".join(done.output.split())
        assert "cannot fetch rtmw3d-" in words
        assert "rtmw3d-n, a small model in the package, for demonstration" in words
        assert "--model rtmw3d-n" in words
    assert loaded == ["rtmw3d-l", "rtmw3d-x"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("gone.jpg", "there is no file or folder 'gone.jpg'"),
        ("text.jpg", "text.jpg is no image"),
        ("many", "demo takes one image, 'many' are 2; for all of them: rtmpose3d predict many"),
        ("--model rtmw3d-q", "unknown pose model 'rtmw3d-q'|unknown model 'rtmw3d-q'"),
        ("--model rtmdet-n", "unknown pose model 'rtmdet-n'"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(cli, offline, arguments, words):
    (offline / "text.jpg").write_text("no image")
    (offline / "many").mkdir()
    for name in ("a.png", "b.png"):
        PIL.Image.new("RGB", (64, 48)).save(offline / "many" / name)
    done = cli("demo", *arguments.split(), "--out", "out")
    assert done.exit_code == 2
    assert any(text in done.output for text in words.split("|")), done.output
    assert "Traceback" not in done.output
    assert not list(offline.glob("out/*"))


def test_a_folder_that_cannot_be_made_or_written_is_an_error(cli, offline, monkeypatch):
    (offline / "file").touch()
    done = cli("demo", "--out", "file")
    assert done.exit_code == 2
    assert "cannot write file: a file of that name exists" in done.output
    (offline / "out" / "people_pose.jpg").mkdir(parents=True)
    done = cli("demo", "--out", "out")
    assert done.exit_code == 2
    assert "a folder of that name exists" in done.output
    assert "Traceback" not in done.output


def test_ones_own_image_is_never_overwritten(cli, offline):
    (offline / "outputs").mkdir()
    PIL.Image.new("RGB", (64, 48)).save(offline / "outputs" / "a.png")
    (offline / "outputs" / "a.png").rename(offline / "outputs" / "a.json")
    done = cli("demo", "outputs/a.json")
    assert done.exit_code == 2
    assert "is an input and would be overwritten" in done.output


def test_the_true_labels_of_the_image_fit_its_camera():
    truth = json.loads(TRUTH.read_text("utf-8"))["people"]
    camera = Camera.from_fov(width=960, height=640)
    assert len(truth) == 3
    for person in truth:
        points = camera.project(np.array(person["keypoints_camera"]))
        np.testing.assert_allclose(points, person["keypoints_2d"], atol=0.4)  # rounded to 1 mm


def test_all_people_of_the_packages_image_are_located(trained):
    truth = json.loads(TRUTH.read_text("utf-8"))["people"]
    result = RTMPose3D.from_pretrained("rtmw3d-n")(DEMO_IMAGE)
    assert len(result) == len(truth)
    for person, found in zip(
        sorted(truth, key=lambda one: one["box"][0]),
        result[np.argsort(result.bboxes[:, 0])].people(),
        strict=True,
    ):
        box = np.array(person["box"])
        limit = 0.1 * (box[2:] - box[:2]).max()
        apart = np.linalg.norm(found.keypoints_2d[0] - np.array(person["keypoints_2d"]), axis=1)
        near = (apart < limit) & (np.array(person["visibility"]) > 0)
        assert near[:17].mean() > 0.85, "body"
        assert near[23:91].mean() > 0.85, "face"
        away = np.array(person["keypoints_camera"])[[11, 12], 2].mean()
        assert found.root_depth_m[0] == pytest.approx(away, rel=0.25)
