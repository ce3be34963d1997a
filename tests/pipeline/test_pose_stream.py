"""Streams: equal to single images without tracks, identities with them, clean ends."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from fake_sessions import open_crops, open_people, open_standing, paint_image
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.geometry import Camera
from rtmpose3d.pipeline import (
    PoseEstimator,
    PoseOptions,
    PoseStream,
    StreamEstimator,
    StreamOptions,
)
from rtmpose3d.sources.video import FrameStream, StreamInfo, open_frames
from rtmpose3d.structures import Frame, PoseResult
from rtmpose3d.tracking import smooth_offline

SIZE_WH = (160, 120)
PLAIN = StreamOptions(track=False, smooth="off", detect_every=1)
TRACKED = StreamOptions(smooth="off")


def walking_people(count: int, people: int = 1) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Boxes of people who walk to the right, by the blue value of frame number + 1."""
    frames = {}
    for number in range(count):
        left = 10.0 + 50 * np.arange(people) + 0.5 * number
        boxes = np.stack([left, left * 0 + 20, left + 30, left * 0 + 100], axis=1)
        frames[number + 1] = boxes.astype(np.float32), np.linspace(0.9, 0.8, people)
    return frames


def make_frames(count: int) -> list[Frame]:
    return [
        Frame(image=paint_image(number + 1, SIZE_WH), index=number, time_s=number / 30)
        for number in range(count)
    ]


def estimator(count: int, people: int = 1, opener=open_standing) -> PoseEstimator:
    detector, _ = open_people(walking_people(count, people), SIZE_WH)
    return PoseEstimator(pose=opener("rtmw3d-n")[0], detector=detector, flip_test=False)


def open_stream(frames, poses, options, *, batch_size=1, offline=False, **settings) -> PoseStream:
    return PoseStream(
        open_frames(frames),
        StreamEstimator(poses, options, **settings),
        batch_size=batch_size,
        offline=offline,
        reopen=lambda: open_frames(frames),
    )


@pytest.mark.parametrize("batch_size", [1, 3, 7, 20])
def test_without_tracks_results_equal_those_of_the_images_one_by_one(batch_size):
    frames, poses = make_frames(7), estimator(7, 2, open_crops)
    single = [poses.run([frame])[0] for frame in frames]
    with open_stream(frames, poses, PLAIN, batch_size=batch_size) as stream:
        results = list(stream)
    assert results == single
    assert [result.frame_index for result in results] == list(range(7))
    assert all(result.image is frame.image for result, frame in zip(results, frames, strict=True))


@pytest.mark.parametrize(("min_person_confidence", "people"), [(0.01, 1), (None, 0)])
def test_weak_detections_are_tracked_where_the_pose_network_confirms_them(
    min_person_confidence, people
):
    found = {
        value: (boxes, scores * 0 + 0.35) for value, (boxes, scores) in walking_people(6).items()
    }
    session = open_standing("rtmw3d-n")[0]
    session.spec = replace(session.spec, min_person_confidence=min_person_confidence)
    poses = PoseEstimator(pose=session, detector=open_people(found, SIZE_WH)[0], flip_test=False)
    with open_stream(make_frames(6), poses, TRACKED) as stream:
        assert [len(result) for result in stream] == [people] * 6


def test_frames_of_a_batch_share_the_calls_of_the_networks():
    detector, detector_network = open_people(walking_people(6), SIZE_WH)
    session, network = open_crops("rtmw3d-n")
    poses = PoseEstimator(pose=session, detector=detector, flip_test=False)
    with open_stream(make_frames(6), poses, PLAIN, batch_size=3) as stream:
        assert len(list(stream)) == 6
    assert detector_network.calls == [3, 3]
    assert network.calls == [3, 3]


def test_people_keep_their_identity_and_have_it_from_the_first_frame():
    with open_stream(make_frames(20), estimator(20, 2), TRACKED) as stream:
        results = list(stream)
    assert [result.frame_index for result in results] == list(range(20))
    assert all(sorted(result.track_ids.tolist()) == [1, 2] for result in results)
    left = [float(r.bboxes[r.track_ids.tolist().index(1), 0]) for r in results]
    assert np.ptp(left) < 25  # ids are not exchanged: the people are 50 px apart


def test_live_results_do_not_wait_so_that_identities_come_later():
    process = StreamEstimator(estimator(5), TRACKED, is_live=True)
    counts = [len(process.run([frame])[0]) for frame in make_frames(5)]
    assert counts == [0, 0, 1, 1, 1]


def test_the_detector_runs_every_few_frames_and_when_no_one_is_followed():
    for every, expected in ((1, 12), (4, 3), (100, 1)):
        process = StreamEstimator(estimator(12), replace(TRACKED, detect_every=every))
        for frame in make_frames(12):
            process.run([frame])
        assert process.detections == expected
    no_people = {number + 1: (np.zeros((0, 4), np.float32), np.zeros(0)) for number in range(5)}
    poses = replace(estimator(5), detector=open_people(no_people, SIZE_WH)[0])
    process = StreamEstimator(poses, TRACKED)
    results = [result for frame in make_frames(5) for result in process.run([frame])]
    assert process.detections == 5
    assert all(len(result) == 0 for result in [*results, *process.flush()])


def test_people_keep_the_score_of_their_last_detection():
    with open_stream(make_frames(20), estimator(20, 2), replace(TRACKED, detect_every=6)) as stream:
        for result in stream:  # the first frames, before a track is confirmed, are no exception
            scores = dict(zip(result.track_ids.tolist(), result.bbox_scores.tolist(), strict=True))
            assert scores == pytest.approx({1: 0.9, 2: 0.8}, abs=1e-3)


def test_a_person_whom_the_detector_misses_is_followed_by_the_pose():
    people = walking_people(20)
    for number in range(8, 20):
        people[number] = np.zeros((0, 4), np.float32), np.zeros(0)
    poses = replace(estimator(20), detector=open_people(people, SIZE_WH)[0])
    with open_stream(make_frames(18), poses, replace(TRACKED, detect_every=2)) as stream:
        assert [result.track_ids.tolist() for result in stream] == [[1]] * 18


def test_max_people_keeps_those_with_a_track_then_the_surest():
    poses = estimator(8, 3)
    with open_stream(make_frames(8), poses, replace(TRACKED, max_people=2)) as stream:
        assert [sorted(r.track_ids.tolist()) for r in stream] == [[1, 2]] * 8
    with open_stream(make_frames(8), poses, replace(PLAIN, max_people=1)) as stream:
        assert [float(r.bbox_scores[0]) for r in stream] == pytest.approx([0.9] * 8)


def test_single_person_follows_one():
    options = PoseOptions(single_person=True)
    with open_stream(make_frames(8), estimator(8, 3), TRACKED, pose_options=options) as stream:
        assert [len(result) for result in stream] == [1] * 8


def test_the_camera_follows_from_the_frame():
    def camera(frame: Frame) -> Camera | None:
        fixed = Camera.from_fov(width=160, height=120)
        return None if frame.index == 1 else replace(fixed, fx=100 + frame.index)

    with open_stream(make_frames(3), estimator(3), PLAIN, camera=camera) as stream:
        default = Camera.from_fov(width=160, height=120).fx
        assert [result.camera.fx for result in stream] == [100, default, 102]


def test_offline_results_are_those_of_smooth_offline_with_their_images():
    frames, poses = make_frames(12), estimator(12, 2)
    with open_stream(frames, poses, TRACKED) as stream:
        plain = [result.without_image() for result in stream]
    with open_stream(frames, poses, TRACKED, offline=True) as stream:
        results = list(stream)
    assert results == smooth_offline(plain)
    assert all(result.image is frame.image for result, frame in zip(results, frames, strict=True))


def test_live_smoothing_needs_tracks():
    for options in ({"smooth": "live"}, {"smooth": "off"}):
        with pytest.raises(InputError, match="need tracks"):
            StreamOptions(track=False, **options)
    with pytest.raises(UnknownNameError, match="unknown smoothing"):
        StreamOptions(smooth="soft")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="max_people must be"):
        StreamOptions(max_people=0)


# -- ends --------------------------------------------------------------------------------------


class FailingStream(FrameStream):
    """Frames, then an error of the source."""

    def __init__(self, frames: list[Frame], *, live: bool = False) -> None:
        super().__init__(StreamInfo(name="failing"))
        self.is_live = live
        self.left = iter(frames)
        self.given = 0
        self.closed = False

    def __next__(self) -> Frame:
        for frame in self.left:
            self.given += 1
            return frame
        raise InputError("the cable was pulled")

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("options", [PLAIN, TRACKED], ids=["plain", "tracked"])
def test_an_error_of_the_source_comes_after_the_results_of_its_frames(options, batch_size):
    source = FailingStream(make_frames(6))
    stream = PoseStream(source, StreamEstimator(estimator(6), options), batch_size=batch_size)
    results: list[PoseResult] = []
    with stream, pytest.raises(InputError, match="the cable was pulled"):
        results.extend(stream)
    assert [result.frame_index for result in results] == list(range(6))
    assert source.closed


def test_an_error_of_the_networks_comes_after_the_finished_results():
    frames = make_frames(6)
    frames[4] = replace(frames[4], image=paint_image(200, SIZE_WH))  # no boxes for this one
    stream = open_stream(frames, estimator(6), PLAIN)
    results: list[PoseResult] = []
    with stream, pytest.raises(KeyError):
        results.extend(stream)
    assert [result.frame_index for result in results] == [0, 1, 2, 3]


def test_leaving_early_ends_the_threads_and_closes_the_source():
    source = FailingStream(make_frames(200))
    poses = StreamEstimator(estimator(200), PLAIN)
    with PoseStream(source, poses) as stream:
        next(stream)
    assert source.closed
    names = {"rtmpose3d-read", "rtmpose3d-estimate"}
    deadline = time.monotonic() + 20
    while names & {thread.name for thread in threading.enumerate()}:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_frames_wait_in_short_queues_so_that_memory_is_bounded():
    source = FailingStream(make_frames(150))
    with PoseStream(source, StreamEstimator(estimator(150), PLAIN), batch_size=2) as stream:
        next(stream)
        time.sleep(0.5)
        assert source.given <= 1 + 4 + 2 * 2 + 2 * 2 + 4
        assert len([next(stream) for _ in range(100)]) == 100


def test_a_live_source_cannot_be_smoothed_offline():
    source = FailingStream(make_frames(2), live=True)
    with pytest.raises(InputError, match="has no end"):
        PoseStream(source, StreamEstimator(estimator(2), TRACKED, is_live=True), offline=True)


def test_stopping_ends_the_results_soon():
    source = FailingStream(make_frames(200))
    with PoseStream(source, StreamEstimator(estimator(200), PLAIN)) as stream:
        next(stream)
        stream.stop()
        assert list(stream) == []
