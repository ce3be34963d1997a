from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.crop import center_scale_from_boxes, crop_from_image
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.synth import NO_JITTER, CropJitter, World, WorldSettings
from rtmpose3d.synth.output.crops import CropSample, _enlarge, collate, make_crops

pytestmark = pytest.mark.slow

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


def center_and_angle(sample: CropSample) -> tuple[np.ndarray, float]:
    """Centre of a crop in pixels of its image, and its rotation in degrees."""
    matrix = sample.image_from_crop
    middle = (np.array(SIZE_WH) - 1) / 2
    center = matrix[:, :2] @ middle + matrix[:, 2]
    return center, float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))


def test_padding_enlarges_the_box(world: World) -> None:
    for padding in (1.0, 1.5):
        rng = np.random.default_rng(4)
        for sample in make_crops(world, rng, 4, SIZE_WH, NO_JITTER, padding=padding):
            center, scale = center_scale_from_boxes(sample.box_xyxy[None], SIZE_WH, padding=padding)
            matrix = cv2.invertAffineTransform(crop_from_image(center, scale, SIZE_WH)[0])
            assert matrix == pytest.approx(sample.image_from_crop, abs=1e-6)


def test_shift_and_rotation_have_both_signs_and_stay_within_their_limits(world: World) -> None:
    jitter = CropJitter(
        shift=0.1, scale=(1.0, 1.0), rotate_deg=30.0, rotate_probability=1.0, part_probability=0.0
    )
    shifts, angles = [], []
    for sample in make_crops(world, np.random.default_rng(3), 24, SIZE_WH, jitter):
        low, high = sample.box_xyxy[:2], sample.box_xyxy[2:]
        center, angle = center_and_angle(sample)
        shifts.append((center - (low + high) / 2) / (high - low))
        angles.append(angle)
    # a tenth, and half a pixel of the crop's borders
    assert 0.06 < np.abs(shifts).max() < 0.14
    assert 15 < max(angles) < 30.1
    assert -30.1 < min(angles) < -15


def test_keypoints_are_labelled_exactly_where_crop_and_image_overlap(world: World) -> None:
    jitter = CropJitter(part_probability=0.9)
    samples = make_crops(world, np.random.default_rng(8), 16, SIZE_WH, jitter)
    enlarged = 0
    for sample in samples:
        in_crop = (
            (sample.keypoints_px > -0.4) & (sample.keypoints_px < np.array(SIZE_WH) - 0.6)
        ).all(axis=1)
        in_crop &= sample.keypoints_camera_m[:, 2] > 0.1
        matrix = sample.image_from_crop
        in_image = sample.keypoints_px @ matrix[:, :2].T + matrix[:, 2]
        inner = in_crop & (in_image > 1).all(axis=1)
        # the far borders of the image are unknown here: use points that are left of a labelled one
        labelled = sample.visibility > 0
        limit = in_image[labelled].max(axis=0)
        inner &= (in_image <= limit).all(axis=1)
        assert labelled[inner].all()
        enlarged += np.linalg.norm(matrix[:, 0]) < 0.8
    assert enlarged >= 3  # crops that are rendered smaller and enlarged


def test_enlarging_keeps_pixel_centres_at_multiples() -> None:
    tile = np.zeros((20, 24, 3), np.uint8)
    tile[7, 11] = 255
    larger = _enlarge(tile, 2.5, (60, 50))[..., 0].astype(float)
    rows, columns = np.indices(larger.shape)
    centre = [(larger * columns).sum() / larger.sum(), (larger * rows).sum() / larger.sum()]
    assert centre == pytest.approx([27.5, 17.5], abs=0.1)


def test_hardly_visible_people_yield_no_crop(opengl: None, world_settings: WorldSettings) -> None:
    with World(replace(world_settings, people=(6, 6))) as crowd:
        samples = make_crops(crowd, np.random.default_rng(5), 60, SIZE_WH, NO_JITTER)
    assert min((sample.visibility == 2).sum() for sample in samples) >= 8
