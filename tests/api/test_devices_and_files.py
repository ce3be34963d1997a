"""Runtime options, moves between devices, saved folders and copies for other processes."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from rtmpose3d import BackendError, InputError, RTMPose3D, RTMPose3DConfig, RTMPose3DInference
from rtmpose3d.api import opening
from rtmpose3d.runtime import RuntimeOptions

BOX = [[80, 110, 290, 600]]


class Opened:
    """Notes with which options the networks are opened; opens them on the CPU."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pose: list[RuntimeOptions] = []
        self.detector: list[RuntimeOptions] = []
        open_pose, open_detector = opening.open_pose, opening.open_detector

        def note_pose(spec, path, options):
            if options.device == "cuda:7":
                raise BackendError("no such device")
            self.pose.append(options)
            return open_pose(spec, path, RuntimeOptions(device="cpu"))

        def note_detector(spec, path, options):
            self.detector.append(options)
            return open_detector(spec, path, RuntimeOptions(device="cpu"))

        monkeypatch.setattr(opening, "select_backend", lambda options: None)
        monkeypatch.setattr(opening, "open_pose", note_pose)
        monkeypatch.setattr(opening, "open_detector", note_detector)


@pytest.fixture
def opened(monkeypatch) -> Opened:
    return Opened(monkeypatch)


def test_runtime_options_reach_both_networks(opened, people):
    runtime = RuntimeOptions(device="cpu", threads=2, backend="onnxruntime")
    model = RTMPose3D.from_pretrained("rtmw3d-n", runtime=runtime)
    model(people)
    assert opened.pose == opened.detector == [runtime]


def test_single_options_take_precedence_over_runtime(opened):
    runtime = RuntimeOptions(device="cuda", threads=2)
    RTMPose3D.from_pretrained("rtmw3d-n", runtime=runtime, device="cpu", precision="fp32")
    RTMPose3D.from_pretrained("rtmw3d-n", backend="torch", threads=3)
    assert opened.pose == [
        RuntimeOptions(device="cpu", threads=2),
        RuntimeOptions(backend="torch", threads=3),
    ]


def test_wrong_runtime_options_are_refused():
    with pytest.raises(InputError, match="precision must be one of fp32"):
        RTMPose3D.from_pretrained("rtmw3d-n", precision="fp16")
    with pytest.raises(InputError, match="threads must be at least 1"):
        RTMPose3DConfig(model="rtmw3d-n", threads=0)


@pytest.mark.slow
def test_moving_to_a_device_moves_the_detector_too(opened, people):
    model = RTMPose3D.from_pretrained("rtmw3d-n", device="cpu", flip_test=False)
    model(people)
    assert model.to("cuda:1") is model
    model(people)
    model(people)
    assert [options.device for options in opened.pose] == ["cpu", "cuda:1"]
    assert [options.device for options in opened.detector] == ["cpu", "cuda:1"]
    assert model.config.device == "cuda:1"


def test_a_move_that_fails_leaves_everything_where_it_was(opened, people):
    model = RTMPose3D.from_pretrained("rtmw3d-n", device="cpu", flip_test=False)
    with pytest.raises(BackendError):
        model.to("cuda:7")
    model(people)
    assert model.config.device == "cpu"
    assert [options.device for options in opened.detector] == ["cpu"]


def test_a_detector_in_onnx_runs_next_to_a_pose_network_in_torch(opened, people, monkeypatch):
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
        model(people)
    assert paths == [(".onnx", "auto")]
    assert opened.pose[0].backend == "torch"


@pytest.mark.slow
def test_a_saved_folder_says_nothing_of_this_machine(tmp_path: Path, people) -> None:
    model = RTMPose3D.from_pretrained(
        "rtmw3d-n", device="cpu", threads=1, bbox_thr=0.82, cache_dir=tmp_path / "cache"
    )
    model.save_pretrained(tmp_path / "mine")
    saved = json.loads((tmp_path / "mine" / "config.json").read_text("utf-8"))
    assert (saved["device"], saved["threads"], saved["cache_dir"]) == ("auto", None, None)
    assert (saved["bbox_thr"], saved["model"], saved["detector"]) == (0.82, "rtmw3d-n", "rtmdet-n")
    for name in ("pose_checkpoint", "detector_checkpoint"):
        assert (tmp_path / "mine" / saved[name]).is_file()
    again = RTMPose3D.from_pretrained(tmp_path / "mine", device="cpu")
    a, b = model(people), again(people)
    np.testing.assert_allclose(a.keypoints_2d, b.keypoints_2d, atol=0.01)
    assert len(a) == len(b) > 0


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
