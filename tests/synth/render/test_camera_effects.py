from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rtmpose3d.synth import Degradation
from rtmpose3d.synth.render.camera_effects import NO_DEGRADATION, degrade

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
