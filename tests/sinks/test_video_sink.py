"""Overlay videos: frames, times, size and sound of the source; ends."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from example_results import example_result
from rtmpose3d.errors import InputError, OutputError
from rtmpose3d.sinks import load_results, open_sink
from rtmpose3d.sinks.video import VideoSink, partial
from rtmpose3d.sinks.video.encoder import VideoEncoder
from rtmpose3d.sources.video import open_frames
from rtmpose3d.structures import PoseResult
from video_files import frame_number, make_video, steady

av = pytest.importorskip("av")


def results_from(path: Path, people: int = 0, **options) -> list[PoseResult]:
    """A result for each frame of a video, of people who are not in it."""
    with open_frames(path, **options) as frames:
        return [
            replace(
                example_result(people, seed=frame.index, track_ids=np.arange(people) + 1),
                image=frame.image,
                image_size_wh=frame.size_wh,
                frame_index=frame.index,
                time_s=frame.time_s,
                source=frame.source,
                camera=None if people == 0 else example_result(1).camera,
            )
            for frame in frames
        ]


def write(path: Path, results, **options) -> Path:
    with VideoSink(path, **options) as sink:
        for result in results:
            sink.write(result)
    return path


def sound_s(path: Path) -> tuple[float, float]:
    """Start and duration of the sound."""
    with av.open(str(path)) as container:
        track = container.streams.audio[0]
        times = [float(p.pts * p.time_base) for p in container.demux(track) if p.pts is not None]
        return min(times), float(track.duration * track.time_base)


@pytest.mark.parametrize("size_wh", [(64, 48), (33, 27), (48, 64)])
def test_frames_keep_their_order_times_and_size(tmp_path, size_wh):
    times = [0.0, 0.02, 0.1, 0.5, 0.52, 1.7]
    options = {"size_wh": size_wh, "codec": "ffv1", "pix_fmt": "yuv444p"}
    source = make_video(tmp_path / "a.mkv", times, **options)
    written = write(tmp_path / "b.mp4", results_from(source))
    with open_frames(written) as stream:
        frames = list(stream)
    assert [frame_number(frame.image) for frame in frames] == list(range(6))
    assert [frame.time_s for frame in frames] == pytest.approx(times, abs=1e-4)
    assert stream.info.size_wh == (size_wh[0] + size_wh[0] % 2, size_wh[1] + size_wh[1] % 2)
    with av.open(str(written)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    data = written.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "players start before they have all of it"


def test_rotated_videos_become_upright(tmp_path):
    source = make_video(tmp_path / "a.mp4", steady(3), rotation=90)
    written = write(tmp_path / "b.mp4", results_from(source))
    with open_frames(written) as stream:
        assert [frame.size_wh for frame in stream] == [(48, 64)] * 3
    with av.open(str(written)) as container:
        assert next(container.decode(video=0)).rotation == 0


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "aac"), (".mkv", "pcm_s16le"), (".mkv", "libopus")]
)
def test_the_sound_of_the_source_is_kept(tmp_path, suffix, codec):
    source = make_video(tmp_path / f"a{suffix}", steady(60), sound_s=2.0, sound_codec=codec)
    written = write(tmp_path / "b.mp4", results_from(source))
    begin, duration = sound_s(written)
    assert begin == pytest.approx(0, abs=0.03)
    assert duration == pytest.approx(2.0, abs=0.08)
    with av.open(str(written)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


def test_the_sound_of_a_part_starts_with_the_part(tmp_path):
    silent, loud = np.zeros(48_000), np.ones(48_000)
    source = make_video(
        tmp_path / "a.mp4", steady(60), sound_s=2.0, envelope=np.concatenate([silent, loud])
    )
    written = write(tmp_path / "b.mp4", results_from(source, start_s=0.5, end_s=1.5))
    assert sound_s(written)[1] == pytest.approx(1.0, abs=0.08)
    with av.open(str(written)) as container:
        parts = [frame.to_ndarray().mean(axis=0) for frame in container.decode(audio=0)]
    samples = np.abs(np.concatenate(parts))
    onset = int(np.argmax(samples > 0.05 * samples.max())) / 48_000
    assert onset == pytest.approx(0.5, abs=0.05)  # at 1.0 s of the source
    with open_frames(written) as stream:
        assert next(stream).time_s == 0


def test_without_sound_there_is_no_track(tmp_path):
    source = make_video(tmp_path / "a.mp4", steady(3), sound_s=0.3)
    for results, options in (
        (results_from(source), {"sound": False}),
        ([replace(result, source=None) for result in results_from(source)], {}),
    ):
        with av.open(str(write(tmp_path / "b.mp4", results, **options))) as container:
            assert not container.streams.audio


def test_people_are_drawn_and_may_be_shown_in_3d_next_to_it(tmp_path):
    source = make_video(tmp_path / "a.mp4", steady(3), size_wh=(640, 426))
    plain = results_from(source)
    people = results_from(source, people=2)
    flat = write(tmp_path / "flat.mp4", people)
    with open_frames(flat) as stream:
        drawn = next(stream).image
    assert np.abs(drawn.astype(int) - plain[0].image).max() > 50
    with open_frames(write(tmp_path / "both.mp4", people, view="both")) as stream:
        frames = list(stream)
    assert [frame.size_wh for frame in frames] == [(640 + 426, 426)] * 3
    assert np.abs(frames[0].image[:, :640].astype(int) - drawn).mean() < 6


def test_a_change_of_size_keeps_that_of_the_video(tmp_path):
    first = results_from(make_video(tmp_path / "a.mp4", steady(2)))
    second = results_from(make_video(tmp_path / "b.mp4", steady(2), size_wh=(128, 96)))
    later = [replace(result, time_s=1 + result.time_s) for result in second]
    with open_frames(write(tmp_path / "c.mp4", [*first, *later])) as stream:
        assert [frame.size_wh for frame in stream] == [(64, 48)] * 4


def test_one_frame_is_a_video(tmp_path):
    source = make_video(tmp_path / "a.mp4", [0.0])
    with open_frames(write(tmp_path / "b.mp4", results_from(source))) as stream:
        assert len(list(stream)) == 1


def test_results_without_image_or_time_are_refused_and_the_file_stays_usable(tmp_path):
    results = results_from(make_video(tmp_path / "a.mp4", steady(3)))
    with VideoSink(tmp_path / "b.mp4") as sink:
        sink.write(results[0])
        with pytest.raises(InputError, match="no image"):
            sink.write(results[1].without_image())
        with pytest.raises(InputError, match="without time_s"):
            sink.write(replace(results[1], time_s=None))
        sink.write(results[2])
    with open_frames(tmp_path / "b.mp4") as stream:
        assert [frame_number(frame.image) for frame in stream] == [0, 2]


def test_the_file_appears_at_the_end_also_after_ctrl_c_but_not_after_an_error(tmp_path):
    results = results_from(make_video(tmp_path / "a.mp4", steady(4), sound_s=0.2))
    path = tmp_path / "b.mp4"
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), open_sink(path) as sink:  # noqa: PT012
            for result in results[:3]:
                sink.write(result)
            assert not path.exists()
            assert (tmp_path / "b.part.mp4").exists()
            raise error
        assert path.exists() == (error is KeyboardInterrupt)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "b.mp4"][: 1 + path.exists()]
    with open_frames(path) as stream:
        assert len(list(stream)) == 3


def test_a_video_without_results_does_not_appear(tmp_path):
    with pytest.raises(InputError, match="no result was written"), VideoSink(tmp_path / "b.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_exist_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="its folder does not exist"):
        VideoSink(tmp_path / "none" / "b.mp4").open()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_device_that_is_full_is_an_output_error(tmp_path):
    results = results_from(make_video(tmp_path / "a.mp4", steady(70)))
    link = tmp_path / "b.mp4"
    link.symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"cannot write .*b\.mp4"):
        write(link, results)


def test_what_a_killed_process_leaves_has_all_but_the_last_second_with_sound(tmp_path):
    source = make_video(tmp_path / "a.mp4", steady(120), sound_s=4.0)
    path, results = tmp_path / "b.mp4", results_from(source)
    sink = VideoSink(path)
    sink.open()
    for result in results:
        sink.write(result)
    left = tmp_path / "left.mp4"
    left.write_bytes((tmp_path / "b.part.mp4").read_bytes())
    with open_frames(left) as stream:
        times = [frame.time_s for frame in stream]
    assert 80 <= len(times) < 120
    assert times == pytest.approx(steady(120)[: len(times)], abs=1e-4)
    assert sound_s(left)[0] == pytest.approx(0, abs=0.03)
    sink.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "b.mp4", "left.mp4"]


def test_the_frames_before_a_disk_was_full_become_the_file(tmp_path, monkeypatch):
    results = results_from(make_video(tmp_path / "a.mp4", steady(120)))
    path, encode = tmp_path / "b.mp4", VideoEncoder.encode

    def encode_until_full(self, image, time_s):
        if time_s > 3.0:
            raise OSError(errno.ENOSPC, "No space left on device")
        encode(self, image, time_s)

    monkeypatch.setattr(VideoEncoder, "encode", encode_until_full)
    with pytest.raises(OutputError, match=r"b\.mp4: the disk is full; .*b\.mp4 has the frames bef"):
        write(path, results)
    with open_frames(path) as stream:
        times = [frame.time_s for frame in stream]
    assert 60 <= len(times) <= 91
    assert times == pytest.approx(steady(120)[: len(times)], abs=1e-4)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_without_room_for_a_second_copy_the_fragments_become_the_file(tmp_path, monkeypatch):
    results = results_from(make_video(tmp_path / "a.mp4", steady(70), sound_s=2.0))
    monkeypatch.setattr(partial.shutil, "disk_usage", lambda path: SimpleNamespace(free=100))
    path = write(tmp_path / "b.mp4", results)
    assert b"moof" in path.read_bytes()
    with open_frames(path) as stream:
        assert [frame.time_s for frame in stream] == pytest.approx(steady(70), abs=1e-4)
    assert sound_s(path)[0] == pytest.approx(0, abs=0.03)


def test_json_lines_next_to_it_hold_the_same_frames(tmp_path):
    results = results_from(make_video(tmp_path / "a.mp4", steady(4)), people=1)
    with open_sink(tmp_path / "b.mp4") as video, open_sink(tmp_path / "b.jsonl") as lines:
        for result in results:
            video.write(result)
            lines.write(result)
    assert [result.time_s for result in load_results(tmp_path / "b.jsonl")] == [
        result.time_s for result in results
    ]
