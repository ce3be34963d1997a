"""Mixtures of datasets: repeats, parts of batches, invalid samples."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_records import assert_equal, record

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.geometry.crop import crop_people
from rtmpose3d.training.data.augment import augment_photometric, crop_person
from rtmpose3d.training.data.batches import PartSource
from rtmpose3d.training.data.datasets import LoadedDataset, load_dataset, mixture_data
from rtmpose3d.training.data.loading import load_batches
from rtmpose3d.training.data.mixture import MixtureSource
from rtmpose3d.training.loop.log import SkippedLog
from rtmpose3d.training.recipes import Augmentation, resolve_recipe
from rtmpose3d.training.recipes.augmentation import (
    NO_AUGMENTATION,
    RTMW_STAGE1,
    STAGE1,
    GeometricAugmentation,
    PhotometricAugmentation,
    PhotometricDistortion,
)
from rtmpose3d.training.recipes.mixtures import DatasetEntry

SIZE_WH = (96, 128)


def records(count, first=0):
    return [record(first + i) for i in range(count)]


def mixture(shares, **changes):
    settings = {"batch_size": 6, "augmentation": STAGE1, "seed": 3, **changes}
    return MixtureSource(entries=shares, input_size_wh=SIZE_WH, **settings)


def three_sets():
    return [
        (DatasetEntry(dataset="all"), records(5)),
        (DatasetEntry(dataset="thrice", repeat=3), records(2, 10)),
        (DatasetEntry(dataset="half", repeat=0.5), records(8, 20)),
    ]


def test_an_epoch_contains_each_record_as_often_as_its_entry_says():
    source = mixture(three_sets())
    assert source.epoch_samples == 5 + 6 + 4
    epochs = [
        Counter(source.record_at(epoch * 15 + index) for index in range(15)) for epoch in range(2)
    ]
    for epoch in epochs:
        assert all(epoch[0, i] == 1 for i in range(5))
        assert all(epoch[1, i] == 3 for i in range(2))
        assert sorted(epoch[2, i] for i in range(8)) == [0] * 4 + [1] * 4
    assert epochs[0] != epochs[1]  # the other half, in time
    orders = [[source.record_at(e * 15 + p) for p in range(15)] for e in range(2)]
    assert orders[0] != orders[1]


def test_parts_of_a_batch_are_those_of_the_whole_and_make_no_more():
    source = mixture(three_sets())
    whole = source.batch(4)
    for rank in range(3):
        part = PartSource(source=source, rank=rank, world_size=3, batch_size=6).batch(4)
        assert_equal(part, whole.part(range(2 * rank, 2 * rank + 2)))


@pytest.mark.slow
def test_batches_follow_from_seed_and_index_in_processes_too():
    wanted = mixture(three_sets()).batch(7)
    assert_equal(mixture(three_sets()).batch(7), wanted)
    batches = load_batches(open_three_sets, start=7, workers=1)
    assert_equal(next(batches), wanted)
    batches.close()
    assert (mixture(three_sets(), seed=4).batch(7).crops != wanted.crops).any()


def open_three_sets():
    return mixture(three_sets())


def test_no_two_samples_of_a_record_are_augmented_alike():
    geometric = Augmentation(geometric=GeometricAugmentation())
    entries = [(DatasetEntry(dataset="all"), records(1))]
    source = mixture(entries, augmentation=geometric, batch_size=50)
    points = np.concatenate([source.batch(i).keypoints_px[:, 0] for i in range(6)])
    assert len(np.unique(points.round(3), axis=0)) == len(points)


def test_a_skipped_sample_is_replaced_by_one_of_the_same_dataset(tmp_path):
    good = records(4, 50)
    bad = with_a_missing_image(tmp_path)[0]
    entries = [(DatasetEntry(dataset="good"), good), bad]
    source = mixture(entries, batch_size=8, on_bad="skip", augmentation=NO_AUGMENTATION)
    made = source.batch(0)
    from_good = sum(
        any(np.array_equal(row, r.keypoints_camera_m) for r in good)
        for row in made.keypoints_camera_m
    )
    assert len(made.skipped) >= 1
    assert from_good == 4


def test_validation_crops_are_those_of_inference():
    people = records(3)
    recipe = resolve_recipe("rtmw3d-n", steps=10)
    loaded = LoadedDataset(entry=DatasetEntry(dataset="all"), folder=Path(), records=people)
    data = mixture_data(recipe, [loaded], [loaded])
    crops = np.concatenate([part.crops for part in data.validation])
    expected = [
        crop_people(r.image, r.box_xyxy[None], recipe.model.input_size_wh)[0][0] for r in people
    ]
    order = [int(np.argmin([np.abs(c.astype(int) - e).sum() for c in crops])) for e in expected]
    assert sorted(order) == [0, 1, 2]
    for index, crop in zip(order, expected, strict=True):
        np.testing.assert_array_equal(crops[index], crop)


def test_people_without_3d_labels_have_no_depth_next_to_others_that_have():
    flat = [replace(r, keypoints_camera_m=None) for r in records(4)]
    solid = records(4, 10)
    shares = [(DatasetEntry(dataset="flat"), flat), (DatasetEntry(dataset="solid"), solid)]
    depth = mixture(shares, batch_size=8).batch(0).relative_depth_m()
    known = np.isfinite(depth).any(axis=1)
    assert known.sum() == 4


# -- invalid samples -------------------------------------------------------------------------------


def with_a_missing_image(tmp_path, count=4):
    people = records(count)
    missing = tmp_path / "gone.jpg"
    people[1] = replace(people[1], image=missing, source="synthetic: labels.json, annotation 1")
    return [(DatasetEntry(dataset="synthetic"), people)]


def test_a_missing_image_is_named_with_dataset_file_and_index(tmp_path):
    source = mixture(with_a_missing_image(tmp_path), batch_size=4)
    with pytest.raises(InputError, match=r"synthetic: labels.json, annotation 1: .*gone.jpg.*skip"):
        source.batch(0)


def test_skipped_samples_are_replaced_the_same_way_every_time_and_noted(tmp_path):
    source = mixture(with_a_missing_image(tmp_path), batch_size=4, on_bad="skip")
    batch = source.batch(0)
    assert len(batch) == 4
    assert "annotation 1" in batch.skipped[0]
    assert_equal(batch, source.batch(0))
    log = SkippedLog(tmp_path)
    log.add(0, batch.skipped)
    log.add(5, batch.skipped)
    SkippedLog(tmp_path, step=3).add(3, ())
    lines = (tmp_path / "skipped.txt").read_text().splitlines()
    assert len(lines) == len(batch.skipped)
    assert lines[0].startswith("0\tsynthetic: labels.json, annotation 1")


def test_it_stops_when_all_samples_are_invalid(tmp_path):
    people = [replace(r, image=tmp_path / "gone.jpg") for r in records(2)]
    source = mixture([(DatasetEntry(dataset="synthetic"), people)], on_bad="skip")
    with pytest.raises(InputError, match="50 samples in a row"):
        source.batch(0)


def test_impossible_mixtures_are_refused(tmp_path):
    with pytest.raises(InputError, match="no dataset"):
        mixture([])
    with pytest.raises(InputError, match=r"synthetic: .* no record"):
        mixture([(DatasetEntry(dataset="synthetic"), [])])
    for wrong in ({"repeat": 0}, {"sample_interval": 0}, {"repeat": float("nan")}):
        with pytest.raises(InputError, match="repeat must be above 0"):
            DatasetEntry(dataset="synthetic", **wrong)
    with pytest.raises(UnknownNameError, match="coco-wholebody"):
        load_dataset(DatasetEntry(dataset="cocoa"), tmp_path)
    assert "is no folder" in load_dataset(DatasetEntry(dataset="mpii"), tmp_path).missing


# -- how crops augment ----------------------------------------------------------------------------


def side_of_box(box_scale, rng):
    """Of the person's box in the crop, px."""
    made = record()
    geometry = GeometricAugmentation(scale=(1, 1), rotation_prob=0, shift_prob=0, half_body_prob=0)
    arguments = (made.image, made.box_xyxy, made.keypoints_px, made.visible, None, SIZE_WH)
    sample = crop_person(*arguments, geometry, rng, box_scale=box_scale)
    spread = np.ptp(sample.keypoints_px, axis=0) / np.ptp(made.keypoints_px, axis=0)
    return 200 * spread[1]


def test_crops_of_faces_and_hands_show_more_than_the_box():
    rng = np.random.default_rng(0)
    plain = side_of_box(None, rng)
    factors = [plain / side_of_box((1.5, 2.0), rng) for _ in range(60)]
    assert min(factors) >= 1.499
    assert max(factors) <= 2.001
    assert np.ptp(factors) > 0.3


def test_colours_are_distorted_within_their_limits_and_half_of_the_time():
    grey = np.full((8, 8, 3), 120, np.uint8)
    still = PhotometricAugmentation(
        hue=0, saturation=0, value=0, blur_prob=0, median_blur_prob=0, dropout_prob=0
    )
    look = replace(still, distortion=PhotometricDistortion(saturation=(1, 1), hue=0))
    rng = np.random.default_rng(1)
    levels = np.array([augment_photometric(grey, look, rng)[0, 0, 0] for _ in range(400)])
    assert levels.min() >= (120 - 32) * 0.5 - 2
    assert levels.max() <= (120 + 32) * 1.5
    assert 0.15 < (levels == 120).mean() < 0.35  # neither brightness nor contrast
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 2] = 200
    order = replace(still, distortion=PhotometricDistortion(brightness=0, contrast=(1, 1), hue=0))
    channels = [augment_photometric(red, order, rng)[0, 0].argmax() for _ in range(200)]
    assert set(channels) == {0, 1, 2}
    assert 0.5 < np.mean([c == 2 for c in channels]) < 0.8


def test_the_published_stage_of_rtmw_leaves_labels_alone():
    made = record()
    crops = mixture(
        [(DatasetEntry(dataset="synthetic"), [made])], batch_size=1, augmentation=RTMW_STAGE1
    )
    assert crops.batch(0).visible.all()
    plain = mixture(
        [(DatasetEntry(dataset="synthetic"), [made])], batch_size=1, augmentation=NO_AUGMENTATION
    )
    assert not plain.batch(0).skipped
