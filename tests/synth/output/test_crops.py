from __future__ import annotations

import cv2
import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.crop import center_scale_from_boxes, crop_from_image
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.synth import NO_JITTER, CropJitter, World
from rtmpose3d.synth.output.crops import collate, make_crops

SIZE_WH = (96, 128)


def test_labels_of_crops_are_the_projections_of_their_points_in_metres(world: World) -> None:
    rng = np.random.default_rng(2)
    batch = collate(make_crops(world, rng, 12, SIZE_WH, CropJitter(rotate_probability=1.0)))
    assert batch.crops.shape == (12, 128, 96, 3)
    assert batch.crops.dtype == np.uint8
    points_m, camera = batch.keypoints_camera_m.astype(np.float64), batch.cameras[:, None]
    pixels = points_m[..., :2] / points_m[..., 2:] * camera[..., :2] + camera[..., 2:]
    inside = batch.visibility > 0
    assert np.abs(pixels - batch.keypoints_px)[inside].max() < 0.01
    low, high = batch.keypoints_px[inside].min(), batch.keypoints_px[inside].max(axis=0)
    assert low >= -0.5
    assert (high < np.array(SIZE_WH) - 0.5).all()
    assert (batch.visibility == 2).sum(axis=1).min() >= 8


def test_without_jitter_a_crop_is_that_of_inference(world: World) -> None:
    for sample in make_crops(world, np.random.default_rng(4), 6, SIZE_WH, NO_JITTER):
        center, scale = center_scale_from_boxes(sample.box_xyxy[None], SIZE_WH)
        matrix = crop_from_image(center, scale, SIZE_WH)[0]
        assert cv2.invertAffineTransform(matrix) == pytest.approx(sample.image_from_crop, abs=1e-6)


@pytest.mark.slow
def test_crops_of_parts_hold_a_whole_face_or_hand_and_little_else(world: World) -> None:
    jitter = CropJitter(shift=0.0, scale=(1.0, 1.0), rotate_deg=0.0, part_probability=1.0)
    samples = make_crops(world, np.random.default_rng(6), 24, SIZE_WH, jitter)
    parts = [WHOLEBODY.parts[name] for name in ("face", "left_hand", "right_hand")]
    close = 0
    for sample in samples:
        spans = [np.ptp(sample.keypoints_px[part], axis=0).max() for part in parts]
        close += max(spans) > 0.4 * max(SIZE_WH)
    assert close >= 8  # others show the full person: faces and hands are too small to crop


def test_the_same_generator_gives_the_same_crops(world: World) -> None:
    first, again = (
        collate(make_crops(world, np.random.default_rng(9), 5, SIZE_WH, CropJitter()))
        for _ in range(2)
    )
    for name, values in vars(first).items():
        assert np.array_equal(values, vars(again)[name]), name


@pytest.mark.slow
def test_points_in_the_black_beyond_the_image_are_outside(world: World) -> None:
    samples = make_crops(world, np.random.default_rng(1), 30, SIZE_WH, CropJitter())
    assert any((sample.crop == 0).all(axis=2).mean() > 0.1 for sample in samples)
    for sample in samples:
        inside = sample.visibility > 0
        points_px = sample.keypoints_px[inside] @ sample.image_from_crop[:, :2].T
        points_px = points_px + sample.image_from_crop[:, 2]
        assert points_px.min() > -0.51


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale": (1.2, 0.8)},
        {"shift": -0.1},
        {"rotate_probability": 1.5},
        {"part_probability": -0.1},
    ],
)
def test_an_impossible_jitter_is_an_error(wrong: dict) -> None:
    with pytest.raises(InputError):
        CropJitter(**wrong)
