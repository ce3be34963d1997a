"""The flip test: when it runs, and that left and right are exchanged with the image's sides."""

from __future__ import annotations

import numpy as np
import pytest

from fake_sessions import open_crops
from rtmpose3d.api import RTMPose3DConfig
from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.pipeline import Poses, crop_images, decode_crops
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures import Crops

FLIP = list(WHOLEBODY.flip_index)


@pytest.mark.parametrize(
    ("name", "flip_test", "runs"),
    [
        ("rtmw3d-n", None, 2),
        ("rtmw3d-n", True, 2),
        ("rtmw3d-n", False, 1),
        ("rtmw3d-l", None, 1),
        ("rtmw3d-l", True, 2),
        ("rtmw3d-l", False, 1),
    ],
)
def test_flipped_crops_run_if_the_caller_or_else_the_model_says_so(name, flip_test, runs):
    session, network = open_crops(name)
    image = np.random.default_rng(0).integers(0, 255, (80, 60, 3), np.uint8)
    boxes = np.array([[5, 5, 50, 70], [0, 0, 30, 40]], np.float32)
    crops = crop_images([image], [boxes], session.spec.input_size_wh)
    decode_crops(session, crops, flip_test=flip_test)
    assert sum(network.calls) == 2 * runs


@pytest.fixture
def crops() -> Crops:
    """Crops of noise, with matrices that differ in x and y."""
    width, height = open_crops("rtmw3d-n")[0].spec.input_size_wh
    rng = np.random.default_rng(3)
    return Crops(
        pixels=rng.integers(0, 255, (3, height, width, 3), np.uint8),
        image_from_crop=np.array([[[0.7, 0, 11 + i], [0, 0.9, 5 - i]] for i in range(3)]),
    )


def flipped(crops: Crops, split_ratio: float = 2.0) -> Crops:
    """The crops of the flipped images: pixels reversed, x counted from the other side.

    Bin i of n becomes bin n - 1 - i, so that x becomes width - 1 / split_ratio - x.
    """
    width = crops.pixels.shape[2]
    flip_x = np.array([[-1, 0, width - 1 / split_ratio], [0, 1, 0], [0, 0, 1]], np.float64)
    return Crops(
        pixels=np.ascontiguousarray(crops.pixels[:, :, ::-1]),
        image_from_crop=crops.image_from_crop @ flip_x,
    )


def swap_sides(poses: Poses) -> Poses:
    return Poses(
        keypoints_2d=poses.keypoints_2d[:, FLIP],
        scores=poses.scores[:, FLIP],
        confidence=poses.confidence[:, FLIP],
        depth_m=None if poses.depth_m is None else poses.depth_m[:, FLIP],
    )


@pytest.mark.parametrize("name", ["rtmw3d-n", "rtmw-l-256x192"])
def test_decoding_a_flipped_crop_gives_the_flipped_pose(name, crops):
    """For any network: the average of both directions knows no side."""
    session, _ = open_crops(name)
    poses = swap_sides(decode_crops(session, crops, flip_test=True))
    from_flipped = decode_crops(
        session, flipped(crops, session.spec.codec.split_ratio), flip_test=True
    )
    np.testing.assert_allclose(from_flipped.keypoints_2d, poses.keypoints_2d, atol=1e-3)
    np.testing.assert_allclose(from_flipped.scores, poses.scores, rtol=1e-6)
    np.testing.assert_allclose(from_flipped.confidence, poses.confidence, rtol=1e-4)
    if poses.depth_m is not None:
        assert from_flipped.depth_m is not None
        np.testing.assert_allclose(from_flipped.depth_m, poses.depth_m, atol=1e-6)
        assert np.abs(poses.depth_m - poses.depth_m[:, FLIP]).max() > 0.1, "sides differ"


def test_standard_deviations_are_in_pixels_of_the_image_and_the_same_for_both_sides(crops):
    session, _ = open_crops("rtmw3d-n")
    poses = decode_crops(session, crops, flip_test=True)
    scaled = Crops(pixels=crops.pixels, image_from_crop=crops.image_from_crop * [[[3.0], [2.0]]])
    larger = decode_crops(session, scaled, flip_test=True)
    assert poses.std_px is not None
    assert larger.std_px is not None
    known = np.isfinite(poses.std_px).all(axis=2)
    assert known.any()
    np.testing.assert_allclose(larger.std_px[known], poses.std_px[known] * (3, 2), rtol=1e-5)
    np.testing.assert_array_equal(larger.depth_std_m, poses.depth_std_m)
    from_flipped = decode_crops(session, flipped(crops), flip_test=True)
    np.testing.assert_allclose(from_flipped.std_px, poses.std_px[:, FLIP], rtol=1e-3)
    assert decode_crops(session, crops, flip_test=False).std_px is None


def test_without_the_flip_test_nothing_is_averaged(crops):
    session, network = open_crops("rtmw3d-n")
    plain = decode_crops(session, crops, flip_test=False)
    logits = network.logits(crops.pixels)
    np.testing.assert_array_equal(plain.scores, np.minimum(*(a.max(axis=2) for a in logits[:2])))


def test_the_average_is_the_mean_of_both_directions(crops):
    session, network = open_crops("rtmw3d-n")
    averaged = decode_crops(session, crops, flip_test=True)
    straight = network.logits(crops.pixels)
    back = network.logits(flipped(crops).pixels)
    x = (straight[0] + back[0][:, FLIP, ::-1]) / 2
    y = (straight[1] + back[1][:, FLIP]) / 2
    np.testing.assert_allclose(averaged.scores, np.minimum(x.max(axis=2), y.max(axis=2)), rtol=1e-6)


def test_a_configuration_leaves_the_choice_to_the_model_by_default():
    assert RTMPose3DConfig(model="rtmw3d-n").flip_test is None
    assert RTMPose3DConfig(model="rtmw3d-n", flip_test=False).flip_test is False


@pytest.mark.parametrize(("typed", "used"), [(None, True), (False, False), (True, True)])
def test_reports_of_the_command_line_say_what_was_done(typed, used):
    assert ModelOptions(model="rtmw3d-n", flip_test=typed).uses_flip_test is used
    assert ModelOptions(model="rtmw3d-l", flip_test=typed).uses_flip_test is bool(typed)
