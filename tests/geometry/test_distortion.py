"""Lens distortion against OpenCV's own, both ways, and where polynomials fold back."""

import pickle
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.geometry import Camera, Distortion
from rtmpose3d.geometry.distortion import MAX_RAY_ANGLE_DEG

CAMERA = Camera(fx=1145.0, fy=1000.5, cx=700.25, cy=310.5, width=1280, height=720)
# A webcam's, a wide-angle lens in the rational model, the same with thin prism and a tilted sensor,
# and a fisheye.
WEBCAM = Distortion(coefficients=(-0.28, 0.11, 0.0012, -0.0007, -0.02))
WIDE = Distortion(coefficients=(0.9, 0.04, 1e-4, -2e-4, 1e-4, 1.25, 0.25, 0.005))
TILTED = Distortion(
    coefficients=(*WIDE.coefficients, 0.004, -0.001, -0.003, 0.0005, 0.02, -0.015),
)
FISHEYE = Distortion(coefficients=(-0.02, 0.003, -0.002, 0.0004), model="fisheye")
LENSES = {"webcam": WEBCAM, "wide": WIDE, "tilted": TILTED, "fisheye": FISHEYE}

rays = st.tuples(st.floats(-0.9, 0.9), st.floats(-0.6, 0.6)).map(np.array)
small = st.floats(-0.003, 0.003)
usual_lenses = st.builds(
    lambda k1, k2, p1, p2, k3: Distortion(coefficients=(k1, k2, p1, p2, k3)),
    st.floats(-0.35, 0.3),
    st.floats(-0.1, 0.15),
    small,
    small,
    st.floats(-0.05, 0.05),
)
fisheyes = st.builds(
    lambda *k: Distortion(coefficients=k, model="fisheye"),
    *(st.floats(-limit, limit) for limit in (0.1, 0.05, 0.02, 0.005)),
)


def pixels_of_opencv(xyz, camera):
    points = np.asarray(xyz, np.float64).reshape(-1, 1, 3)
    coefficients = np.array(camera.distortion.coefficients)
    still = np.zeros(3)
    if camera.distortion.model == "fisheye":
        uv, _ = cv2.fisheye.projectPoints(points, still, still, camera.matrix, coefficients)
    else:
        uv, _ = cv2.projectPoints(points, still, still, camera.matrix, coefficients)
    return uv.reshape(*np.shape(xyz)[:-1], 2)


@pytest.mark.parametrize("name", LENSES)
def test_projection_equals_opencv(name):
    camera = replace(CAMERA, distortion=LENSES[name])
    xyz = np.random.default_rng(1).uniform([-1.8, -1.2, 2], [1.8, 1.2, 9], (4, 50, 3))

    np.testing.assert_allclose(camera.project(xyz), pixels_of_opencv(xyz, camera), atol=1e-6)


@pytest.mark.parametrize("name", LENSES)
def test_every_pixel_of_the_image_and_around_it_has_a_ray_that_shows_there(name):
    camera = replace(CAMERA, distortion=LENSES[name])
    u, v = np.meshgrid(np.linspace(-200, 1480, 60), np.linspace(-150, 870, 40))
    uv = np.stack([u, v], axis=-1)
    rays = camera.unproject(uv, 1.0)

    within = np.hypot(rays[..., 0], rays[..., 1]) < 0.999 * np.tan(np.radians(MAX_RAY_ANGLE_DEG))

    assert within[10:-10, 10:-10].all()
    np.testing.assert_allclose(camera.project(rays)[within], uv[within], atol=1e-6)


@given(lens=st.one_of(usual_lenses, fisheyes), ray=rays, depth=st.floats(0.3, 50))
def test_distorting_then_undistorting_returns_the_ray(lens, ray, depth):
    camera = replace(CAMERA, distortion=lens)
    point = np.array([*(ray * depth), depth])

    back = camera.unproject(camera.project(point), depth)

    np.testing.assert_allclose(back / depth, point / depth, rtol=0, atol=1e-6)


@given(lens=st.one_of(usual_lenses, fisheyes), angle=st.floats(0, 6.28))
def test_radii_grow_to_the_limit_of_rays_also_where_the_polynomial_folds_back(lens, angle):
    radial = replace(lens, coefficients=_without_tangential(lens))
    radii = np.linspace(0, 11, 400)
    shown = radial.distort(radii[:, None] * (np.cos(angle), np.sin(angle)))

    assert (np.diff(np.linalg.norm(shown, axis=1)) > 0).all()


def _without_tangential(lens):
    c = lens.coefficients
    return c if lens.model == "fisheye" else (*c[:2], 0.0, 0.0, *c[4:])


@given(u=st.floats(-1e6, 1e6), v=st.floats(-1e6, 1e6), name=st.sampled_from(sorted(LENSES)))
def test_no_pixel_gives_a_ray_that_is_not_finite(u, v, name):
    ray = replace(CAMERA, distortion=LENSES[name]).unproject(np.array([u, v]), 2.0)

    assert np.isfinite(ray).all()
    assert ray[2] == 2.0


def test_the_optical_axis_stays():
    for lens in (WEBCAM, WIDE, FISHEYE):
        np.testing.assert_array_equal(lens.undistort(np.zeros(2)), 0)


def test_no_distortion_and_zeros_are_the_same():
    none = replace(CAMERA, distortion=Distortion(coefficients=(0, 0, 0, 0)))
    uv = np.array([[12.0, 700.0], [640.0, 3.0]])

    np.testing.assert_allclose(none.unproject(uv, 3.0), CAMERA.unproject(uv, 3.0), atol=1e-12)


def test_a_resized_image_has_the_same_rays():
    camera = replace(CAMERA, distortion=WEBCAM)
    half = camera.scaled(640, 360)
    uv = np.array([100.0, 650.0])

    np.testing.assert_allclose(half.unproject(uv / 2, 1.0), camera.unproject(uv, 1.0), atol=1e-9)
    assert half.distortion == WEBCAM


def test_cameras_with_distortion_compare_hash_and_pickle():
    camera = replace(CAMERA, distortion=WEBCAM)
    camera.project(np.array([0.1, 0.2, 3.0]))

    assert pickle.loads(pickle.dumps(camera)) == camera
    assert len({camera, replace(camera), CAMERA}) == 2


@pytest.mark.parametrize("count", [0, 3, 6, 13, 15])
def test_another_number_of_coefficients_is_refused(count):
    with pytest.raises(InputError, match="4 or 5 or 8 or 12 or 14"):
        Distortion(coefficients=(0.1,) * count)


@pytest.mark.parametrize("coefficients", [(0.1, float("nan"), 0, 0), ("a", 1, 2, 3), None])
def test_coefficients_that_are_no_finite_numbers_are_refused(coefficients):
    with pytest.raises(InputError, match="finite coefficients"):
        Distortion(coefficients=coefficients)


def test_an_unknown_model_is_refused():
    with pytest.raises(UnknownNameError, match="fisheye"):
        Distortion(coefficients=(0, 0, 0, 0), model="kannala")
    with pytest.raises(InputError, match="must be a Distortion"):
        replace(CAMERA, distortion=(0, 0, 0, 0))
