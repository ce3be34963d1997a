"""Frames around boxes: exact coverage, and no pixel inside or outside changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.viz.frames import paint_frame

coordinates = st.floats(-30, 90)


def reference(shape_hw, box, half):
    """Coverage by counting 40 x 40 points in each pixel."""
    steps = (np.arange(40) + 0.5) / 40 - 0.5
    y = (np.arange(shape_hw[0])[:, None] + steps).ravel()[:, None]
    x = (np.arange(shape_hw[1])[:, None] + steps).ravel()[None]

    def inside(margin):
        x1, y1, x2, y2 = box
        columns = (x > x1 - margin) & (x < x2 + margin)
        return columns & (y > y1 - margin) & (y < y2 + margin)

    line = inside(half) & ~inside(-half)
    return line.reshape(shape_hw[0], 40, shape_hw[1], 40).mean(axis=(1, 3))


@given(
    x1=coordinates, y1=coordinates, w=st.floats(0, 60), h=st.floats(0, 60), half=st.floats(0.5, 4)
)
def test_each_pixel_gets_the_share_that_the_line_covers(x1, y1, w, h, half):
    image = np.zeros((40, 56, 3), np.uint8)
    box = x1, y1, x1 + w, y1 + h

    paint_frame(image, box, half, (200, 200, 200), 1.0)

    np.testing.assert_allclose(image[..., 0], 200 * reference((40, 56), box, half), atol=11)


def test_colour_and_opacity():
    image = np.full((30, 40, 3), 100, np.uint8)

    paint_frame(image, (5, 6, 30, 20), 1.5, (200, 50, 0), 0.5)

    assert image[6, 15].tolist() == [50, 75, 150], "blue, green, red"
    assert (image[9:17, 9:27] == 100).all()
    assert (image[:4] == 100).all()


@pytest.mark.parametrize("box", [(50, 50, 20, 20), (-90, -90, -50, -50), (0, 0, 0, 0)])
def test_boxes_that_are_empty_or_outside_raise_nothing(box):
    image = np.zeros((30, 40, 3), np.uint8)

    paint_frame(image, box, 1.0, (255, 255, 255), 1.0)

    assert image.shape == (30, 40, 3)
