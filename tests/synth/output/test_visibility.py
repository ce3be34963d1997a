"""Visibility of keypoints: thresholds along the optical axis and at the image's borders."""

from __future__ import annotations

import numpy as np
import pytest

from rtmpose3d.geometry import Camera
from rtmpose3d.synth.output.labels import (
    OCCLUDED,
    OUTSIDE,
    VISIBLE,
    clip_box,
    inside_image,
    keypoint_visibility,
    mask_box,
    visible_depth_m,
)
from rtmpose3d.synth.scene.types import Person

FOCAL_PX, SURFACE_M = 250.0, 3.0


def visibility_at(depth_m: float, radius_m: float, pixel: tuple[float, float] = (7.0, 4.0)) -> int:
    surface = np.full((12, 20), SURFACE_M, np.float32)
    return int(
        keypoint_visibility(
            np.array([pixel]), np.array([depth_m]), np.array([radius_m]), FOCAL_PX, surface
        )[0]
    )


@pytest.mark.parametrize("radius_m", [0.014, 0.05, 0.11])
def test_a_keypoint_is_visible_up_to_its_radius_and_one_pixel_of_slope(radius_m: float) -> None:
    # depth - surface <= radius + depth / focal
    limit = (SURFACE_M + radius_m) / (1 - 1 / FOCAL_PX)
    assert visibility_at(limit - 1e-4, radius_m) == VISIBLE
    assert visibility_at(limit + 1e-4, radius_m) == OCCLUDED


def test_a_keypoint_in_front_of_the_surface_is_visible() -> None:
    assert visibility_at(SURFACE_M - 0.4, 0.01) == VISIBLE


@pytest.mark.parametrize(
    ("pixel", "inside"),
    [
        ((-0.49, 4.0), True),
        ((-0.51, 4.0), False),
        ((19.49, 4.0), True),
        ((19.51, 4.0), False),
        ((7.0, -0.51), False),
        ((7.0, 11.49), True),
        ((7.0, 11.51), False),
    ],
)
def test_the_image_ends_half_a_pixel_beyond_its_outer_pixel_centres(
    pixel: tuple[float, float], inside: bool
) -> None:
    assert (visibility_at(SURFACE_M, 0.05, pixel) != OUTSIDE) == inside
    camera = Camera(fx=200, fy=200, cx=8, cy=5, width=20, height=12)
    assert inside_image(np.array([pixel]), camera)[0] == inside


def test_a_keypoint_takes_the_side_of_an_edge_that_it_is_nearer_to() -> None:
    surface = np.full((12, 20), 5.0, np.float32)
    surface[:, :10] = SURFACE_M  # an occluder in the left half
    pixels = np.array([[9.4, 6.0], [9.6, 6.0]])
    found = keypoint_visibility(pixels, np.full(2, 5.0), np.full(2, 0.05), FOCAL_PX, surface)
    assert found.tolist() == [OCCLUDED, VISIBLE]


def test_an_empty_background_hides_nothing() -> None:
    surface = np.full((12, 20), np.inf, np.float32)
    found = keypoint_visibility(
        np.array([[7.0, 4.0]]), np.array([2.0]), np.array([0.01]), FOCAL_PX, surface
    )
    assert found.tolist() == [VISIBLE]


def test_hands_may_be_seen_from_the_palm_and_bodies_keep_their_depth() -> None:
    radius = np.linspace(0.01, 0.1, 133)
    person = Person(
        meshes=(),
        bone_matrices=np.zeros((0, 3, 4), np.float32),
        keypoints_world=np.zeros((133, 3)),
        keypoint_radius_m=radius,
    )
    depth = visible_depth_m(person)
    np.testing.assert_array_equal(depth[:91], radius[:91])
    np.testing.assert_allclose(depth[91:], 1.5 * radius[91:])
    np.testing.assert_array_equal(person.keypoint_radius_m, radius)


def test_the_box_of_a_mask_encloses_its_pixels() -> None:
    mask = np.zeros((12, 20), bool)
    mask[3:5, 7:14] = True
    assert mask_box(mask).tolist() == [6.5, 2.5, 13.5, 4.5]
    assert clip_box(np.array([-9.0, -9, 99, 99]), (20, 12)).tolist() == [-0.5, -0.5, 19.5, 11.5]
