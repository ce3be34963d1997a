"""Folders, globs, arrays and frames as streams."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.sources.video import open_frames
from rtmpose3d.structures import Frame


def grey(level: int) -> np.ndarray:
    return np.full((6, 8, 3), level, np.uint8)


def levels(stream) -> list[int]:
    return [int(frame.image[0, 0, 0]) for frame in stream]


@pytest.fixture
def folder(tmp_path):
    for number in (1, 2, 10):
        PIL.Image.fromarray(grey(number)).save(tmp_path / f"{number}.png")
    return tmp_path


def test_a_folder_or_glob_gives_its_images_in_natural_order_at_the_frame_rate(folder):
    for source in (folder, str(folder), str(folder / "*.png")):
        with open_frames(source, fps=20) as stream:
            frames = list(stream)
        assert levels(frames) == [1, 2, 10]
        assert [(frame.index, frame.time_s) for frame in frames] == [(0, 0), (1, 0.05), (2, 0.1)]
        assert [frame.source.name for frame in frames] == ["1.png", "2.png", "10.png"]


def test_unreadable_images_are_skipped_and_named(folder):
    (folder / "3.png").write_bytes(b"no image")
    with open_frames(folder) as stream:
        frames = list(stream)
    assert [(frame.index, int(frame.image[0, 0, 0])) for frame in frames] == [
        (0, 1),
        (1, 2),
        (3, 10),
    ]
    assert "3.png is no image" in stream.notes[0]


def test_images_from_memory_may_come_from_a_generator():
    with open_frames(grey(level) for level in range(5)) as stream:
        assert not stream.is_live
        assert levels(stream) == [0, 1, 2, 3, 4]
    with open_frames(np.stack([grey(3), grey(4)])) as stream:
        assert levels(stream) == [3, 4]


def test_frames_keep_their_index_and_time():
    frames = [Frame(image=grey(1), index=7, time_s=0.5), Frame(image=grey(2))]
    with open_frames(frames, fps=10) as stream:
        assert [(frame.index, frame.time_s) for frame in stream] == [(7, 0.5), (1, 0.1)]


def test_selection_applies_to_images():
    with open_frames([grey(level) for level in range(10)], start_s=0.2, every=3, fps=10) as stream:
        assert levels(stream) == [2, 5, 8]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (grey(1), "for one image pass a list"),
        (Frame(image=grey(1)), "for one image pass a list"),
        (None, "the source is a NoneType"),
        (b"data", "the source is a bytes"),
        (-1, "webcams are numbered from 0"),
        ("gopher://host/a", "protocol 'gopher'"),
        ("no such file.png", "there is no file or folder"),
    ],
)
def test_other_sources_are_refused(source, message):
    with pytest.raises(InputError, match=message):
        open_frames(source)
