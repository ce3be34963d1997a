"""The pool of rendered crops, and its files."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_people import batch
from synthetic_records import assert_equal

from rtmpose3d.synth.output import CropBatch
from rtmpose3d.training.data.crop_files import read_crops, write_crops
from rtmpose3d.training.data.pose_batches import join_batches, split_batch
from rtmpose3d.training.data.rendered import CropPool, PoolSettings, pose_batch
from rtmpose3d.training.recipes.augmentation import (
    NO_AUGMENTATION,
    Augmentation,
    GeometricAugmentation,
)


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
    settings = PoolSettings(**{"rendered_per_batch": 4, "size": 24, "initial_size": 8, **changes})
    return CropPool(
        FakeStream,
        folder,
        settings=settings,
        batch_size=12,
        augmentation=Augmentation(geometric=GeometricAugmentation()),
        seed=3,
    )


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
    assert FakeStream.opened == [0]  # one renderer, which continued
    for i in range(2, 9):
        source.batch(i)
    assert len(list(tmp_path.iterdir())) <= 7  # 24 crops and the fresh ones


def test_without_reuse_every_crop_is_fresh_and_nothing_is_kept(tmp_path):
    source = CropPool(
        lambda first: FakeStream(first, 12),
        tmp_path,
        settings=PoolSettings(rendered_per_batch=12, size=0, initial_size=0),
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
