"""People in 3D: the projection, and what must be visible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_results import people_at, perfect_result

from rtmpose3d.errors import InputError
from rtmpose3d.viz import draw_3d
from rtmpose3d.viz.bodies import visible_bodies
from rtmpose3d.viz.scene import default_direction_deg, fit_view
from rtmpose3d.viz.space import _ground_m

CUBE = np.array([[x, y, z] for x in (3, 4) for y in (7, 8) for z in (-2, -1)], float)
POSITIONS = [(-0.9, 4.2, 25.0), (1.1, 5.5, -40.0)]


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (35, 20), (-110, 65)])
def test_a_unit_cube_has_edges_of_one_length_in_each_direction(azimuth, elevation):
    view = fit_view(
        CUBE,
        (900, 500),
        azimuth_deg=azimuth,
        elevation_deg=elevation,
        projection="orthographic",
    )
    xy, _, _ = view.project(CUBE)
    corners = xy.reshape(2, 2, 2, 2)
    squares = []
    for axis in range(3):
        edges = np.diff(corners, axis=axis).reshape(-1, 2)
        lengths = np.linalg.norm(edges, axis=1)
        np.testing.assert_allclose(lengths, lengths[0], rtol=1e-9, atol=1e-9)
        squares.append(lengths[0] ** 2)
    # Axes of equal scale: the squared lengths of three perpendicular unit edges add up to 2.
    assert sum(squares) == pytest.approx(2 * view.px_per_m**2)


def test_from_straight_behind_the_camera_x_is_right_and_z_is_up():
    view = fit_view(CUBE, (800, 600), azimuth_deg=0, elevation_deg=0, projection="orthographic")
    origin, x, y, z = view.project(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]]))[0]
    np.testing.assert_allclose(x - origin, [view.px_per_m, 0], atol=1e-9)
    np.testing.assert_allclose(y - origin, [0, 0], atol=1e-9)
    np.testing.assert_allclose(z - origin, [0, -view.px_per_m], atol=1e-9)


def test_a_raised_eye_sees_the_far_ground_higher_and_an_eye_on_the_right_sees_it_further_right():
    view = fit_view(CUBE, (800, 600), azimuth_deg=30, elevation_deg=20)
    near, far = view.project(np.array([[3.0, 7, -2], [3.0, 8, -2]]))[0]
    assert far[1] < near[1]
    assert far[0] > near[0]


def test_in_perspective_the_nearer_of_two_is_larger():
    view = fit_view(CUBE, (800, 600), azimuth_deg=0, elevation_deg=10, projection="perspective")
    _, depth, scale = view.project(np.array([[3.5, 7, -2], [3.5, 9, -2.0]]))
    assert depth[0] < depth[1]
    assert scale[0] > scale[1]


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
@pytest.mark.parametrize("size_wh", [(900, 500), (400, 1000)])
def test_everything_lies_within_the_panel_and_fills_it(projection, size_wh):
    rng = np.random.default_rng(3)
    for spread in (0.1, 3.0, 80.0):
        points = rng.normal([5, 20, 1], spread, (60, 3))
        xy, _, _ = fit_view(points, size_wh, projection=projection, margin_px=30).project(points)
        assert xy.min() > 29
        assert (xy.max(axis=0) < np.array(size_wh) - 29).all()
        spans = np.ptp(xy, axis=0) / (np.array(size_wh) - 60)
        assert spans.max() == pytest.approx(1.0, abs=1e-6)


def test_people_at_3_m_and_40_m_are_both_large_enough_to_see():
    people = people_at([(-0.5, 3.0, 0.0), (4.0, 40.0, 30.0)])
    points = people.reshape(-1, 3)
    view = fit_view(points, (1000, 1000), margin_px=40)
    for person in people:
        assert np.ptp(view.project(person)[0][:, 1]) > 70


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(2, 50)), min_size=1, max_size=5),
    st.floats(-0.05, 0.05),
)
def test_the_side_of_the_view_is_the_same_for_all_images_and_changes_steadily(positions, step):
    points = np.array([(x, y, z) for x, y in positions for z in (-1.0, 0.7)])
    azimuth, elevation = default_direction_deg(points)
    assert 5 <= azimuth <= 32
    assert 12 <= elevation <= 18
    moved = points.copy()
    moved[:2, :2] += step
    assert abs(default_direction_deg(moved)[0] - azimuth) < 3


def test_the_view_may_be_from_any_side():
    result = perfect_result(POSITIONS)
    right, left = (draw_3d(result, (400, 300), azimuth_deg=azimuth) for azimuth in (32, -32))
    assert (right != left).any()
    again = np.asarray(result.plot(view="3d", azimuth_deg=-32))
    assert (again != np.asarray(result.plot(view="3d"))).any()


def colours(image: np.ndarray, rgb: tuple[int, int, int]) -> int:
    return int((np.abs(image[..., ::-1].astype(int) - rgb).max(axis=-1) < 12).sum())


def test_both_sides_of_a_person_are_visible_in_their_colours():
    drawn = draw_3d(perfect_result(POSITIONS), (700, 600))
    assert drawn.shape == (600, 700, 3)
    assert colours(drawn, (64, 170, 245)) > 500
    assert colours(drawn, (255, 150, 30)) > 500


def test_people_without_a_sure_keypoint_are_not_drawn():
    empty = draw_3d(perfect_result([]), (500, 400))
    unsure = draw_3d(perfect_result(POSITIONS, confidence=0.1), (500, 400))
    np.testing.assert_array_equal(empty, unsure)


@pytest.mark.parametrize("size_wh", [(1, 1), (30, 900), (900, 20)])
def test_any_size_of_panel_works(size_wh):
    assert draw_3d(perfect_result(POSITIONS), size_wh).shape == (size_wh[1], size_wh[0], 3)


def test_poses_without_extent_or_without_numbers_do_no_harm():
    result = perfect_result([*POSITIONS, (0.0, 5.0, 0.0)])
    camera = result.keypoints_camera.copy()
    camera[0] = camera[0, 0]  # all keypoints at one point
    camera[1, 3:] = np.nan
    camera[2, :60] = [np.inf, -np.inf, 1e30]
    depth = np.array([4.0, np.nan, 5.0], np.float32)
    drawn = draw_3d(replace(result, keypoints_camera=camera, root_depth_m=depth), (500, 500))
    assert drawn.shape == (500, 500, 3)
    single = replace(result[0], keypoints_camera=camera[:1])
    assert draw_3d(single, (300, 300)).std() > 1


@pytest.mark.parametrize("sunk_m", [0.6, 1.0, 30.0])
def test_one_person_far_below_the_others_does_not_move_the_ground(sunk_m):
    result = perfect_result([(0, 4, 0), (1, 5, 0), (-1, 5, 0), (0.5, 6, 0)])
    sunk = result.keypoints_camera.copy()
    sunk[3, :, 1] += sunk_m
    assert ground(replace(result, keypoints_camera=sunk)) == pytest.approx(ground(result))


def test_of_two_people_the_nearer_one_is_on_the_ground():
    result = perfect_result([(0, 3, 0), (1, 7, 0)])
    apart = result.keypoints_camera.copy()
    apart[1, :, 1] += 1.0
    assert ground(replace(result, keypoints_camera=apart)) == pytest.approx(ground(result[:1]))
    apart[1, :, 1] -= 1.9
    assert ground(replace(result, keypoints_camera=apart)) == pytest.approx(ground(result[:1]))


def ground(result) -> float:
    return _ground_m(visible_bodies(result.keypoints_in("z-up"), result.confidence, 0.3))


def test_the_same_result_gives_the_same_image():
    result = perfect_result(POSITIONS)
    np.testing.assert_array_equal(draw_3d(result, (400, 300)), draw_3d(result, (400, 300)))


def test_a_model_without_3d_and_a_panel_without_area_are_refused():
    with pytest.raises(InputError, match="2D keypoints only"):
        draw_3d(perfect_result(POSITIONS, with_3d=False))
    with pytest.raises(InputError, match=r"size_wh must be at least \(1, 1\)"):
        draw_3d(perfect_result(POSITIONS), (0, 100))
