"""The frames of the results, each against what it is defined as."""

import numpy as np
import pytest

from rtmpose3d.errors import UnknownNameError
from rtmpose3d.geometry import AXES, axes_from_camera, camera_from_axes


@pytest.fixture
def people():
    return np.random.default_rng(5).uniform([-2, -1, 2], [2, 1, 9], (3, 133, 3))


def test_z_up_is_a_rotation_of_the_camera_frame(people):
    rotation = np.stack([axes_from_camera(axis, "z-up") for axis in np.eye(3)], axis=1)

    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    np.testing.assert_allclose(axes_from_camera(people, "z-up"), people @ rotation.T)


def test_z_up_has_right_away_and_up_as_its_axes():
    right, down, forward = np.eye(3)

    np.testing.assert_array_equal(axes_from_camera(right, "z-up"), [1, 0, 0])
    np.testing.assert_array_equal(axes_from_camera(forward, "z-up"), [0, 1, 0])
    np.testing.assert_array_equal(axes_from_camera(-down, "z-up"), [0, 0, 1])


def test_rtmpose3d_is_what_that_package_returns(people):
    np.testing.assert_array_equal(axes_from_camera(people, "rtmpose3d"), -people[..., [0, 2, 1]])


def test_rtmpose3d_is_z_up_rotated_by_half_a_circle_about_the_vertical(people):
    rotated = axes_from_camera(people, "z-up") * (-1, -1, 1)

    np.testing.assert_array_equal(axes_from_camera(people, "rtmpose3d"), rotated)


def test_root_has_the_middle_of_the_hips_at_the_origin(people):
    centred = axes_from_camera(people, "root")

    np.testing.assert_allclose(centred[:, [11, 12]].mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(centred[:, 0] - centred[:, 9], people[:, 0] - people[:, 9])


@pytest.mark.parametrize("axes", AXES)
def test_every_frame_is_a_new_array_of_the_same_type(people, axes):
    given = people.astype(np.float32)
    before = given.copy()

    result = axes_from_camera(given, axes)
    result += 1

    assert result.dtype == np.float32
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize("axes", AXES)
def test_every_frame_keeps_distances(people, axes):
    result = axes_from_camera(people, axes)

    np.testing.assert_allclose(
        np.linalg.norm(result[:, 0] - result[:, 16], axis=-1),
        np.linalg.norm(people[:, 0] - people[:, 16], axis=-1),
    )


def test_an_unknown_frame_is_refused_with_those_there_are(people):
    with pytest.raises(UnknownNameError, match="z-up, camera, root, rtmpose3d"):
        axes_from_camera(people, "y-up")


@pytest.mark.parametrize("axes", AXES)
def test_every_frame_leads_back_to_camera_space(people, axes):
    hips = people[:, [11, 12]].mean(axis=1)
    origin = hips if axes == "root" else np.zeros((3, 3))
    back = camera_from_axes(axes_from_camera(people, axes), axes, origin)
    np.testing.assert_allclose(back, people, atol=1e-12)
