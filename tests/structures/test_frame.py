"""Frames: what they hold, and what they refuse."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

from rtmpose3d import Camera, InputError
from rtmpose3d.structures import Frame


def image(width: int = 64, height: int = 40) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_frame_of_a_single_image_has_neither_index_nor_time_nor_camera():
    pixels = image()
    frame = Frame(image=pixels)
    assert frame.image is pixels, "not copied"
    assert (frame.index, frame.time_s, frame.camera, frame.source) == (None, None, None, None)
    assert frame.size_wh == (64, 40)


def test_frames_are_frozen_hashable_and_survive_pickling():
    frame = Frame(image=image(), index=3, time_s=0.1, camera=Camera.from_fov(width=64, height=40))
    with pytest.raises(dataclasses.FrozenInstanceError):
        frame.index = 4  # type: ignore[misc]
    again = pickle.loads(pickle.dumps(frame))
    np.testing.assert_array_equal(again.image, frame.image)
    assert (again.index, again.time_s, again.camera) == (3, 0.1, frame.camera)
    assert frame in {frame}


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [[[0, 0, 0]]],
        image()[..., 0],
        image()[..., :2],
        image().astype(np.float32),
        image()[:0],
    ],
)
def test_an_image_of_another_form_is_refused(wrong):
    with pytest.raises(InputError, match=r"image must be an array \(H, W, 3\) uint8"):
        Frame(image=wrong)


@pytest.mark.parametrize("index", [-1, 1.0, True, "3"])
def test_an_index_is_a_whole_number_from_zero(index):
    with pytest.raises(InputError, match="index"):
        Frame(image=image(), index=index)
    assert Frame(image=image(), index=np.int64(7)).index == 7


@pytest.mark.parametrize("time_s", [float("nan"), float("inf"), "0.1", True])
def test_a_time_is_a_finite_number_or_none(time_s):
    with pytest.raises(InputError, match="time_s"):
        Frame(image=image(), time_s=time_s)
    assert Frame(image=image(), time_s=-0.04).time_s == -0.04, "streams may start before zero"


def test_a_camera_belongs_to_the_size_of_the_image():
    camera = Camera.from_fov(width=40, height=64)
    with pytest.raises(InputError, match=r"scaled\(64, 40\)"):
        Frame(image=image(), camera=camera)
