"""Augmentation: what it may change and what must stay true."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_people import person

from rtmpose3d.geometry.crop import crop_people
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.training.data.augment import (
    augment_crop,
    augment_photometric,
    crop_person,
    flip_crop,
    half_body_box,
    random_box_change,
    recrop,
)
from rtmpose3d.training.data.pose_batches import PoseSample
from rtmpose3d.training.recipes.augmentation import (
    STAGE1,
    STAGE2,
    Augmentation,
    GeometricAugmentation,
    Jitter,
    PhotometricAugmentation,
)

SIZE_WH = (96, 128)


def dotted_image(rng):
    """An oblong image with one bright dot a body keypoint, askew."""
    image = np.zeros((300, 410, 3), np.uint8)
    keypoints = rng.uniform([60, 40], [330, 260], (133, 2)).astype(np.float32)
    keypoints = np.round(keypoints)
    for x, y in keypoints[:5].astype(int):
        image[y - 2 : y + 3, x - 2 : x + 3] = 255
    return image, keypoints


def test_flipping_twice_gives_the_same_sample():
    sample = person(np.random.default_rng(0), SIZE_WH)
    again = flip_crop(flip_crop(sample))
    np.testing.assert_array_equal(again.crop, sample.crop)
    np.testing.assert_allclose(again.keypoints_px, sample.keypoints_px, atol=1e-4)
    np.testing.assert_array_equal(again.keypoints_camera_m, sample.keypoints_camera_m)


def test_flipping_exchanges_left_and_right_in_pixels_and_in_depth():
    sample = person(np.random.default_rng(0), SIZE_WH)
    flipped = flip_crop(sample)
    left, right = WHOLEBODY.index("left_wrist"), WHOLEBODY.index("right_wrist")
    x, y = sample.keypoints_px[right]
    np.testing.assert_allclose(flipped.keypoints_px[left], [SIZE_WH[0] - 1 - x, y], rtol=1e-5)
    visible = np.zeros(133, np.float32)
    visible[right] = 1
    seen = flip_crop(replace(sample, visible=visible)).visible
    assert np.flatnonzero(seen).tolist() == [left]
    metres = sample.keypoints_camera_m[right]
    np.testing.assert_array_equal(flipped.keypoints_camera_m[left], metres * [-1, 1, 1])
    np.testing.assert_array_equal(
        flipped.crop[5, 7], sample.crop[5, SIZE_WH[0] - 1 - 7]
    )  # pixel centres


def test_flipped_keypoints_equal_the_recorded_ones(golden):
    data = np.load(golden / "transforms" / "hflip.npz")
    width, height = data["img_wh"].tolist()
    flipped = flip_crop(
        PoseSample(
            crop=np.zeros((height, width, 3), np.uint8),
            keypoints_px=data["keypoints"][0],
            visible=data["visible"][0],
            keypoints_camera_m=data["keypoints_3d"][0],
        )
    )
    np.testing.assert_allclose(flipped.keypoints_px, data["out_keypoints"][0], atol=1e-3)
    np.testing.assert_array_equal(flipped.visible, data["out_visible"][0])


def test_without_augmentation_a_crop_is_what_inference_cuts():
    rng = np.random.default_rng(1)
    image, keypoints = dotted_image(rng)
    image[...] = rng.integers(0, 255, image.shape, dtype=np.uint8)
    box = np.array([120.0, 30.0, 250.5, 280.0], np.float32)
    sample = crop_person(image, box, keypoints, np.ones(133), None, SIZE_WH, None, rng)
    pixels, image_from_crop = crop_people(image, box[None], SIZE_WH)
    np.testing.assert_array_equal(sample.crop, pixels[0])
    back = sample.keypoints_px @ image_from_crop[0, :, :2].T + image_from_crop[0, :, 2]
    np.testing.assert_allclose(back, keypoints, atol=1e-3)
    assert np.isnan(sample.keypoints_camera_m).all()


@pytest.mark.parametrize("seed", range(6))
def test_keypoints_follow_the_image_through_every_change(seed):
    rng = np.random.default_rng(seed)
    image, keypoints = dotted_image(rng)
    box = np.array([70.0, 20.0, 350.0, 270.0], np.float32)
    geometry = GeometricAugmentation(half_body_prob=0.0, rotation_prob=1.0)
    sample = crop_person(image, box, keypoints, np.ones(133), None, SIZE_WH, geometry, rng)
    if seed % 2:
        sample = recrop(sample, Jitter(), rng)
    index = WHOLEBODY.flip_index if _is_flipped(sample, keypoints) else np.arange(133)
    for i in np.flatnonzero(index < 5):
        x, y = np.rint(sample.keypoints_px[i]).astype(int)
        if 2 <= x < SIZE_WH[0] - 2 and 2 <= y < SIZE_WH[1] - 2:
            assert sample.crop[y, x].max() > 60  # the dot, thinned by the scale


NO_CHANGE = GeometricAugmentation(
    flip_prob=0.0, half_body_prob=0.0, scale=(1.0, 1.0), rotation_prob=0.0, shift_prob=0.0
)


@pytest.mark.parametrize("name", ["flip_prob", "half_body_prob", "rotation_prob", "shift_prob"])
def test_a_change_of_probability_zero_never_happens_and_of_one_always(name):
    rng = np.random.default_rng(5)
    image, keypoints = dotted_image(rng)
    box = np.array([70.0, 20.0, 350.0, 270.0], np.float32)
    plain = crop_person(image, box, keypoints, np.ones(133), None, SIZE_WH, None, rng)
    for probability in (0.0, 1.0):
        geometry = replace(NO_CHANGE, **{name: probability})
        for _ in range(8):
            sample = crop_person(image, box, keypoints, np.ones(133), None, SIZE_WH, geometry, rng)
            changed = not np.allclose(sample.keypoints_px, plain.keypoints_px, atol=1e-3)
            assert changed == bool(probability)
            assert _is_flipped(sample, keypoints) == (name == "flip_prob" and probability == 1)


def _is_flipped(sample, keypoints):
    """By the sense of a triangle, which turning and scaling do not change."""

    def sense(points):
        a, b = points[6] - points[0], points[7] - points[0]  # pairs 5-6, 7-8 are exchanged
        return np.sign(a[0] * b[1] - a[1] * b[0])

    swapped = sample.keypoints_px[WHOLEBODY.flip_index]
    return sense(swapped) == -sense(keypoints) and sense(sample.keypoints_px) != sense(keypoints)


def test_box_changes_stay_within_the_published_ranges():
    rng = np.random.default_rng(0)
    for geometry, low, high, rotation in (
        (STAGE1.geometric, 0.6, 1.4, 80),
        (STAGE2.geometric, 0.5, 1.5, 90),
    ):
        drawn = [random_box_change(geometry, rng) for _ in range(2000)]
        factors = np.array([factor for _, factor, _ in drawn])
        rotations = np.array([rotation for _, _, rotation in drawn])
        assert low <= factors.min() < low + 0.05
        assert high - 0.05 < factors.max() <= high
        assert 0.9 * rotation < np.abs(rotations).max() <= rotation
        assert (rotations == 0).mean() == pytest.approx(0.4, abs=0.05)
        shifts = np.array([shift for shift, _, _ in drawn])
        assert np.abs(shifts).max() <= geometry.shift


def test_half_bodies_hold_only_their_half():
    geometry = GeometricAugmentation(half_body_prob=1.0, upper_body_prob=1.0)
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(0, 100, (133, 2))
    keypoints[11:23] += 500
    box = half_body_box(keypoints, np.ones(133), geometry, rng)
    assert box[3] < 250
    lower = half_body_box(
        keypoints, np.ones(133), GeometricAugmentation(half_body_prob=1.0, upper_body_prob=0.0), rng
    )
    assert lower[1] > 400
    assert half_body_box(keypoints, np.eye(133)[0], geometry, rng) is None


def test_equal_seeds_give_equal_samples_and_others_do_not():
    sample = person(np.random.default_rng(0), SIZE_WH)
    settings = Augmentation(
        geometric=GeometricAugmentation(), photometric=PhotometricAugmentation(), jitter=Jitter()
    )
    one, same, other = (
        augment_crop(sample, settings, np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(one.crop, same.crop)
    np.testing.assert_array_equal(one.keypoints_px, same.keypoints_px)
    assert (one.crop != other.crop).any()


def test_the_given_sample_is_not_changed():
    sample = person(np.random.default_rng(0), SIZE_WH)
    before = sample.crop.copy(), sample.keypoints_px.copy(), sample.keypoints_camera_m.copy()
    settings = Augmentation(
        geometric=GeometricAugmentation(flip_prob=1),
        photometric=PhotometricAugmentation(blur_prob=1),
        jitter=Jitter(),
    )
    augment_crop(sample, settings, np.random.default_rng(0))
    after = sample.crop, sample.keypoints_px, sample.keypoints_camera_m
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


def test_colours_change_by_no_more_than_they_may():
    crop = np.full((20, 30, 3), (90, 120, 200), np.uint8)
    look = PhotometricAugmentation(blur_prob=0, median_blur_prob=0, dropout_prob=0)
    rng = np.random.default_rng(0)
    changed = np.array([augment_photometric(crop, look, rng)[0, 0] for _ in range(200)])
    assert (changed.max(axis=1) >= 200 - 32).all()  # value
    assert (changed.max(axis=1) <= 200 + 32).all()
    assert len(np.unique(changed, axis=0)) > 50


def test_the_dropped_rectangle_has_the_published_size():
    crop = np.full((100, 50, 3), 200, np.uint8)
    look = PhotometricAugmentation(
        hue=0, saturation=0, value=0, blur_prob=0, median_blur_prob=0, dropout_prob=1
    )
    rng = np.random.default_rng(0)
    for _ in range(50):
        black = (augment_photometric(crop, look, rng) == 0).all(axis=2)
        height, width = black.any(axis=1).sum(), black.any(axis=0).sum()
        assert 20 <= height <= 40
        assert 10 <= width <= 20
        assert black.sum() == height * width
