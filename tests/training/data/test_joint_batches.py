"""Joint batches of several sources, label weights, people cut off, loss of quality."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic_people import FixedSource, batch, tiny_spec
from synthetic_records import record

from rtmpose3d.training.data.augment import crop_person, cut_off, flip_crop
from rtmpose3d.training.data.degradation import degrade
from rtmpose3d.training.data.joint import JointSource, paste_patches
from rtmpose3d.training.data.mixture import MixtureSource
from rtmpose3d.training.pose.targets import LabelTables
from rtmpose3d.training.recipes.augmentation import (
    NO_AUGMENTATION,
    Degradation,
    GeometricAugmentation,
    PhotometricAugmentation,
)
from rtmpose3d.training.recipes.mixtures import DatasetEntry

SIZE_WH = (64, 96)


def weighted_records():
    weight = np.linspace(0.1, 1, 133, dtype=np.float32)
    return [record(i, label_weight=weight, keypoints_camera_m=None) for i in range(4)], weight


def joint(photometric=None):
    records, weight = weighted_records()
    mixture = MixtureSource(
        entries=[(DatasetEntry(dataset="weighted"), records)],
        input_size_wh=SIZE_WH,
        batch_size=3,
        augmentation=NO_AUGMENTATION,
        seed=1,
    )
    rendered = FixedSource(batches=[batch(size=5)])
    return JointSource(sources=[rendered, mixture], photometric=photometric, seed=7), weight


def test_a_joint_batch_has_all_samples_of_its_sources_with_their_weights():
    source, weight = joint()
    joined = source.batch(0)
    assert len(joined) == 8
    flat = np.isnan(joined.keypoints_camera_m).all(axis=(1, 2))
    assert flat.sum() == 3  # z is not labelled
    np.testing.assert_array_equal(joined.weights()[flat], np.tile(weight, (3, 1)))
    assert (joined.weights()[~flat] == 1).all()
    again, other = source.batch(0), source.batch(1)
    np.testing.assert_array_equal(joined.crops, again.crops)
    assert not np.array_equal(flat, np.isnan(other.keypoints_camera_m).all(axis=(1, 2)))


def test_a_part_and_a_flip_keep_the_weights_of_their_keypoints():
    source, weight = joint()
    joined = source.batch(0)
    np.testing.assert_array_equal(joined.part(range(2, 5)).weights(), joined.weights()[2:5])
    sample = joined.samples()[0]
    twice = flip_crop(flip_crop(replace(sample, label_weight=weight)))
    np.testing.assert_array_equal(twice.label_weight, weight)
    assert not np.array_equal(flip_crop(replace(sample, label_weight=weight)).label_weight, weight)


def test_the_loss_of_a_keypoint_is_proportional_to_its_weight():
    tables = LabelTables(tiny_spec().codec)
    people = batch(size=2)
    args = [torch.from_numpy(a) for a in (people.keypoints_px, people.visible)]
    args.append(torch.from_numpy(people.relative_depth_m()))
    full = tables.encode(*args)
    weight = torch.rand(2, 133)
    targets = tables.encode(*args, weight)
    assert torch.equal(targets.rows, full.rows)  # a small weight is a label nevertheless
    torch.testing.assert_close(targets.weights, full.weights * weight[..., None])


@pytest.mark.parametrize("seed", range(12))
def test_people_cut_off_keep_their_labels_on_this_side_only(seed):
    rng = np.random.default_rng(seed)
    one = record(seed)
    image, box, visible = cut_off(
        one.image, one.box_xyxy, one.keypoints_px, one.visible, (0.2, 0.6), rng
    )
    inside = (one.keypoints_px >= box[:2]).all(axis=1) & (one.keypoints_px <= box[2:]).all(axis=1)
    np.testing.assert_array_equal(visible > 0, inside)
    assert 0 < inside.sum() < 133
    gone = one.keypoints_px[~inside].round().astype(int)
    beyond = np.abs(one.keypoints_px[~inside][:, None] - box.reshape(2, 2)).min(axis=(1, 2)) > 1
    assert (image[gone[beyond, 1], gone[beyond, 0]] == 0).all()
    assert np.prod(box[2:] - box[:2]) < np.prod(one.box_xyxy[2:] - one.box_xyxy[:2])


def test_a_cut_that_leaves_too_little_is_not_made():
    one = record(keypoints_px=np.tile(np.float32([[185, 215]]), (133, 1)))
    geometric = GeometricAugmentation(cut_prob=1.0, cut_fraction=(0.9, 0.95), half_body_prob=0)
    for seed in range(5):
        sample = crop_person(
            *(one.image, one.box_xyxy, one.keypoints_px, one.visible, None, SIZE_WH, geometric),
            np.random.default_rng(seed),
        )
        assert sample.visible.any()


def test_patches_come_from_other_crops_and_change_no_label():
    crops = np.stack([np.full((40, 30, 3), 10 * i, np.uint8) for i in range(20)])
    settings = PhotometricAugmentation(patch_prob=1.0, dropout_size=(0.2, 0.4))
    pasted = paste_patches(crops, settings, np.random.default_rng(0))
    changed = (pasted != crops).any(axis=3).mean(axis=(1, 2))
    assert (changed <= 0.17).all()
    assert (changed > 0.02).sum() > 10
    none = paste_patches(crops, replace(settings, patch_prob=0.0), np.random.default_rng(0))
    np.testing.assert_array_equal(none, crops)


@pytest.mark.parametrize(
    "name", ["low_resolution_prob", "motion_blur_prob", "noise_prob", "jpeg_prob", "grey_prob"]
)
def test_each_loss_of_quality_changes_the_image_alone(name):
    crop = np.random.default_rng(0).integers(0, 255, (96, 64, 3), dtype=np.uint8)
    off = dict.fromkeys(
        ("low_resolution_prob", "motion_blur_prob", "noise_prob", "jpeg_prob", "grey_prob"), 0.0
    )
    unchanged = degrade(crop, Degradation(**off), np.random.default_rng(1))
    np.testing.assert_array_equal(unchanged, crop)
    changed = degrade(crop, Degradation(**{**off, name: 1.0}), np.random.default_rng(1))
    assert changed.shape == crop.shape
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, crop)
