"""`PoseResult.plot`: the figure of a result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_results import image, perfect_result

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.viz import draw_2d, draw_3d, draw_result
from rtmpose3d.zoo import default_confidence_thr

POSITIONS = [(-0.9, 4.2, 25.0), (1.1, 5.5, -40.0)]


def test_the_2d_view_is_the_drawing_in_the_image_s_own_size_as_rgb():
    result = perfect_result(POSITIONS, (960, 540))
    drawn = np.asarray(result.plot(view="2d"))
    np.testing.assert_array_equal(drawn[..., ::-1], draw_2d(result.image, result))


def test_the_3d_view_needs_no_image():
    result = perfect_result(POSITIONS).without_image()
    drawn = np.asarray(result.plot(view="3d"))
    np.testing.assert_array_equal(drawn[..., ::-1], draw_3d(result, (960, 960)))
    np.testing.assert_array_equal(np.asarray(result.plot()), drawn)


def test_auto_shows_both_where_there_is_3d_and_else_the_image_only():
    both = perfect_result(POSITIONS, (960, 540)).plot()
    assert both.mode == "RGB"
    assert both.size[0] > 960
    assert both.size[1] == 540
    assert perfect_result(POSITIONS, (960, 540), with_3d=False).plot().size == (960, 540)


def test_the_threshold_reaches_both_halves():
    result = perfect_result(POSITIONS, (960, 540), confidence=0.5)
    low, high = (np.asarray(result.plot(confidence_thr=t)) for t in (0.4, 0.6))
    for half in (np.s_[:, :960], np.s_[:, 960:]):
        assert (low[half] != high[half]).any()


def test_without_a_threshold_it_is_the_models():
    result = perfect_result(POSITIONS, (960, 540), confidence=0.35)
    assert (
        default_confidence_thr("rtmw3d-n")
        > 0.35
        > default_confidence_thr("rtmw3d-l")
        == default_confidence_thr("")
    )
    for model, same in (("rtmw3d-n", 0.4), ("rtmw3d-l", 0.3), ("", 0.3)):
        drawn = replace(result, model=model)
        expected = np.asarray(drawn.plot(confidence_thr=same))
        np.testing.assert_array_equal(np.asarray(drawn.plot()), expected)


@pytest.mark.parametrize(
    "size_wh",
    [(1, 1), (200, 150), (60, 400), pytest.param((5000, 200), marks=pytest.mark.slow), (1, 3000)],
)
def test_small_images_are_enlarged_and_the_figure_is_never_too_long(size_wh):
    figure = draw_result(perfect_result(POSITIONS, size_wh))
    assert 480 <= max(figure.size) <= 4096
    assert min(figure.size) >= 350
    alone = draw_result(perfect_result(POSITIONS, size_wh), view="2d")
    assert max(alone.size) == max(720, *size_wh)


def test_no_people_give_the_image_with_a_note():
    result = perfect_result([], (800, 600))
    drawn = np.asarray(result.plot(view="2d"))[..., ::-1]
    differs = (drawn != result.image).any(axis=-1)
    y, x = np.nonzero(differs)
    assert 0.001 < differs.mean() < 0.05
    assert x.max() < 400
    assert y.max() < 100
    assert result.plot().size[0] > 800


def test_the_image_is_not_changed():
    result = perfect_result(POSITIONS)
    before = result.image.copy()
    result.plot()
    result.plot(view="2d")
    np.testing.assert_array_equal(result.image, before)


def test_another_image_of_the_same_size_can_be_drawn_on():
    result = perfect_result(POSITIONS, (960, 540))
    other = np.zeros_like(image(960, 540))
    drawn = np.asarray(result.without_image().plot(image=other, view="2d"))[..., ::-1]
    np.testing.assert_array_equal(drawn, draw_2d(other, result))


def test_a_view_that_cannot_be_drawn_says_what_to_do():
    flat = perfect_result(POSITIONS, with_3d=False)
    with pytest.raises(InputError, match="2D keypoints only"):
        flat.plot(view="3d")
    with pytest.raises(InputError, match="2D keypoints only"):
        flat.plot(view="both")
    with pytest.raises(InputError, match=r"plot\(image=\.\.\.\)"):
        flat.without_image().plot()
    with pytest.raises(UnknownNameError, match="unknown view 'side'"):
        flat.plot(view="side")
    with pytest.raises(InputError, match="resize it first"):
        flat.plot(image=image(100, 80))
