"""Warps equal OpenCV 4's to the bit, whatever version of OpenCV runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.opencv4_warp import warp_affine
from rtmpose3d.geometry import warp
from rtmpose3d.geometry.crop import center_scale_from_boxes, crop_from_image, crop_people


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def warped_by_tables(image: np.ndarray, matrix: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    crop = np.full((size_wh[1], size_wh[0], 3), 7, np.uint8)
    warp.warp_by_tables(image, matrix, crop)
    return crop


def matrix_of(box: list[float], size_wh: tuple[int, int], rotation_deg: float = 0.0) -> np.ndarray:
    center, scale = center_scale_from_boxes(np.array([box]), size_wh)
    return crop_from_image(center, scale, size_wh, rotation_deg)[0]


@settings(deadline=None, max_examples=50)
@given(
    corner=st.tuples(st.floats(-40, 70), st.floats(-40, 50)),
    sides=st.tuples(st.floats(1, 120), st.floats(1, 120)),
    rotation_deg=st.sampled_from([0.0, 0.0, 30.0, 90.0, 180.0]) | st.floats(-180, 180),
)
def test_every_pixel_equals_opencv_4(corner, sides, rotation_deg) -> None:
    box = [*corner, corner[0] + sides[0], corner[1] + sides[1]]
    image = noise(47, 61)
    matrix = matrix_of(box, (23, 31), rotation_deg)
    expected = warp_affine(image, matrix, (23, 31))
    np.testing.assert_array_equal(warped_by_tables(image, matrix, (23, 31)), expected)
    crop = np.empty((31, 23, 3), np.uint8)
    warp.warp_into(image, matrix, crop)
    np.testing.assert_array_equal(crop, expected)


@pytest.mark.parametrize("rotation_deg", [0.0, 25.0])
def test_crops_of_several_blocks_of_rows_equal_opencv_4(rotation_deg: float) -> None:
    image = noise(90, 120)
    matrix = matrix_of([20, 10, 70, 80], (40, 300), rotation_deg)
    expected = warp_affine(image, matrix, (40, 300))
    np.testing.assert_array_equal(warped_by_tables(image, matrix, (40, 300)), expected)


@pytest.mark.skipif(not cv2.__version__.startswith("4."), reason="this OpenCV warps otherwise")
@pytest.mark.parametrize("size_wh", [(192, 256), (288, 384)])
def test_tables_give_what_opencv_4_gives(size_wh: tuple[int, int]) -> None:
    image = noise(427, 640)
    for rotation_deg in range(0, 180, 17):
        matrix = matrix_of([-30.5, 100, 500, 300.25], size_wh, rotation_deg)
        expected = cv2.warpAffine(image, matrix, size_wh)
        np.testing.assert_array_equal(warped_by_tables(image, matrix, size_wh), expected)


@pytest.mark.parametrize("offset", [0, 12_000, 30_000, 65_600])
@pytest.mark.parametrize("rotation_deg", [0.0, 25.0])
def test_a_part_of_a_large_image_equals_the_same_part_of_a_small_one(
    offset: int, rotation_deg: float
) -> None:
    small = noise(60, 160)
    large = np.zeros((60, offset + 200, 3), np.uint8)
    large[:, offset : offset + 160] = small
    matrix = np.round(matrix_of([20, 5, 70, 55], (24, 32), rotation_deg) * 1024) / 1024
    there = matrix.copy()
    there[:, 2] -= matrix[:, 0] * offset
    # The last bits of the inverse's offset depend on it: a few coordinates round otherwise.
    differs = warped_by_tables(large, there, (24, 32)) != warped_by_tables(small, matrix, (24, 32))
    assert differs.mean() < 0.01


def test_a_crop_of_more_than_8192_px_equals_opencv_4() -> None:
    image = noise(5, 20_000)
    matrix = np.array([[1 / 733.3, 1e-5, -3.7], [2e-5, 4.9, 3.3]])
    expected = warp_affine(image, matrix, (25, 31))
    assert expected.any()
    np.testing.assert_array_equal(warped_by_tables(image, matrix, (25, 31)), expected)


def test_a_crop_outside_the_image_is_black() -> None:
    for box in ([5000, 100, 5100, 400], [-400_000, -400_000, -399_000, -399_000]):
        assert not warped_by_tables(noise(30, 50), matrix_of(box, (24, 32)), (24, 32)).any()


def test_threads_and_changing_sizes_do_not_disturb_each_other() -> None:
    image = noise(100, 140)
    sizes = [(24, 32), (48, 64), (24, 200), (30, 20)] * 8
    boxes = [[5.0 + i, 3.0, 60.0 + i, 90.0] for i in range(len(sizes))]

    def crop(job: tuple[list[float], tuple[int, int]]) -> np.ndarray:
        box, size_wh = job
        return crop_people(image, [box], size_wh)[0]

    jobs = list(zip(boxes, sizes, strict=True))
    alone = [crop(job) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        for ours, expected in zip(pool.map(crop, jobs), alone, strict=True):
            np.testing.assert_array_equal(ours, expected)
