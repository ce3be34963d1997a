"""Runtime options, moves between devices, saved folders and copies for other processes."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from fake_sessions import open_crops, open_people, paint_image
from rtmpose3d import BackendError, InputError, RTMPose3D, RTMPose3DConfig, RTMPose3DInference
from rtmpose3d.api import arguments, opening
from rtmpose3d.runtime import RuntimeOptions

BOX = [[80, 110, 290, 600]]
SIZE_WH = (160, 120)
PEOPLE = {10: (np.array([[10, 15, 60, 110]], np.float32), np.array([0.9]))}


class Opened:
    """Opens networks that are rules instead, and notes with which options."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pose: list[RuntimeOptions] = []
        self.detector: list[RuntimeOptions] = []

        def open_pose(spec, path, options):
            if options.device == "cuda:7":
                raise BackendError("no such device")
            self.pose.append(options)
            return open_crops(spec.name)[0]

        def open_detector(spec, path, options=None):
            self.detector.append(options)
            return open_people(PEOPLE, SIZE_WH)[0]

        monkeypatch.setattr(opening, "select_backend", lambda options: None)
        monkeypatch.setattr(opening, "open_pose", open_pose)
        monkeypatch.setattr(opening, "open_detector", open_detector)


@pytest.fixture
def image() -> np.ndarray:
    return paint_image(10, SIZE_WH)


@pytest.fixture
def opened(monkeypatch) -> Opened:
    return Opened(monkeypatch)


def test_runtime_options_reach_both_networks(opened, image):
    runtime = RuntimeOptions(device="cpu", threads=2, backend="onnxruntime")
    model = RTMPose3D.from_pretrained("rtmw3d-n", runtime=runtime)
    model(image)
    assert opened.pose == opened.detector == [runtime]


def test_single_options_take_precedence_over_runtime(opened):
    runtime = RuntimeOptions(device="cuda", threads=2)
    RTMPose3D.from_pretrained("rtmw3d-n", runtime=runtime, device="cpu", precision="fp32")
    RTMPose3D.from_pretrained("rtmw3d-n", backend="torch", threads=3)
    assert opened.pose == [
        RuntimeOptions(device="cpu", threads=2, precision="fp32"),
        RuntimeOptions(backend="torch", threads=3),
    ]


def test_wrong_runtime_options_are_refused():
    with pytest.raises(InputError, match="precision must be one of auto, fp32"):
        RTMPose3D.from_pretrained("rtmw3d-n", precision="int8")
    with pytest.raises(InputError, match="threads must be at least 1"):
        RTMPose3DConfig(model="rtmw3d-n", threads=0)


def test_moving_to_a_device_moves_the_detector_too(opened, image):
    model = RTMPose3D.from_pretrained("rtmw3d-n", device="cpu")
    model(image)
    assert model.to("cuda:1") is model
    model(image)
    model(image)
    assert [options.device for options in opened.pose] == ["cpu", "cuda:1"]
    assert [options.device for options in opened.detector] == ["cpu", "cuda:1"]
    assert model.config.device == "cuda:1"


def test_a_move_that_fails_leaves_everything_where_it_was(opened, image):
    model = RTMPose3D.from_pretrained("rtmw3d-n", device="cpu")
    with pytest.raises(BackendError):
        model.to("cuda:7")
    model(image)
    assert model.config.device == "cpu"
    assert [options.device for options in opened.detector] == ["cpu"]


def test_a_detector_in_onnx_runs_next_to_a_pose_network_in_torch(opened, image, monkeypatch):
    paths = []
    find = opening.checkpoint_path

    def find_onnx(spec, given, *args, **kwargs):
        path = find(spec, None, *args, **kwargs)
        return path.with_suffix(".onnx") if given else path

    def note(spec, path, options):
        paths.append((path.suffix, options.backend))
        raise InputError("enough")

    monkeypatch.setattr(opening, "checkpoint_path", find_onnx)
    monkeypatch.setattr(opening, "open_detector", note)
    model = RTMPose3D.from_pretrained(
        "rtmw3d-n", backend="torch", detector_checkpoint="mine.onnx", device="cpu"
    )
    with pytest.raises(InputError, match="enough"):
        model(image)
    assert paths == [(".onnx", "auto")]
    assert opened.pose[0].backend == "torch"


def test_a_saved_folder_says_nothing_of_this_machine(opened, tmp_path: Path) -> None:
    model = RTMPose3D.from_pretrained(
        "rtmw3d-n", device="cpu", threads=1, bbox_thr=0.82, cache_dir=tmp_path / "cache"
    )
    model.save_pretrained(tmp_path / "mine")
    saved = json.loads((tmp_path / "mine" / "config.json").read_text("utf-8"))
    assert (saved["device"], saved["threads"], saved["cache_dir"]) == ("auto", None, None)
    assert (saved["bbox_thr"], saved["model"], saved["detector"]) == (0.82, "rtmw3d-n", "rtmdet-n")
    for name in ("pose_checkpoint", "detector_checkpoint"):
        assert (tmp_path / "mine" / saved[name]).is_file()
    again = RTMPose3DConfig.from_pretrained(tmp_path / "mine", device="cpu")
    for name in ("pose_checkpoint", "detector_checkpoint"):
        assert Path(getattr(again, name)) == tmp_path / "mine" / saved[name]


@pytest.mark.slow
def test_a_saved_folder_gives_the_same_results(tmp_path: Path, people, bundled) -> None:
    bundled.save_pretrained(tmp_path / "mine")
    again = RTMPose3D.from_pretrained(tmp_path / "mine", device="cpu")
    a, b = bundled(people), again(people)
    np.testing.assert_allclose(a.keypoints_2d, b.keypoints_2d, atol=0.01)
    assert len(a) == len(b) > 0


def test_a_model_can_be_pickled_without_its_sessions(opened, image) -> None:
    model = RTMPose3DInference(model_size="n", device="cpu")
    copy = pickle.loads(pickle.dumps(model))
    assert type(copy) is RTMPose3DInference
    assert copy.config == model.config
    assert len(opened.pose) == 2, "the copy has opened its own"
    np.testing.assert_array_equal(copy(image).keypoints_2d, model(image).keypoints_2d)


def test_the_detector_is_opened_once_and_by_a_copy_again(opened, image) -> None:
    options = RuntimeOptions(device="cpu", threads=3)
    model = RTMPose3DInference(model_size="n", device="cpu", threads=3)
    model(image)
    model(image)
    assert opened.detector == [options]
    estimator = opening.open_estimator(model.config)
    copy = pickle.loads(pickle.dumps(estimator.detector))
    assert len(opened.detector) == 1, "neither the estimator nor a copy has needed it yet"
    assert copy() is copy()
    assert opened.detector == [options, options]


@pytest.mark.slow
@pytest.mark.parametrize("cls", [RTMPose3D, RTMPose3DInference])
def test_a_pickled_model_opens_itself_again(cls, people):
    if cls is RTMPose3D:
        model = RTMPose3D.from_pretrained("rtmw3d-n", device="cpu", flip_test=False)
    else:
        model = RTMPose3DInference(model_size="n", device="cpu")
    copy = pickle.loads(pickle.dumps(model))
    assert type(copy) is cls
    assert copy.config == model.config
    np.testing.assert_allclose(
        copy(people, boxes=BOX).keypoints_2d, model(people, boxes=BOX).keypoints_2d, atol=0.01
    )
    assert len(copy(people)) == 3


def test_a_configuration_with_other_runtime_options_round_trips(tmp_path):
    config = RTMPose3DConfig(model="rtmw3d-n", backend="torch", device="cuda:1", threads=4)
    config.save_pretrained(tmp_path)
    assert RTMPose3DConfig.from_pretrained(tmp_path) == config
    assert config.runtime == RuntimeOptions(backend="torch", device="cuda:1", threads=4)
    changed = RTMPose3DConfig.from_pretrained(tmp_path, threads=2)
    assert (changed.threads, changed.backend) == (2, "torch")


@pytest.mark.parametrize("flip_test", [True, False])
def test_the_configuration_decides_on_the_flip_test(opened, image, flip_test):
    boxes = [[0, 0, image.shape[1], image.shape[0]]]
    asked = RTMPose3D.from_pretrained("rtmw3d-n", flip_test=flip_test)(image, boxes=boxes)
    by_default = RTMPose3D.from_pretrained("rtmw3d-n")(image, boxes=boxes)  # with the flip test
    assert (asked.scores == by_default.scores).all() == flip_test


def test_only_files_are_the_source_of_a_result(opened, image, monkeypatch):
    monkeypatch.setattr(arguments, "load_image", lambda source, **_: image)
    model = RTMPose3D.from_pretrained("rtmw3d-n")
    sources = ["a.jpg", Path("b.jpg"), "https://host/c.jpg", "HTTP://host/d.jpg", image]
    results = model(sources)
    assert [result.source for result in results] == [Path("a.jpg"), Path("b.jpg"), None, None, None]
