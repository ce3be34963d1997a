"""Capsules, the one shape of all drawings."""

from __future__ import annotations

import numpy as np
import pytest

from rtmpose3d.viz import capsules as module
from rtmpose3d.viz.capsules import capsules, outlined, paint_capsules


def covered(shapes, width=200, height=120, supersample=4) -> np.ndarray:
    canvas = np.zeros((height, width, 3), np.uint8)
    paint_capsules(canvas, shapes, supersample=supersample)
    return canvas[..., 2] / 255.0


@pytest.mark.parametrize(("radius", "radius_b"), [(9.0, 9.0), (14.0, 5.0), (4.0, 11.0)])
def test_a_capsule_covers_the_area_of_its_shape(radius, radius_b):
    shape = capsules([[50.3, 40.2]], [[150.7, 80.9]], radius, (255, 0, 0), radius_b=radius_b)
    length = np.hypot(100.4, 40.7)
    # Two sectors and the trapezium between the tangent points.
    lean = np.arcsin((radius - radius_b) / length)
    area = np.cos(lean) * length * (radius + radius_b)
    area += radius**2 * (np.pi / 2 + lean) + radius_b**2 * (np.pi / 2 - lean)
    assert covered(shape).sum() == pytest.approx(area, rel=0.04)


def test_a_dot_is_round_and_centred():
    alpha = covered(capsules([[61.25, 47.75]], [[61.25, 47.75]], 12.0, (255, 0, 0)))
    y, x = np.mgrid[: alpha.shape[0], : alpha.shape[1]]
    assert (alpha * x).sum() / alpha.sum() == pytest.approx(61.25, abs=0.05)
    assert (alpha * y).sum() / alpha.sum() == pytest.approx(47.75, abs=0.05)
    assert alpha.sum() == pytest.approx(np.pi * 144, rel=0.04)


def test_a_line_with_both_ends_far_outside_still_crosses_the_image():
    near = covered(capsules([[-300.0, -150]], [[500.0, 250]], 4.0, (255, 0, 0)))
    far = covered(capsules([[-2e9 + 100, -1e9 + 50]], [[2e9 + 100, 1e9 + 50]], 4.0, (255, 0, 0)))
    assert near.sum() > 500
    assert np.abs(near - far).mean() < 0.01


def test_capsules_outside_or_not_finite_leave_the_image_as_it_is():
    a = [[-500, 20], [np.nan, 5], [np.inf, 5], [50, 900], [400, -300]]
    b = [[-400, 20], [10, 5], [10, 5], [60, 900], [600, 100]]
    assert covered(capsules(a, b, 5.0, (255, 0, 0))).sum() == 0
    assert covered(capsules(np.zeros((0, 2)), np.zeros((0, 2)), 5.0, (255, 0, 0))).sum() == 0


def test_overlapping_translucent_capsules_do_not_add_up():
    once = covered(capsules([[20.0, 60]], [[180.0, 60]], 8.0, (255, 0, 0), 0.5))
    twice = covered(capsules([[20.0, 60]] * 2, [[180.0, 60]] * 2, 8.0, (255, 0, 0), 0.5))
    assert once[60, 100] == pytest.approx(0.5, abs=0.01)
    assert twice[60, 100] == pytest.approx(once[60, 100], abs=0.01)


def test_tiles_join_without_a_seam_to_see(monkeypatch):
    shapes = outlined(capsules([[10.0, 10]], [[190.0, 110]], 9.0, (250, 40, 90), 0.8), 2.0)
    whole = covered(shapes, supersample=2)
    monkeypatch.setattr(module, "_TILE_PX", 64)
    np.testing.assert_allclose(covered(shapes, supersample=2), whole, rtol=0, atol=2.5 / 255)


def test_the_rim_is_dark_and_the_middle_has_the_colour():
    canvas = np.full((60, 60, 3), 255, np.uint8)
    paint_capsules(
        canvas, outlined(capsules([[10.0, 30]], [[50.0, 30]], 6.0, (200, 100, 50)), 3.0, 1.0)
    )
    assert canvas[30, 30].tolist() == [50, 100, 200]
    assert canvas[30 - 7, 30].max() < 60
    assert canvas[30 - 12, 30].tolist() == [255, 255, 255]
