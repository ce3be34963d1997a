"""Webcams and addresses: the newest frame, dropped frames, time-outs, reconnections."""

from __future__ import annotations

import socket
import threading
import time

import cv2
import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.sources.video import is_live_source, open_frames
from video_files import frame_number, level, make_video, steady


class FakeCamera:
    """A webcam that gives numbered images when it is allowed to, and vanishes after the last."""

    count = 6
    opened = 0

    def __init__(self, number: int) -> None:
        self.number, self.read_count = number, 0
        self.is_open = number == 0
        self.own_gate = FakeCamera.gate  # a camera of an earlier test opens no later one's
        FakeCamera.opened += self.is_open

    gate = threading.Semaphore(0)

    def isOpened(self) -> bool:
        return self.is_open

    def get(self, key: int) -> float:
        return {cv2.CAP_PROP_FRAME_WIDTH: 8, cv2.CAP_PROP_FRAME_HEIGHT: 6}.get(key, 30.0)

    def read(self):
        if self.read_count >= self.count:
            self.is_open = False
            return False, None
        self.own_gate.acquire()
        self.read_count += 1
        return True, np.full((6, 8, 3), self.read_count, np.uint8)

    def release(self) -> None:
        self.is_open = False
        self.own_gate.release()


@pytest.fixture
def camera(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    FakeCamera.gate = threading.Semaphore(0)
    FakeCamera.opened = 0
    return FakeCamera


def wait_until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_only_the_newest_frame_is_given_and_the_others_are_counted(camera):
    with open_frames(0, timeout_s=20) as stream:
        assert stream.is_live
        camera.gate.release()
        first = next(stream)
        camera.gate.release(3)
        wait_until(lambda: stream.dropped == 2)
        second = next(stream)
        assert [int(first.image[0, 0, 0]), int(second.image[0, 0, 0])] == [1, 4]
        assert [first.index, second.index] == [0, 3]
        assert second.time_s > first.time_s >= 0
        assert 0 <= stream.latency_s(second.time_s) < 20
        assert stream.info.size_wh == (8, 6)
        camera.gate.release(9)


def test_a_camera_that_vanishes_is_an_error_after_its_last_frame(camera):
    with open_frames("0", timeout_s=20) as stream:
        camera.gate.release(6)
        wait_until(lambda: stream.dropped == 5)
        assert int(next(stream).image[0, 0, 0]) == 6
        with pytest.raises(InputError, match="camera 0 was disconnected"):
            next(stream)


def test_a_camera_that_vanishes_is_connected_again_on_request(camera):
    with open_frames(0, timeout_s=20, reconnects=1) as stream:
        camera.gate.release(6)
        wait_until(lambda: camera.opened == 2)
        camera.gate.release(1)
        frames = [next(stream)]
        while frames[-1].index < 6:
            frames.append(next(stream))
        assert int(frames[-1].image[0, 0, 0]) == 1
        assert [frame.time_s for frame in frames] == sorted(frame.time_s for frame in frames)
        assert "connecting again" in stream.notes[0]
        camera.gate.release(9)


def test_a_camera_without_frames_times_out(camera):
    with (
        open_frames(0, timeout_s=0.2) as stream,
        pytest.raises(InputError, match=r"camera 0 gave no frame within 0\.2 s"),
    ):
        next(stream)
    camera.gate.release(9)


def test_there_is_no_such_camera(camera):
    with pytest.raises(InputError, match="camera 3 cannot be opened"):
        open_frames(3)


def test_sources_that_are_always_live():
    assert is_live_source(0)
    assert is_live_source("rtsp://host/a")
    assert not is_live_source("http://host/a.mp4")
    assert not is_live_source("a.mp4")


# -- addresses ---------------------------------------------------------------------------------


class OneAnswerServer:
    """Answers each request with a header and some bytes, then waits or closes."""

    def __init__(self, header: bytes, chunks: list[bytes], *, stall: bool) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}/stream"
        self.answer = header, chunks, stall
        self.requests = 0
        self.done = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while not self.done.is_set():
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        header, chunks, stall = self.answer
        self.requests += 1
        with connection:
            try:
                connection.recv(65536)
                connection.sendall(header)
                for chunk in chunks:
                    connection.sendall(chunk)
                if stall:
                    self.done.wait(60)
            except OSError:
                return

    def close(self) -> None:
        self.done.set()
        self.socket.close()


def jpeg_parts(count: int) -> list[bytes]:
    parts = []
    for number in range(count):
        _, data = cv2.imencode(".jpg", np.full((48, 64, 3), level(number), np.uint8))
        head = f"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        parts.append(head.encode() + data.tobytes() + b"\r\n")
    return parts


MJPEG = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=cut\r\n\r\n"


@pytest.mark.slow
def test_a_stream_that_stalls_ends_with_an_error_after_its_good_frames():
    pytest.importorskip("av")
    server = OneAnswerServer(MJPEG, jpeg_parts(12), stall=True)
    try:
        began = time.monotonic()
        with open_frames(server.address, timeout_s=1.5) as stream:
            assert stream.is_live
            frames = []
            with pytest.raises(InputError, match=r"gave no frame within 1\.5 s"):
                frames.extend(stream)
        assert frame_number(frames[-1].image) >= 9
        assert time.monotonic() - began < 30
    finally:
        server.close()


@pytest.mark.slow
def test_a_server_that_never_answers_times_out():
    pytest.importorskip("av")
    server = OneAnswerServer(b"", [], stall=True)
    try:
        with pytest.raises(InputError, match="did not answer within 1 s"):
            open_frames(server.address, timeout_s=1)
    finally:
        server.close()


@pytest.mark.slow
def test_a_video_on_a_server_is_read_to_its_end(tmp_path):
    data = make_video(tmp_path / "a.mkv", steady(9)).read_bytes()
    header = f"HTTP/1.0 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    server = OneAnswerServer(header, [data], stall=False)
    try:
        with open_frames(server.address, timeout_s=20) as stream:
            assert not stream.is_live
            assert [frame_number(frame.image) for frame in stream] == list(range(9))
    finally:
        server.close()
