"""Videos as frames: exact times, upright images, seeking, and files that are damaged or cut."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtmpose3d.errors import InputError, MissingDependencyError
from rtmpose3d.geometry import Camera
from rtmpose3d.sources.video import open_frames, video_file
from rtmpose3d.sources.video.truncation import is_truncated
from video_files import frame_number, make_sound, make_video, steady


def read(source, **options):
    with open_frames(source, **options) as stream:
        return list(stream), stream


def numbers(frames) -> list[int]:
    return [frame_number(frame.image) for frame in frames]


def test_every_frame_has_its_index_its_presentation_time_and_its_file(tmp_path):
    times = [0.0, 0.033, 0.071, 0.2, 0.21, 0.9, 0.905, 2.5]  # variable frame rate
    path = make_video(tmp_path / "a.mp4", times)
    frames, stream = read(path)
    assert numbers(frames) == [frame.index for frame in frames] == list(range(8))
    assert [frame.time_s for frame in frames] == pytest.approx(times, abs=1e-6)
    assert {frame.source for frame in frames} == {path}
    assert stream.info.size_wh == (64, 48)
    assert stream.info.frame_count == 8
    assert stream.notes == ()


def test_times_count_from_the_first_frame_of_the_video(tmp_path):
    times = [10.0 + time for time in steady(4)]
    path = make_video(tmp_path / "a.mkv", times)
    assert [frame.time_s for frame in read(path)[0]] == pytest.approx(steady(4), abs=1e-6)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_images_are_upright(tmp_path, rotation):
    shown = np.zeros((48, 64, 3), np.uint8)
    shown[:16, :16] = 255  # top left of the upright image
    stored = np.ascontiguousarray(np.rot90(shown, -rotation // 90))
    height, width = stored.shape[:2]
    path = make_video(
        tmp_path / "a.mp4",
        steady(2),
        size_wh=(width, height),
        rotation=rotation,
        images=[stored] * 2,
    )
    frames, stream = read(path)
    assert stream.info.size_wh == (64, 48)
    assert np.abs(frames[0].image.astype(int) - shown).max() < 60
    assert frames[0].image[4, 4].min() > 200


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("start_s", [0.0, 0.034, 1.0, 4.5, 7.99])
def test_a_later_start_gives_the_same_frames_as_reading_from_the_beginning(
    tmp_path, suffix, start_s
):
    path = make_video(tmp_path / f"a{suffix}", steady(250, 30), key_frame_every=40)
    everything, _ = read(path)
    late, _ = read(path, start_s=start_s)
    expected = [frame for frame in everything if frame.time_s >= start_s - 1e-6]
    assert [(frame.index, frame.time_s) for frame in late] == [
        (frame.index, frame.time_s) for frame in expected
    ]
    assert all(
        np.array_equal(one.image, two.image) for one, two in zip(late, expected, strict=True)
    )


def test_end_every_and_fps_choose_frames(tmp_path):
    path = make_video(tmp_path / "a.mp4", steady(18))
    assert numbers(read(path, end_s=0.2)[0]) == [0, 1, 2, 3, 4, 5]
    assert numbers(read(path, every=5)[0]) == [0, 5, 10, 15]
    assert numbers(read(path, start_s=0.1, every=5)[0]) == [3, 8, 13]
    assert numbers(read(path, fps=10)[0]) == [0, 3, 6, 9, 12, 15]
    assert numbers(read(path, fps=300)[0]) == list(range(18))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_s": -1}, "start must be a time"),
        ({"start_s": 2, "end_s": 1}, "end must be after start"),
        ({"every": 0}, "every must be a whole number from 1"),
        ({"fps": 0}, "fps must be above 0"),
        ({"timeout_s": 0}, "timeout must be above 0"),
        ({"reconnects": -1}, "reconnects must be"),
    ],
)
def test_options_out_of_range_are_refused(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        open_frames(tmp_path, **options)


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix"),
    [("libx264", "yuv420p10le", ".mp4"), ("ffv1", "yuv444p", ".mkv"), ("mpeg4", "yuv420p", ".avi")],
)
def test_other_codecs_and_ten_bits(tmp_path, codec, pix_fmt, suffix):
    path = make_video(tmp_path / f"a{suffix}", steady(6, 25), codec=codec, pix_fmt=pix_fmt)
    frames, _ = read(path)
    assert numbers(frames) == list(range(6))
    assert all(frame.image.dtype == np.uint8 for frame in frames)


def test_odd_sizes_and_single_frames(tmp_path):
    path = make_video(tmp_path / "a.mkv", [0.0], size_wh=(33, 27), codec="ffv1", pix_fmt="yuv444p")
    frames, stream = read(path)
    assert [frame.size_wh for frame in frames] == [(33, 27)]
    assert stream.notes == ()


def test_a_focal_length_in_the_metadata_gives_the_camera(tmp_path):
    path = make_video(
        tmp_path / "a.mov",
        steady(2),
        rotation=90,
        metadata={"com.apple.quicktime.camera.focal_length.35mm_equivalent": "26"},
        container_options={"movflags": "use_metadata_tags"},
    )
    camera = read(path)[0][0].camera
    assert camera == Camera.from_exif({0xA405: 26.0}, width=48, height=64)


# -- bad files --------------------------------------------------------------------------------


def test_files_that_are_no_videos_are_refused_in_words(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video")
    make_sound(tmp_path / "sound.mp4")
    (tmp_path / "folder.mp4").mkdir()
    for name, message in (
        ("empty.mp4", "is empty"),
        ("text.mp4", "is no video"),
        ("sound.mp4", "has no video, only sound"),
        ("gone.mp4", "there is no file"),
        ("folder.mp4", "no images in the folder"),
    ):
        with pytest.raises(InputError, match=message):
            read(tmp_path / name)


def test_a_recording_without_its_index_is_refused(tmp_path):
    whole = make_video(tmp_path / "a.mp4", steady(30)).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.mp4 is no video.*cut off has no index"):
        read(cut)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".mp4", {"movflags": "faststart"}),
        (".mp4", {"movflags": "frag_keyframe+empty_moov"}),
        (".mkv", {}),
    ],
)
def test_a_cut_file_gives_its_good_frames_and_a_note_of_the_missing_ones(tmp_path, suffix, options):
    noise = np.random.default_rng(0).integers(0, 255, (60, 48, 64, 3), np.uint8)
    whole = make_video(
        tmp_path / f"a{suffix}",
        steady(60),
        key_frame_every=5,
        images=list(noise),
        container_options=options,
    )
    everything, stream = read(whole)
    assert len(everything) == 60
    assert stream.notes == ()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    frames, stream = read(cut)
    assert 20 < len(frames) < 50
    assert [frame.index for frame in frames] == list(range(len(frames)))
    equal = [
        np.array_equal(one.image, two.image)
        for one, two in zip(frames, everything[: len(frames)], strict=True)
    ]
    assert all(equal[:-3])  # the last may be concealed where bytes are missing
    assert len(stream.notes) >= 1
    assert "cut off" in stream.notes[-1]
    if options != {"movflags": "frag_keyframe+empty_moov"}:
        assert " of 60 frames are missing" in stream.notes[-1]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov", ".avi"])
def test_truncation_shows_in_the_sizes_that_a_container_states(tmp_path, suffix):
    codec = {".avi": "mpeg4", ".webm": "libvpx"}.get(suffix, "libx264")
    whole = make_video(tmp_path / f"a{suffix}", steady(9), codec=codec)
    assert not is_truncated(whole)
    for size in (whole.stat().st_size - 1, whole.stat().st_size // 2):
        cut = tmp_path / f"cut{suffix}"
        cut.write_bytes(whole.read_bytes()[:size])
        assert is_truncated(cut)


@example(data=b"\x01" + 6 * b"\0", head=b"\x1aE\xdf\xa3")  # a size that is cut off
@example(data=b"\x01\xff" + 300 * b"\0", head=b"\x1aE\xdf\xa3")  # one of 2^55 bytes
@given(
    data=st.binary(max_size=300), head=st.sampled_from([b"", b"\0\0\0\x10ftyp", b"\x1aE\xdf\xa3"])
)
def test_any_bytes_are_searched_for_truncation_without_an_error(data, head):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.mp4")
        path.write_bytes(head + data)
        assert is_truncated(path) in (False, True)


def test_a_cut_file_loses_no_frame_to_threads_that_decode_it(tmp_path, monkeypatch):
    monkeypatch.setattr(video_file, "usable_cores", lambda: 8)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(24)]
    options = {"movflags": "frag_keyframe+empty_moov"}
    whole = make_video(tmp_path / "a.mp4", steady(24), images=images, container_options=options)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    good, av = 0, pytest.importorskip("av")
    with av.open(str(cut)) as container:
        for packet in container.demux(video=0):
            with suppress(av.error.InvalidDataError):
                good += len(packet.decode())
    assert good > 8
    assert len(read(cut)[0]) == good


def test_damaged_bytes_in_the_middle_lose_few_frames(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), np.uint8)
    path = make_video(tmp_path / "a.mkv", steady(40), key_frame_every=4, images=list(noise))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(data)
    frames, _ = read(path)
    assert len(frames) >= 25
    times = [frame.time_s for frame in frames]
    assert times == sorted(times)


def test_random_bytes_never_hang_or_raise_anything_but_an_input_error(tmp_path):
    whole = make_video(tmp_path / "a.mp4", steady(12), container_options={"movflags": "faststart"})
    data, random = whole.read_bytes(), np.random.default_rng(1)
    for _ in range(25):
        broken = bytearray(data)
        for position in random.integers(0, len(data), 30):
            broken[position] = random.integers(256)
        path = tmp_path / "broken.mp4"
        path.write_bytes(broken)
        try:
            frames, _ = read(path)
        except InputError:
            continue
        times = [frame.time_s for frame in frames]
        assert times == sorted(times)


def test_a_playlist_in_a_file_cannot_reach_the_network(tmp_path, no_network):
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError):
        read(path)


def test_an_index_at_the_end_behind_a_server_without_ranges_is_explained(tmp_path, raw_server):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (240, 320, 3), dtype=np.uint8) for _ in range(30)]
    data = make_video(
        tmp_path / "a.mp4", steady(30), size_wh=(320, 240), images=images
    ).read_bytes()
    assert data.find(b"mdat") < data.find(b"moov")

    def answer(connection, head):
        size = f"Content-Length: {len(data)}".encode()
        connection.sendall(b"HTTP/1.0 200 OK\r\n" + size + b"\r\n\r\n" + data)

    raw_server.answer = answer
    with pytest.raises(InputError, match="must support range requests: download the file"):
        open_frames(f"{raw_server.url}/a.mp4")


def test_a_missing_pyav_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    path = make_video(tmp_path / "a.mp4", steady(2))
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "rtmpose3d\[video\]"'):
        open_frames(path)


def test_names_that_ffmpeg_would_take_for_protocols_are_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "plain.mp4", steady(2)).rename(tmp_path / "concat:a|b%20.mp4")
    frames, _ = read("concat:a|b%20.mp4")
    assert len(frames) == 2
    assert frames[0].source == Path("concat:a|b%20.mp4")
