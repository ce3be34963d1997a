"""Records and batches of pose models."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_people import batch, person, tiny_spec
from synthetic_records import record

from rtmpose3d.errors import InputError
from rtmpose3d.training.data.mixture import MixtureSource
from rtmpose3d.training.data.pose_batches import stack_samples
from rtmpose3d.training.pose.validation import fit_crop_camera, labelled_in_crop
from rtmpose3d.training.recipes.augmentation import (
    NO_AUGMENTATION,
    STAGE1,
)
from rtmpose3d.training.recipes.mixtures import DatasetEntry

# -- records -----------------------------------------------------------------------------------


def test_a_keypoint_that_is_labelled_but_nowhere_is_named():
    keypoints = record().keypoints_px.copy()
    keypoints[9] = np.nan
    with pytest.raises(InputError, match=r"synthetic, 0: keypoint 9 \(left_wrist\)"):
        record(keypoints_px=keypoints)
    visible = np.ones(133, np.float32)
    visible[9] = 0
    assert record(keypoints_px=keypoints, visible=visible)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("visible", np.full(133, 2, np.float32)),
        ("visible", np.full(133, np.nan, np.float32)),
        ("keypoints_px", np.zeros((17, 2), np.float32)),
        ("keypoints_px", np.zeros((133, 2))),
        ("box_xyxy", np.array([10, 10, 5, 20], np.float32)),
        ("image", np.zeros((20, 30), np.uint8)),
        ("keypoints_camera_m", np.zeros((133, 2), np.float32)),
    ],
)
def test_a_wrong_record_is_refused_with_the_name_of_its_sample(field, value):
    with pytest.raises(InputError, match="synthetic, 0"):
        record(**{field: value})


def mixture(records, **changes):
    settings = {
        "input_size_wh": (96, 128),
        "batch_size": 3,
        "augmentation": NO_AUGMENTATION,
        "seed": 0,
        **changes,
    }
    return MixtureSource(entries=[(DatasetEntry(dataset="synthetic"), records)], **settings)


def test_records_become_batches_that_follow_from_seed_and_index():
    records = [record(seed) for seed in range(5)]

    def source(seed):
        return mixture(records, batch_size=4, augmentation=STAGE1, seed=seed)

    one, same, other = source(1).batch(3), source(1).batch(3), source(2).batch(3)
    np.testing.assert_array_equal(one.crops, same.crops)
    np.testing.assert_array_equal(one.keypoints_px, same.keypoints_px)
    assert (one.crops != other.crops).any()
    assert one.crops.shape == (4, 128, 96, 3)


def test_every_record_comes_once_an_epoch():
    records = [record(seed) for seed in range(6)]
    source = mixture(records, batch_size=3)
    seen = np.concatenate([source.batch(i).keypoints_camera_m[:, 0, 0] for i in range(2)])
    assert sorted(seen) == sorted(r.keypoints_camera_m[0, 0] for r in records)


def test_an_empty_dataset_says_so():
    with pytest.raises(InputError, match="has no record"):
        mixture([])


def test_the_box_side_of_a_record_is_measured_in_the_crop():
    source = mixture([record()], batch_size=1)
    # The box is taller than the crop's aspect: its padded height fills the crop's.
    assert source.batch(0).box_side_px[0] == pytest.approx(128 / 1.25, rel=1e-3)


def test_a_visible_keypoint_that_is_not_finite_is_refused():
    good = batch(0)
    keypoints = good.keypoints_px.copy()
    keypoints[2, 5] = np.nan
    with pytest.raises(InputError, match=r"crop 2 .* keypoint 5"):
        replace(good, keypoints_px=keypoints)


def test_metres_per_pixel_are_those_of_the_camera_at_any_rotation():
    people = batch(3)
    expected = people.keypoints_camera_m[..., 2].mean(axis=1) / 210
    np.testing.assert_allclose(people.metres_per_px(), expected, rtol=0.1)
    rotated = replace(people, keypoints_px=people.keypoints_px[..., ::-1].copy())
    np.testing.assert_allclose(rotated.metres_per_px(), people.metres_per_px(), rtol=1e-5)


def test_depth_is_relative_to_the_hips_and_unknown_without_them():
    people = batch(0)
    depth = people.relative_depth_m()
    np.testing.assert_allclose(depth[:, [11, 12]].mean(axis=1), 0, atol=1e-6)
    metres = people.keypoints_camera_m.copy()
    metres[1, 11] = np.nan
    depth = replace(people, keypoints_camera_m=metres).relative_depth_m()
    assert np.isnan(depth[1]).all()
    assert np.isfinite(depth[0]).all()


def test_the_camera_of_a_crop_follows_from_its_labels():
    sample = person(np.random.default_rng(0))
    focal, cx, cy = fit_crop_camera(
        sample.keypoints_px, sample.keypoints_camera_m, np.ones(133, bool)
    )
    assert (focal, cx, cy) == pytest.approx((210, 33, 46), abs=0.01)
    assert (
        fit_crop_camera(sample.keypoints_px, sample.keypoints_camera_m, np.zeros(133, bool)) is None
    )


def test_keypoints_outside_the_crop_do_not_count():
    people = batch(0)
    keypoints = people.keypoints_px.copy()
    keypoints[0, 0] = (-1, 5)
    keypoints[0, 1] = (64, 5)
    inside = labelled_in_crop(replace(people, keypoints_px=keypoints))
    assert inside[0, :2].tolist() == [False, False]


def test_stacked_samples_have_the_box_of_an_unturned_crop():
    stacked = stack_samples([person(np.random.default_rng(0), tiny_spec().input_size_wh)])
    assert stacked.box_side_px[0] == pytest.approx(96 / 1.25)
