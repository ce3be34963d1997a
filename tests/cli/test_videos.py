"""Videos in `rtmpose3d predict`, and `rtmpose3d live`: files, failures, Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from fake_sessions import open_people, open_standing
from rtmpose3d import RTMPose3D
from rtmpose3d.api import RTMPose3DConfig
from rtmpose3d.cli.interrupts import finish_on_interrupt
from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.cli.video_files import split_videos
from rtmpose3d.cli.video_run import write_stream
from rtmpose3d.pipeline import PoseEstimator
from rtmpose3d.sinks import load_results
from rtmpose3d.sinks.json_files import JsonLinesSink
from rtmpose3d.sources.video import open_frames
from video_files import frame_number, make_sound, make_video, steady

pytest.importorskip("av")
SIZE_WH = (160, 120)


@pytest.fixture
def one_person(monkeypatch, tmp_path):
    """A model that sees one standing person in every frame."""
    monkeypatch.chdir(tmp_path)
    boxes = np.array([[40, 20, 70, 100]], np.float32)
    people = defaultdict(lambda: (boxes, np.array([0.9])))
    detector, _ = open_people(people, SIZE_WH)
    model = object.__new__(RTMPose3D)
    model.config = RTMPose3DConfig(model="rtmw3d-n")
    model._estimator = PoseEstimator(
        pose=open_standing("rtmw3d-n")[0], detector=detector, flip_test=False
    )
    monkeypatch.setattr(ModelOptions, "load", lambda options: model)
    return model


def video(path: Path, count: int = 6, **options) -> Path:
    return make_video(path, steady(count), size_wh=SIZE_WH, **options)


def files(folder: Path) -> list[str]:
    return sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file())


def test_a_video_gives_an_overlay_and_json_lines(cli, one_person, tmp_path):
    video(tmp_path / "walk.mp4", sound_s=0.2)
    done = cli("predict", "walk.mp4")
    assert done.exit_code == 0, done.output
    assert files(tmp_path / "outputs") == ["walk.jsonl", "walk_pose.mp4"]
    results = list(load_results(tmp_path / "outputs" / "walk.jsonl"))
    assert [result.frame_index for result in results] == list(range(6))
    assert [result.track_ids.tolist() for result in results] == [[1]] * 6
    with open_frames(tmp_path / "outputs" / "walk_pose.mp4") as frames:
        assert len(list(frames)) == 6
        assert frames.info.has_audio
    assert "walk.mp4: 6 frames, 1 person at once, 1 track" in done.output
    assert "1 of 1 video done; results in outputs" in done.output


def test_formats_of_one_result_fill_a_folder(cli, one_person, tmp_path):
    pytest.importorskip("pyarrow")
    video(tmp_path / "walk.mp4", 3)
    done = cli("predict", "walk.mp4", "--save", "csv,parquet,npz,png", "--every", 2)
    assert done.exit_code == 0, done.output
    assert files(tmp_path / "outputs") == [
        "walk.csv",
        "walk.parquet",
        "walk/walk_000000.npz",
        "walk/walk_000000_pose.png",
        "walk/walk_000002.npz",
        "walk/walk_000002_pose.png",
    ]


def test_options_reach_the_stream(cli, one_person, tmp_path):
    video(tmp_path / "walk.mp4", 12)
    done = cli(
        *("predict", "walk.mp4", "--save", "jsonl", "--start", 0.1, "--end", 0.3, "--no-track"),
        *("--fov-deg", 70, "--axes", "camera"),
    )
    assert done.exit_code == 0, done.output
    results = list(load_results(tmp_path / "outputs" / "walk.jsonl"))
    assert [result.frame_index for result in results] == [3, 4, 5, 6, 7, 8]
    assert results[0].track_ids is None
    assert results[0].axes == "camera"
    assert results[0].camera.fx == pytest.approx(80 / np.tan(np.deg2rad(35)))


def test_a_bad_video_does_not_stop_the_others(cli, one_person, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    video(folder / "a.mp4", 2)
    make_sound(folder / "b.mp4")
    (folder / "c.mp4").touch()
    video(folder / "d.mkv", 2)
    done = cli("predict", "clips", "--save", "jsonl")
    assert done.exit_code == 1
    assert files(tmp_path / "outputs") == ["a.jsonl", "d.jsonl"]
    assert "2 of 4 videos done" in done.output
    assert "b.mp4 has no video, only sound" in done.output
    assert "c.mp4 is empty (0 bytes)" in done.output


def test_a_cut_video_is_noted(cli, one_person, tmp_path):
    noise = list(np.random.default_rng(0).integers(0, 255, (20, 120, 160, 3), np.uint8))
    whole = video(
        tmp_path / "a.mp4",
        20,
        images=noise,
        key_frame_every=4,
        container_options={"movflags": "faststart"},
    )
    (tmp_path / "cut.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    done = cli("predict", "cut.mp4", "--save", "jsonl")
    assert done.exit_code == 0, done.output
    assert "of 20 frames are missing" in done.output


def test_a_calibration_reaches_the_stream(cli, one_person, tmp_path):
    video(tmp_path / "walk.mp4", 4)
    (tmp_path / "lens.toml").write_text(
        "[cam]\nsize = [320, 240]\nmatrix = [[300, 0, 160], [0, 300, 120], [0, 0, 1]]\n"
        "distortions = [-0.2, 0.01, 0, 0, 0]\n"
    )
    done = cli("predict", "walk.mp4", "--save", "jsonl", "--calibration", "lens.toml")
    assert done.exit_code == 0, done.output
    for result in load_results(tmp_path / "outputs" / "walk.jsonl"):
        assert (result.camera.fx, result.camera.width) == (150, 160)
        assert result.camera.source == "calibration"
        assert result.camera.distortion.coefficients == (-0.2, 0.01, 0, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--start 2 --end 1", "--end must be after --start"),
        ("--fps 0", "--fps must be above 0"),
        ("--no-track --smooth live", "needs --track"),
        ("--no-track --detect-every 3", "needs --track"),
        ("--boxes 1,2,3,4", "--boxes is for images"),
        ("--skip-existing", "--skip-existing is for images"),
        ("--start 60 --save jsonl", "has no frame in the chosen time"),
    ],
)
def test_wrong_options_are_named(cli, one_person, tmp_path, arguments, message):
    video(tmp_path / "walk.mp4", 2)
    done = cli("predict", "walk.mp4", *arguments.split())
    assert done.exit_code in (1, 2)
    assert message in done.output
    assert not files(tmp_path / "outputs") if (tmp_path / "outputs").exists() else True


def test_overlay_videos_are_for_videos(cli, one_person, tmp_path):
    PIL.Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
    done = cli("predict", "a.png", "--save", "video")
    assert done.exit_code == 2
    assert "--save video is for videos" in done.output


def test_videos_are_separated_from_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.mp4", "in/b.png", "in/deep/A.MOV", "in/deep/a.webm", "only/x.mkv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def split(*texts: str, recursive: bool = False):
        videos, others = split_videos(texts, recursive=recursive, out=tmp_path / "out")
        return [(str(one.location), str(one.stem)) for one in videos], others

    assert split("in") == ([("in/a.mp4", "a")], ["in"])
    assert split("only") == ([("only/x.mkv", "x")], [])
    assert split("in", recursive=True) == (
        [("in/a.mp4", "a"), ("in/deep/A.MOV", "deep/A"), ("in/deep/a.webm", "deep/a-2")],
        ["in"],
    )
    assert split("in/*.mp4", "in/a.mp4") == ([("in/a.mp4", "a")], [])
    assert split("gone.mp4", "b.png", "http://host/dir/c.mp4?x=1", "http://host/d.jpg") == (
        [("gone.mp4", "gone"), ("http://host/dir/c.mp4?x=1", "c")],
        ["b.png", "http://host/d.jpg"],
    )


# -- Ctrl-C ------------------------------------------------------------------------------------


def test_ctrl_c_requests_the_end_once_and_then_raises():
    calls = []
    before = signal.getsignal(signal.SIGINT)
    with finish_on_interrupt(lambda: calls.append(1)) as interruption:
        signal.raise_signal(signal.SIGINT)
        assert interruption.requested
        assert calls == [1]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


class SinkInterruptedAtItsEnd(JsonLinesSink):
    """A sink during whose end Ctrl-C is pressed."""

    def __exit__(self, *error) -> None:
        signal.raise_signal(signal.SIGINT)
        super().__exit__(*error)


def test_ctrl_c_while_files_are_completed_does_not_abandon_them(one_person, tmp_path):
    stream = one_person.stream(video(tmp_path / "walk.mp4"))
    path = tmp_path / "walk.jsonl"
    summary = write_stream(stream, [SinkInterruptedAtItsEnd(path)], after_frame=lambda *_: None)
    assert summary.interrupted
    assert summary.frames == len(list(load_results(path))) == 6


def start_run(folder: Path, frames: int) -> subprocess.Popen[str]:
    """`rtmpose3d predict` with the bundled model, on a long video, in a process of its own."""
    video(folder / "long.mp4", frames, sound_s=1.0)
    command = [sys.executable, "-m", "rtmpose3d", "predict", "long.mp4", "-m", "rtmw3d-n"]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_for_lines(path: Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 240
    while not path.exists() or path.read_bytes().count(b"\n") <= count:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("lines", [1, 7, 23])
def test_interrupted_runs_leave_complete_files(tmp_path, lines):
    process = start_run(tmp_path, 2000)
    output = tmp_path / "outputs" / "long.jsonl"
    wait_for_lines(output, lines, process)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 130, text
    assert "interrupted; what is written stays" in text
    assert files(tmp_path / "outputs") == ["long.jsonl", "long_pose.mp4"]
    results = list(load_results(output))
    with open_frames(tmp_path / "outputs" / "long_pose.mp4") as stream:
        frames = list(stream)
        assert stream.notes == ()
    assert lines <= len(frames) == len(results) < 2000
    assert frame_number(frames[0].image) == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("lines", [1, 12])
def test_killed_runs_leave_all_complete_lines(tmp_path, lines):
    process = start_run(tmp_path, 2000)
    output = tmp_path / "outputs" / "long.jsonl"
    wait_for_lines(output, lines, process)
    process.kill()
    process.communicate(timeout=120)
    data = output.read_bytes()
    output.write_bytes(data[: data.rindex(b"\n") + 1])
    results = list(load_results(output))
    assert len(results) >= lines
    assert [result.frame_index for result in results] == list(range(len(results)))


# -- live --------------------------------------------------------------------------------------


class FakeCamera:
    """A webcam of a steady grey image that is unplugged after some frames."""

    def __init__(self, number: int) -> None:
        self.left = 40

    def isOpened(self) -> bool:
        return self.left > 0

    def get(self, key: int) -> float:
        return {cv2.CAP_PROP_FRAME_WIDTH: 160, cv2.CAP_PROP_FRAME_HEIGHT: 120}.get(key, 30.0)

    def read(self):
        self.left -= 1
        time.sleep(0.04)
        return self.left > 0, np.full((120, 160, 3), 90, np.uint8)

    def release(self) -> None:
        self.left = 0


def test_live_writes_files_and_prints_lines(cli, one_person, tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    done = cli("live", "--no-window", "--save", "jsonl,video", "--end", 1.3)
    assert done.exit_code == 0, done.output
    names = files(tmp_path / "outputs")
    assert [Path(name).suffix for name in names] == [".jsonl", ".mp4"]
    results = list(load_results(tmp_path / "outputs" / names[0]))
    assert len(results) > 3
    assert results[-1].track_ids.tolist() == [1]
    with open_frames(tmp_path / "outputs" / names[1]) as stream:
        assert len(list(stream)) == len(results)
    assert "frames per second, 1 person, delay 0." in done.output
    assert "dropped" in done.output


def test_a_camera_that_is_unplugged_ends_the_run_with_what_is_finished(
    cli, one_person, tmp_path, monkeypatch
):
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    done = cli("live", "0", "--no-window", "--save", "jsonl")
    assert done.exit_code == 1
    assert "camera 0 was disconnected" in done.output
    assert len(list(load_results(next((tmp_path / "outputs").iterdir())))) > 3


def test_live_refuses_what_needs_a_whole_video(cli, one_person):
    for options, message in ((("--smooth", "offline"), "needs a video"), (("--exif",), "images")):
        done = cli("live", *options)
        assert done.exit_code == 2
        assert message in done.output
