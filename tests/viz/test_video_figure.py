"""The 3D view of overlay videos: one side, and one scale while people stay where it shows them."""

import numpy as np
import pytest
from synthetic_results import image, perfect_result

from rtmpose3d.viz import video
from rtmpose3d.viz.video import VideoFigure


@pytest.fixture
def extents(monkeypatch):
    """The space that each drawn 3D view was asked to show."""
    seen = []

    def note(result, size_wh, **options):
        seen.append(options["extent"].copy())
        return np.zeros((size_wh[1], size_wh[0], 3), np.uint8)

    monkeypatch.setattr(video, "draw_3d", note)
    return seen


def draw(figure: VideoFigure, x: float) -> None:
    result = perfect_result([(0.0, 4.0, 10.0), (x, 5.0, -20.0)])
    object.__setattr__(result, "image", image(640, 480))
    figure.draw(result)


def test_the_scale_stays_while_people_move_within_the_space(extents):
    figure = VideoFigure("both")
    for x in (1.5, 0.8, -0.2, 1.7):
        draw(figure, x)

    for extent in extents[1:]:
        np.testing.assert_array_equal(extent, extents[0])


def test_the_space_grows_smoothly_and_always_holds_the_people(extents):
    figure = VideoFigure("both")
    for x in (0.5, *np.linspace(0.5, 2.5, 30), *[2.5] * 60):
        draw(figure, x)

    right = np.array([extent[1, 0] for extent in extents])
    assert (np.diff(right) >= 0).all()
    assert np.diff(right).max() < 0.25, "no jump"
    assert right[-1] > 2.5 + 0.2, "with room"
    assert np.ptp(right[-10:]) < 0.01, "and then it stays"
