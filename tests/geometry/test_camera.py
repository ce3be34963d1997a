"""Cameras that are not square, not centred and have two focal lengths, both ways."""

import math
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera, camera_from_relative
from rtmpose3d.geometry.camera import DEFAULT_FOV_DEG, MIN_DEPTH_M

CAMERA = Camera(fx=1145.0, fy=1000.5, cx=700.25, cy=310.5, width=1280, height=720)

cameras = st.builds(
    Camera,
    fx=st.floats(50, 5000),
    fy=st.floats(50, 5000),
    cx=st.floats(-500, 5000),
    cy=st.floats(-500, 5000),
    width=st.integers(1, 8000),
    height=st.integers(1, 8000),
)
points = st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(0.05, 100)).map(np.array)


@given(camera=cameras, point=points)
def test_project_then_unproject_returns_the_same_point(camera, point):
    back = camera.unproject(camera.project(point), point[2])

    np.testing.assert_allclose(back, point, rtol=1e-9, atol=1e-9)


@given(camera=cameras, u=st.floats(-1e4, 1e4), v=st.floats(-1e4, 1e4), depth=st.floats(0.05, 100))
def test_unproject_then_project_returns_the_same_pixel(camera, u, v, depth):
    back = camera.project(camera.unproject(np.array([u, v]), depth))

    np.testing.assert_allclose(back, [u, v], rtol=1e-9, atol=1e-6)


def test_matrix_projects_as_project_does():
    rng = np.random.default_rng(0)
    xyz = rng.uniform([-2, -1, 1], [2, 1, 9], (4, 7, 3))

    homogeneous = xyz @ CAMERA.matrix.T

    np.testing.assert_allclose(CAMERA.project(xyz), homogeneous[..., :2] / homogeneous[..., 2:])


def test_x_goes_right_and_y_goes_down():
    u, v = CAMERA.project(np.array([0.2, 0.1, 2.0]))

    assert u == pytest.approx(700.25 + 114.5)
    assert v == pytest.approx(310.5 + 50.025)


def test_points_that_are_not_before_the_camera_have_no_pixel():
    behind = np.array([[0.0, 0.0, -1.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])

    np.testing.assert_array_equal(np.isnan(CAMERA.project(behind)[:, 0]), [True, True, False])


def test_float32_stays_float32():
    xyz = np.ones((3, 3), np.float32)

    assert CAMERA.project(xyz).dtype == np.float32
    assert CAMERA.unproject(np.ones((3, 2), np.float32), 2.0).dtype == np.float32


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1080, 1920), (641, 480)])
def test_field_of_view_spans_the_longer_side(width, height):
    camera = Camera.from_fov(width=width, height=height, fov_deg=70.0)

    longer = max(width, height)
    assert camera.fx == camera.fy
    assert 2 * math.degrees(math.atan(longer / 2 / camera.fx)) == pytest.approx(70.0)


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1080, 1920)])
def test_principal_point_is_the_middle_and_not_swapped(width, height):
    camera = Camera.from_fov(width=width, height=height)

    assert (camera.cx, camera.cy) == (width / 2, height / 2)


def test_scaled_camera_sees_the_resized_image():
    xyz = np.array([[0.3, -0.2, 2.0], [-1.0, 0.4, 5.0]])
    smaller = CAMERA.scaled(640, 240)

    expected = CAMERA.project(xyz) * (640 / 1280, 240 / 720)
    np.testing.assert_allclose(smaller.project(xyz), expected)
    assert (smaller.width, smaller.height) == (640, 240)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fx": 0.0}, "fx must be above 0"),
        ({"fy": -3.0}, "fy must be above 0"),
        ({"fx": math.nan}, "fx must be a finite number"),
        ({"cx": math.inf}, "cx must be a finite number"),
        ({"cy": None}, "cy must be a finite number"),
        ({"width": 0}, "width must be above 0"),
        ({"height": -5}, "height must be above 0"),
        ({"height": 10.5}, "height must be a whole number"),
    ],
)
def test_impossible_cameras_are_refused_by_name(change, message):
    numbers = {"fx": 900.0, "fy": 900.0, "cx": 1.0, "cy": 2.0, "width": 640, "height": 480}

    with pytest.raises(InputError, match=message):
        Camera(**(numbers | change))


@pytest.mark.parametrize("fov_deg", [0.0, 180.0, -20.0, math.nan])
def test_impossible_fields_of_view_are_refused(fov_deg):
    with pytest.raises(InputError, match="between 0 and 180"):
        Camera.from_fov(width=640, height=480, fov_deg=fov_deg)


def test_wrong_shapes_are_refused():
    with pytest.raises(InputError, match=r"points must have shape \(\.\.\., 3\)"):
        CAMERA.project(np.zeros((5, 2)))
    with pytest.raises(InputError, match=r"uv must have shape \(\.\.\., 2\)"):
        CAMERA.unproject(np.zeros((5, 3)), 1.0)


def test_numpy_numbers_become_plain_ones():
    camera = Camera(
        fx=np.float32(900),
        fy=np.float64(901),
        cx=np.int64(320),
        cy=240,
        width=np.int64(640),
        height=480.0,
    )

    assert type(camera.fx) is float
    assert type(camera.cx) is float
    assert type(camera.width) is int
    assert type(camera.height) is int


def photo(tags):
    exif = PIL.Image.Exif()
    exif.get_ifd(0x8769).update(tags)
    image = PIL.Image.new("RGB", (64, 48))
    image.info["exif"] = exif.tobytes()
    return image


def test_film_equivalent_focal_length_gives_the_camera_of_a_photo():
    camera = Camera.from_exif(photo({0xA405: 26}), width=4000, height=3000)

    assert camera is not None
    # 26 mm on film: 79.5 degrees over the diagonal
    diagonal_deg = 2 * math.degrees(math.atan(5000 / 2 / camera.fx))
    assert diagonal_deg == pytest.approx(79.5, abs=0.1)
    assert (camera.cx, camera.cy) == (2000, 1500)


def test_focal_length_and_sensor_resolution_give_the_camera_of_a_resized_upright_photo():
    # A 36 mm wide sensor of 6000 px, 50 mm; resized to a quarter and rotated upright.
    tags = {0x920A: (50, 1), 0xA20E: 6000 / 3.6, 0xA210: 3, 0xA002: 6000, 0xA003: 4000}

    camera = Camera.from_exif(tags, width=1000, height=1500)

    assert camera is not None
    assert camera.fx == camera.fy == pytest.approx(50 / 36 * 1500)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {0xA405: 0},
        {0xA405: "wide"},
        {0x920A: (50, 0)},
        {0x920A: 50.0},
        {0x920A: 50.0, 0xA20E: 1666.7, 0xA210: 9, 0xA002: 6000},
    ],
)
def test_photos_without_a_focal_length_have_no_camera(tags):
    assert Camera.from_exif(tags, width=640, height=480) is None


@pytest.mark.parametrize("film_mm", [65535, 1, 4, 2**32, 1e-9])
def test_an_impossible_focal_length_is_not_believed(film_mm):
    assert Camera.from_exif({0xA405: film_mm}, width=640, height=427) is None


@pytest.mark.parametrize("film_mm", [6, 13, 26, 600, 800])
def test_lenses_that_exist_are_believed(film_mm):
    assert Camera.from_exif({0xA405: film_mm}, width=640, height=427) is not None


def test_an_impossible_film_equivalent_gives_way_to_the_sensors_resolution():
    tags = {0xA405: 65535, 0x920A: (50, 1), 0xA20E: 6000 / 3.6, 0xA210: 3, 0xA002: 6000}
    camera = Camera.from_exif(tags, width=1000, height=1500)
    assert camera is not None
    assert camera.fx == pytest.approx(50 / 36 * 1500)


def test_a_camera_knows_where_its_focal_length_comes_from():
    size = {"width": 64, "height": 48}
    assert Camera.from_fov(**size).source == "assumed"
    assert Camera.from_fov(**size, fov_deg=DEFAULT_FOV_DEG).source == "given"
    assert CAMERA.source == "given"
    camera = Camera.from_exif(photo({0xA405: 26}), **size)
    assert camera is not None
    assert camera.source == camera.scaled(128, 96).source == "exif"
    assert Camera.from_fov(**size) == Camera.from_fov(**size, fov_deg=DEFAULT_FOV_DEG)
    with pytest.raises(InputError, match="camera: source must be given or calibration or exif"):
        replace(camera, source="guessed")


class Broken(PIL.Image.Exif):
    """Tags of which the Exif directory cannot be read, as Pillow's in damaged files."""

    def get_ifd(self, tag):
        raise RuntimeError("damaged")


def test_damaged_tags_are_no_camera():
    image = PIL.Image.new("RGB", (64, 48))
    image.getexif = Broken
    assert Camera.from_exif(image, width=64, height=48) is None
    assert Camera.from_exif(Broken(), width=64, height=48) is None


def test_relative_points_are_lifted_to_the_true_ones():
    rng = np.random.default_rng(3)
    xyz = rng.uniform([-1, -1, 3], [1, 1, 5], (2, 133, 3))
    root = np.array([4.1, 3.7])

    lifted = camera_from_relative(CAMERA.project(xyz), xyz[..., 2] - root[:, None], root, CAMERA)

    np.testing.assert_allclose(lifted, xyz)


def test_lifted_points_are_never_behind_the_camera_and_keep_their_pixels():
    uv = np.array([[[100.0, 200.0], [900.0, 50.0]]])

    lifted = camera_from_relative(uv, np.array([[-2.1, 0.3]]), np.array([1.0]), CAMERA)

    np.testing.assert_allclose(lifted[0, :, 2], [MIN_DEPTH_M, 1.3])
    np.testing.assert_allclose(CAMERA.project(lifted), uv)


def test_no_people_are_lifted_to_empty_arrays():
    empty = np.zeros((0, 133, 2), np.float32)

    lifted = camera_from_relative(empty, empty[..., 0], np.zeros(0), CAMERA)

    assert lifted.shape == (0, 133, 3)
    assert lifted.dtype == np.float32
