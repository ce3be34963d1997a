"""Records, batches, and the pool of rendered crops."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_people import batch, person, tiny_spec

from rtmpose3d.data import PoseRecord
from rtmpose3d.errors import InputError
from rtmpose3d.synth.output import CropBatch
from rtmpose3d.training.data.augment import NO_AUGMENTATION, STAGE1, Augmentation, Geometry
from rtmpose3d.training.data.batches import AugmentedSource, FixedSource, batch_of_samples
from rtmpose3d.training.data.mixture import MixtureSource, Share
from rtmpose3d.training.data.rendered import (
    PooledCrops,
    PoolPlan,
    join_batches,
    pose_batch,
    read_crops,
    split_batch,
    write_crops,
)
from rtmpose3d.training.pose.validation import crop_camera, labelled_inside


def record(seed=0, **changes):
    rng = np.random.default_rng(seed)
    fields = {
        "image": rng.integers(0, 255, (240, 330, 3), dtype=np.uint8),
        "box_xyxy": np.array([100, 20, 190, 220], np.float32),
        "keypoints_px": rng.uniform([110, 30], [180, 210], (133, 2)).astype(np.float32),
        "visible": np.ones(133, np.float32),
        "keypoints_camera_m": rng.normal([0, 0, 5], 0.3, (133, 3)).astype(np.float32),
        "source": f"made up, {seed}",
        "licence": "CC0",
        **changes,
    }
    return PoseRecord(**fields)


# -- records -----------------------------------------------------------------------------------


def test_a_keypoint_that_is_labelled_but_nowhere_is_named():
    keypoints = record().keypoints_px.copy()
    keypoints[9] = np.nan
    with pytest.raises(InputError, match=r"made up, 0: keypoint 9 \(left_wrist\)"):
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
    with pytest.raises(InputError, match="made up, 0"):
        record(**{field: value})


def mixture(records, **changes):
    settings = {
        "input_size_wh": (96, 128),
        "batch_size": 3,
        "augmentation": NO_AUGMENTATION,
        "seed": 0,
        **changes,
    }
    return MixtureSource(shares=[(Share(dataset="made up"), records)], **settings)


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


def test_metres_per_pixel_are_those_of_the_camera_whatever_the_turn():
    people = batch(3)
    expected = people.keypoints_camera_m[..., 2].mean(axis=1) / 210
    np.testing.assert_allclose(people.metres_per_px(), expected, rtol=0.1)
    turned = replace(people, keypoints_px=people.keypoints_px[..., ::-1].copy())
    np.testing.assert_allclose(turned.metres_per_px(), people.metres_per_px(), rtol=1e-5)


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
    focal, cx, cy = crop_camera(sample.keypoints_px, sample.keypoints_camera_m, np.ones(133, bool))
    assert (focal, cx, cy) == pytest.approx((210, 33, 46), abs=0.01)
    assert crop_camera(sample.keypoints_px, sample.keypoints_camera_m, np.zeros(133, bool)) is None


def test_keypoints_outside_the_crop_do_not_count():
    people = batch(0)
    keypoints = people.keypoints_px.copy()
    keypoints[0, 0] = (-1, 5)
    keypoints[0, 1] = (64, 5)
    inside = labelled_inside(replace(people, keypoints_px=keypoints))
    assert inside[0, :2].tolist() == [False, False]


# -- rendered crops ----------------------------------------------------------------------------


class FakeStream:
    """Batches that bear their number, as a renderer's do by their seed."""

    opened: list[int] = []  # noqa: RUF012

    def __init__(self, first, size=4):
        FakeStream.opened.append(first)
        self.number, self.size = first, size
        self.closed = False

    def __next__(self):
        made = batch(1000 + self.number, self.size)
        self.number += 1
        count = len(made)
        return CropBatch(
            crops=made.crops,
            keypoints_px=made.keypoints_px,
            visibility=made.visible * 2,
            keypoints_camera_m=made.keypoints_camera_m,
            boxes_xyxy=np.tile(np.array([10, 20, 60, 170], np.float32), (count, 1)),
            image_from_crop=np.tile(np.array([[2, 0, 3], [0, 2, 1]], np.float32), (count, 1, 1)),
            cameras=np.ones((count, 4), np.float32),
        )

    def close(self):
        self.closed = True


def pool(folder, **changes):
    plan = PoolPlan(**{"fresh": 4, "crops": 24, "start": 8, **changes})
    return PooledCrops(
        FakeStream,
        folder,
        plan=plan,
        batch_size=12,
        augmentation=Augmentation(geometry=Geometry()),
        seed=3,
    )


def assert_equal(one, other):
    for name in ("crops", "keypoints_px", "visible", "keypoints_camera_m", "box_side_px"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_pool_gives_the_same_batches_after_a_stop_and_after_losing_files(tmp_path):
    whole = pool(tmp_path / "whole")
    batches = [whole.batch(i) for i in range(6)]
    first = pool(tmp_path / "pieces")
    for i in range(3):
        assert_equal(first.batch(i), batches[i])
    first.close()
    second = pool(tmp_path / "pieces")
    assert_equal(second.batch(3), batches[3])
    next(iter(sorted((tmp_path / "pieces").iterdir()))).unlink()
    (sorted((tmp_path / "pieces").iterdir())[-2]).write_bytes(b"damaged")
    third = pool(tmp_path / "pieces")
    assert_equal(third.batch(4), batches[4])
    assert_equal(third.batch(5), batches[5])


def test_a_pool_renders_what_a_batch_needs_and_no_more(tmp_path):
    FakeStream.opened.clear()
    source = pool(tmp_path)
    source.batch(0)
    assert len(list(tmp_path.iterdir())) == 3  # 8 crops at the start and 4 fresh ones
    source.batch(1)
    assert len(list(tmp_path.iterdir())) == 4
    assert FakeStream.opened == [0]  # one renderer, which went on
    for i in range(2, 9):
        source.batch(i)
    assert len(list(tmp_path.iterdir())) <= 7  # 24 crops and the fresh ones


def test_without_reuse_every_crop_is_fresh_and_nothing_is_kept(tmp_path):
    source = PooledCrops(
        lambda first: FakeStream(first, 12),
        tmp_path,
        plan=PoolPlan(fresh=12, crops=0, start=0),
        batch_size=12,
        augmentation=NO_AUGMENTATION,
        seed=0,
    )
    np.testing.assert_array_equal(source.batch(2).crops, batch(1002, 12).crops)
    assert not list(tmp_path.iterdir())


def test_rendered_labels_become_training_labels():
    made = pose_batch(FakeStream(0).__next__())
    assert made.visible.max() == 1
    assert made.box_side_px[0] == pytest.approx(75)  # 150 px of an image shown at half size


def test_crops_survive_being_written(tmp_path):
    slope = np.linspace(0, 200, 96, dtype=np.uint8)[:, None, None]
    people = batch(0)
    people = replace(people, crops=np.broadcast_to(slope, people.crops.shape).copy())
    write_crops(tmp_path / "a.npz", people)
    again = read_crops(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.keypoints_px, people.keypoints_px)
    assert np.abs(again.crops.astype(int) - people.crops).mean() < 2
    parts = split_batch(again, 3)
    assert [len(part) for part in parts] == [3, 3, 2]
    assert_equal(join_batches(parts), again)


def test_augmented_crops_follow_from_seed_and_index():
    source = AugmentedSource(source=FixedSource(batches=[batch(0)]), augmentation=STAGE1, seed=1)
    assert_equal(source.batch(5), source.batch(5))
    assert (source.batch(5).crops != source.batch(6).crops).any()


def test_stacked_samples_have_the_box_of_an_unturned_crop():
    stacked = batch_of_samples([person(np.random.default_rng(0), tiny_spec().input_size_wh)])
    assert stacked.box_side_px[0] == pytest.approx(96 / 1.25)
