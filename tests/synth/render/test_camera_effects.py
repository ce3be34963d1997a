from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rtmpose3d.synth import Degradation
from rtmpose3d.synth.render.camera_effects import NO_DEGRADATION, _saturation, degrade

IMAGE = np.random.default_rng(0).integers(0, 255, (61, 47, 3)).astype(np.uint8)
NAMES = ["blur", "motion", "low_resolution", "tone", "colour", "grey", "noise", "jpeg"]


def _only(name: str) -> Degradation:
    return replace(NO_DEGRADATION, **{name: 1.0})


@pytest.mark.parametrize("name", NAMES)
def test_each_effect_changes_the_image_and_keeps_its_shape(name: str) -> None:
    before = IMAGE.copy()
    changed = [degrade(IMAGE, np.random.default_rng(seed), _only(name)) for seed in range(6)]
    assert all(one.shape == IMAGE.shape and one.dtype == np.uint8 for one in changed)
    assert any(not np.array_equal(one, IMAGE) for one in changed)
    assert np.array_equal(IMAGE, before)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    settings = Degradation(noise=1.0)
    first, again, other = (
        degrade(IMAGE, np.random.default_rng(seed), settings) for seed in (4, 4, 5)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_degradation_changes_nothing() -> None:
    assert np.array_equal(degrade(IMAGE, np.random.default_rng(0), NO_DEGRADATION), IMAGE)


def test_grey_has_no_colour() -> None:
    grey = degrade(IMAGE, np.random.default_rng(0), _only("grey"))
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 1] == grey[..., 2]).all()


def test_frames_of_a_clip_differ_in_noise_only() -> None:
    settings = Degradation(noise=1.0, tone=1.0, jpeg=0, blur=0, motion=0, low_resolution=0)
    frames = [
        degrade(IMAGE, np.random.default_rng(3), settings, np.random.default_rng(frame))
        for frame in range(2)
    ]
    assert not np.array_equal(frames[0], frames[1])
    assert abs(float(frames[0].mean()) - float(frames[1].mean())) < 2


def test_tiny_images_can_be_degraded() -> None:
    tiny = IMAGE[:3, :2]
    for name in NAMES:
        assert degrade(tiny, np.random.default_rng(1), _only(name)).shape == tiny.shape


def test_probabilities_are_probabilities() -> None:
    changed = [
        not np.array_equal(degrade(IMAGE, np.random.default_rng(seed), _only("grey")), IMAGE)
        for seed in range(20)
    ]
    assert all(changed)
    rare = replace(NO_DEGRADATION, grey=0.3)
    changed = [
        not np.array_equal(degrade(IMAGE, np.random.default_rng(seed), rare), IMAGE)
        for seed in range(200)
    ]
    assert 0.15 < np.mean(changed) < 0.45


@pytest.mark.parametrize("name", ["blur", "motion", "low_resolution"])
def test_blurs_remove_detail(name: str) -> None:
    settings = replace(_only(name), blur_px=6.0, motion_px=40.0)
    degraded = [degrade(IMAGE, np.random.default_rng(seed), settings) for seed in range(8)]
    detail = [np.abs(np.diff(image.astype(float), axis=1)).mean() for image in degraded]
    original = np.abs(np.diff(IMAGE.astype(float), axis=1)).mean()
    assert max(detail) <= original
    assert np.mean(detail) < 0.8 * original


def test_noise_keeps_the_mean_and_has_at_most_the_given_strength() -> None:
    grey = np.full((120, 90, 3), 128, np.uint8)
    for seed in range(6):
        noisy = degrade(grey, np.random.default_rng(seed), replace(_only("noise"), noise_levels=12))
        difference = noisy.astype(float) - 128
        assert abs(difference.mean()) < 1
        assert 0.2 < difference.std() < 13


def test_a_lower_jpeg_quality_loses_more() -> None:
    grey = np.repeat(IMAGE[:, :, :1], 3, axis=2)  # quality 94 halves the resolution of colours

    def loss(quality: int) -> float:
        settings = replace(_only("jpeg"), jpeg_quality=quality)
        images = [degrade(grey, np.random.default_rng(seed), settings) for seed in range(4)]
        return float(np.mean([np.abs(image.astype(float) - grey).mean() for image in images]))

    assert loss(5) > 2 * loss(94)


@pytest.mark.parametrize("name", ["blur", "motion", "low_resolution"])
def test_blurs_keep_a_constant_image(name: str) -> None:
    constant = np.full((70, 90, 3), (40, 100, 200), np.uint8)
    settings = replace(_only(name), blur_px=6.0, motion_px=60.0)
    for seed in range(6):
        degraded = degrade(constant, np.random.default_rng(seed), settings)
        assert np.abs(degraded.astype(int) - constant).max() <= 1


def test_tone_keeps_the_order_of_brightness() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 20, axis=0).repeat(3, axis=2)
    for seed in range(20):
        toned = degrade(ramp, np.random.default_rng(seed), _only("tone"))[0].astype(int)
        assert (np.diff(toned, axis=0) >= 0).all()


def test_colour_casts_tint_grey_images() -> None:
    grey = np.full((30, 40, 3), 128, np.uint8)
    spreads = [
        np.ptp(degrade(grey, np.random.default_rng(seed), _only("colour"))[0, 0].astype(int))
        for seed in range(20)
    ]
    assert np.median(spreads) >= 2


def test_saturation_0_is_grey_and_1_changes_nothing() -> None:
    colours = np.random.default_rng(1).uniform(0, 1, (50, 3))
    grey = colours @ _saturation(0.0).T
    np.testing.assert_allclose(grey, np.repeat(grey[:, :1], 3, axis=1))
    np.testing.assert_allclose(colours @ _saturation(1.0).T, colours)
    np.testing.assert_allclose(colours @ _saturation(0.4).T, 0.6 * grey + 0.4 * colours, atol=1e-12)


def test_blur_scales_with_the_height_of_the_image() -> None:
    def width_px(height: int) -> float:
        edge = np.zeros((height, 3 * height, 3), np.uint8)
        edge[:, 3 * height // 2 :] = 250
        settings = replace(_only("blur"), blur_px=8.0)
        row = degrade(edge, np.random.default_rng(2), settings)[height // 2, :, 0].astype(float)
        slope = np.diff(row) / 250
        x = np.arange(len(slope))
        return float(np.sqrt((slope * x**2).sum() - (slope * x).sum() ** 2))

    assert width_px(512) == pytest.approx(2 * width_px(256), rel=0.15)
