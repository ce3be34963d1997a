"""tests/fixtures/geometry/topdown_affine.npz holds what mmpose 759b39c1 (GetBBoxCenterScale,
TopdownAffine; OpenCV 4.11) made of six boxes, three rotations and two input sizes."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.boxes import check_boxes, check_boxes_in_image
from rtmpose3d.geometry.crop import (
    apply_affine,
    center_scale_from_boxes,
    crop_from_image,
    crop_people,
    image_from_crop,
    warp_crop,
)

RECORDED = Path(__file__).resolve().parents[1] / "fixtures" / "geometry" / "topdown_affine.npz"
SIZES = [(288, 384), (192, 256)]


def _load(path):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def _image(height, width, seed=0):
    """Smooth, coloured and nowhere symmetric."""
    random = np.random.default_rng(seed).integers(0, 256, (height // 8 + 2, width // 8 + 2, 3))
    return cv2.resize(random.astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)


# -- the reference's numbers -------------------------------------------------------------------


@pytest.mark.parametrize("size_wh", SIZES)
def test_regions_and_matrices_equal_the_recorded_ones_bit_by_bit(size_wh):
    recorded = _load(RECORDED)
    name = f"{size_wh[0]}x{size_wh[1]}"
    center, scale = center_scale_from_boxes(recorded["boxes"], size_wh)
    keypoints = np.repeat(recorded["keypoints"], 6, axis=0)
    for j, rotation in enumerate(recorded["rots"]):
        np.testing.assert_array_equal(center, recorded[f"center_{name}"][:, j])
        np.testing.assert_array_equal(scale, recorded[f"scale_{name}"][:, j])
        matrices = crop_from_image(center, scale, size_wh, rotation)
        np.testing.assert_array_equal(matrices, recorded[f"warp_{name}"][:, j])
        moved = apply_affine(matrices, keypoints)
        np.testing.assert_allclose(moved, recorded[f"tkpts_{name}"][:, j], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "box", "rotation_deg", "size_wh"),
    [
        ("img_288x384_box0", 0, 0.0, (288, 384)),
        ("img_192x256_box0", 0, 0.0, (192, 256)),
        ("img_192x256_box1_rot30", 1, 30.0, (192, 256)),
        ("img_192x256_box2_rot0", 2, 0.0, (192, 256)),
    ],
)
def test_warped_images_equal_the_recorded_ones(shared, name, box, rotation_deg, size_wh):
    recorded = _load(shared / "golden" / "transforms" / "topdown_affine.npz")
    image = cv2.imread(str(shared / "samples" / "coco" / "000000000785.jpg"))
    center, scale = center_scale_from_boxes(recorded["boxes"], size_wh)
    matrix = crop_from_image(center, scale, size_wh, rotation_deg)[box]
    np.testing.assert_array_equal(warp_crop(image, matrix, size_wh), recorded[name])


@pytest.mark.parametrize("image_id", ["785", "40083"])
@pytest.mark.parametrize(
    ("crops", "results", "size_wh"),
    [
        ("crops_384x288", "rtmw3d-l_3d", (288, 384)),
        ("crops_256x192", "rtmw-l_256x192_noflip", (192, 256)),
    ],
)
def test_recorded_crops_of_all_boxes_are_reproduced(shared, image_id, crops, results, size_wh):
    folder = shared / "golden" / "pipeline3d"
    boxes = _load(folder / f"{results}.npz")[f"{image_id}.bboxes"]
    image = cv2.imread(str(shared / "samples" / "coco" / f"{int(image_id):012d}.jpg"))
    pixels, _ = crop_people(image, boxes, size_wh)
    np.testing.assert_array_equal(pixels, _load(folder / f"{crops}.npz")[f"{image_id}.crops"])


@pytest.mark.parametrize("image_id", ["785", "40083"])
def test_recorded_crop_points_map_back_to_the_recorded_image_points(golden, image_id):
    recorded = _load(golden / "pipeline3d" / "rtmw3d-l_3d.npz")
    center, scale = center_scale_from_boxes(recorded[f"{image_id}.bboxes"], (288, 384))
    np.testing.assert_array_equal(center, recorded[f"{image_id}.input_center"])
    np.testing.assert_array_equal(scale, recorded[f"{image_id}.input_scale"])
    points = apply_affine(
        image_from_crop(center, scale, (288, 384)),
        recorded[f"{image_id}.keypoints_simcc"][..., :2],
    )
    np.testing.assert_allclose(points, recorded[f"{image_id}.keypoints_2d"], atol=1e-3)


# -- round trips -------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    corner=st.tuples(st.floats(-500, 3000), st.floats(-500, 2000)),
    sides=st.tuples(st.floats(1, 2500), st.floats(1, 2500)),
    rotation_deg=st.floats(-180, 180),
    size_wh=st.sampled_from(SIZES),
)
def test_crop_then_uncrop_returns_the_same_point(corner, sides, rotation_deg, size_wh):
    box = np.array([[*corner, corner[0] + sides[0], corner[1] + sides[1]]])
    center, scale = center_scale_from_boxes(check_boxes(box), size_wh)
    there = crop_from_image(center, scale, size_wh, rotation_deg)
    back = image_from_crop(center, scale, size_wh, rotation_deg)
    points = np.array([[[0.0, 0.0], [size_wh[0], 0], [31, size_wh[1]]]])  # crop pixels
    returned = apply_affine(there, apply_affine(back, points))
    # the forward map comes of float32 points, as in the reference: crops of 1 px feel it
    np.testing.assert_allclose(returned, points, atol=0.02 + 0.4 / min(sides))


def test_every_person_may_have_another_rotation():
    center = np.array([[300.0, 200.0], [50.0, 80.0]], np.float32)
    scale = np.array([[150.0, 200.0], [75.0, 100.0]], np.float32)
    angles = np.array([20.0, -45.0])
    for function in (crop_from_image, image_from_crop):
        together = function(center, scale, (192, 256), angles)
        for i in range(2):
            one = slice(i, i + 1)
            alone = function(center[one], scale[one], (192, 256), float(angles[i]))
            np.testing.assert_array_equal(together[i], alone[0])


def test_a_marked_pixel_of_the_image_is_found_where_the_matrix_says():
    image = np.zeros((240, 400, 3), np.uint8)
    image[150:153, 310:313] = (10, 120, 250)
    box = [[260, 90, 350, 200]]
    pixels, back = crop_people(image, box, (192, 256))
    ys, xs = np.nonzero(pixels[0, :, :, 2] > 200)
    middle = np.array([[[xs.mean(), ys.mean()]]])
    np.testing.assert_allclose(apply_affine(back, middle), [[[311, 151]]], atol=0.3)


# -- equivalences and edges --------------------------------------------------------------------


def test_a_batch_of_people_equals_each_alone():
    image = _image(480, 640)
    boxes = np.array([[30, 50, 200, 400], [-60, 20, 90, 300], [500, 100, 800, 600]])
    pixels, matrices = crop_people(image, boxes, (192, 256))
    assert pixels.shape == (3, 256, 192, 3)
    assert pixels.dtype == np.uint8
    for i in range(3):
        alone, matrix = crop_people(image, boxes[i : i + 1], (192, 256))
        np.testing.assert_array_equal(pixels[i], alone[0])
        np.testing.assert_array_equal(matrices[i], matrix[0])


def test_an_image_that_is_a_view_gives_the_same_crops():
    image = _image(300, 500)
    flipped = image[:, ::-1]
    box = [[60.5, 20, 200, 290]]
    np.testing.assert_array_equal(
        crop_people(flipped, box, (192, 256))[0],
        crop_people(flipped.copy(), box, (192, 256))[0],
    )


def test_no_boxes_give_an_empty_batch():
    for boxes in ([], np.zeros((0, 4)), np.zeros((0, 4), np.float32)):
        pixels, matrices = crop_people(_image(40, 60), boxes, (192, 256))
        assert pixels.shape == (0, 256, 192, 3)
        assert matrices.shape == (0, 2, 3)
        assert apply_affine(matrices, np.zeros((0, 133, 2), np.float32)).shape == (0, 133, 2)


def test_a_box_outside_the_image_gives_a_black_crop():
    boxes = [[5000, 100, 5100, 400], [-400_000, -400_000, -399_000, -399_000]]
    pixels, _ = crop_people(_image(300, 500), boxes, (192, 256))
    assert not pixels.any()


def test_the_widest_allowed_box_still_shows_the_image_in_its_middle():
    pixels, _ = crop_people(
        np.full((3000, 4000, 3), 200, np.uint8),
        [[-200_000, -300_000, 204_000, 303_000]],
        (192, 256),
    )
    ys, xs = np.nonzero(pixels[0].any(axis=2))
    assert len(ys) > 0
    assert np.abs(xs - 96).max() <= 3
    assert np.abs(ys - 128).max() <= 3


def test_arguments_are_left_as_they_are():
    image, boxes = _image(300, 500), np.array([[10.0, 20, 200, 290]], np.float32)
    copies = image.copy(), boxes.copy()
    crop_people(image, boxes, (192, 256))
    checked = check_boxes(boxes)
    checked += 1
    np.testing.assert_array_equal(image, copies[0])
    np.testing.assert_array_equal(boxes, copies[1])


# -- very large images -------------------------------------------------------------------------


def _strip(width, x):
    """A wide image that is black but for one patch of image at x."""
    image = np.zeros((200, width, 3), np.uint8)
    image[20:180, x : x + 150] = _image(160, 150)
    return image


def test_an_image_wider_than_opencv_can_warp_gives_the_same_crop():
    ordinary, wide = _strip(2000, 1700), _strip(40_000, 37_700)
    box = np.array([[1690.3, 10, 1800, 190]])
    shift = np.array([36_000, 0, 36_000, 0])
    a, _ = crop_people(ordinary, box, (192, 256))
    b, matrix = crop_people(wide, box + shift, (192, 256))
    # float32 boxes and matrices are coarser at 37,000 px
    assert np.abs(a.astype(int) - b).mean() < 0.5
    assert matrix[0, 0, 2] > 37_000


def test_a_person_wider_than_opencv_can_warp_is_sampled_more_coarsely():
    image = np.zeros((300, 40_000, 3), np.uint8)
    image[:, 20_000:] = (30, 60, 90)
    pixels, _ = crop_people(image, [[500, 0, 39_500, 300]], (192, 256))
    rows = np.nonzero(pixels[0].any(axis=(1, 2)))[0]
    assert 126 <= rows.min() <= rows.max() <= 130
    left, right = pixels[0, 128, :90], pixels[0, 128, 102:165]
    assert not left.any()
    assert (right.max(axis=1) > 20).all()


def test_a_box_next_to_a_very_wide_image_is_black():
    pixels, _ = crop_people(_strip(40_000, 5), [[0, 5000, 100, 5200]], (192, 256))
    assert not pixels.any()


# -- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [list, np.int32, np.int64, np.uint16, np.float16, np.float64])
def test_boxes_of_any_real_type_become_float32(kind):
    boxes = [[1, 2, 30, 40], [5, 6, 70, 80]]
    checked = check_boxes(boxes if kind is list else np.array(boxes, kind))
    assert checked.dtype == np.float32
    np.testing.assert_array_equal(checked, boxes)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([30, 10, 20, 40], "box 1 must have x2 > x1 and y2 > y1, got x1=30"),
        ([10, 40, 20, 30], "box 1 must have x2 > x1 and y2 > y1"),
        ([10, 10, float("nan"), 40], "box 1 must be finite"),
        ([10, 10, float("inf"), 40], "box 1 must be finite"),
        ([10, 10, 10, 40], "box 1 must have sides of at least 0.1 px"),
        ([10, 10, 20, 10], "box 1 must have sides of at least 0.1 px"),
        ([10, 10, 1e39, 40], r"box 1 must lie within \+/-500000 px"),
    ],
)
def test_an_unusable_box_is_an_error_that_names_its_index(box, message):
    with pytest.raises(InputError, match=message):
        crop_people(_image(60, 80), [[1, 1, 50, 50], box], (192, 256))


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([1, 2, 3, 4], r"got shape \(4,\); for one box pass \[\[x1"),
        ([[1, 2, 3, 4, 0.9]], r"got shape \(1, 5\)"),
        ([[1, 2, 3, 4], [1, 2]], r"must be \(N, 4\) numbers"),
        ([["a", "b", "c", "d"]], "must be numbers"),
        ([[1 + 2j, 0, 3, 4]], "must be numbers"),
        (None, r"must be \(N, 4\)"),
    ],
)
def test_what_is_no_array_of_boxes_is_an_error(boxes, message):
    with pytest.raises(InputError, match=message):
        check_boxes(boxes)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((30, 40), np.uint8),
        np.zeros((30, 40, 4), np.uint8),
        np.zeros((30, 40, 3), np.float32),
        np.zeros((0, 40, 3), np.uint8),
        "image.jpg",
    ],
)
def test_what_is_no_image_is_an_error(image):
    with pytest.raises(InputError, match=r"image must be a non-empty \(H, W, 3\) uint8 array"):
        crop_people(image, [[1, 1, 20, 20]], (192, 256))


def test_a_matrix_that_cannot_be_inverted_is_an_error():
    for matrix in (np.zeros((2, 3)), [[1e-9, 0, 5], [0, 1e-9, 5]], [[1, 0, np.nan], [0, 1, 0]]):
        with pytest.raises(InputError, match="invertible"):
            warp_crop(_image(40, 60), matrix, (192, 256))


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([0.4, 0.1, 0.8, 0.9], "box 1 must be in pixels, not in fractions"),
        ([-1.0, -1, 1, 1], "box 1 must be in pixels"),
        ([10, 10, 10.5, 90], "box 1 must have sides of at least 1 px"),
        ([300, 10, 340, 90], r"box 1 lies outside the image of 200 x 120 px"),
        ([10, -90, 40, -1], "box 1 lies outside the image"),
        ([40, 10, 10, 90], "box 1 must have x2 > x1"),
    ],
)
def test_given_boxes_must_be_of_the_image(box, message):
    with pytest.raises(InputError, match=message):
        check_boxes_in_image([[1, 2, 30, 40], box], (200, 120))


def test_given_boxes_may_lie_partly_outside_the_image():
    boxes = [[-50, -20, 1, 1], [199, 119, 900, 900], [-9, -9, 999, 999]]
    np.testing.assert_array_equal(check_boxes_in_image(boxes, (200, 120)), boxes)
    assert check_boxes_in_image([], (200, 120)).shape == (0, 4)
