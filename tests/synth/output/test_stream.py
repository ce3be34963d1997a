from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from standin import standins

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.letterbox import LETTERBOX_GREY
from rtmpose3d.synth import CropStream, SceneStream, StreamPlan, WorldSettings

pytestmark = pytest.mark.slow


def test_batches_of_workers_come_in_order_and_are_those_of_one_process(
    opengl: None, world_settings: WorldSettings
) -> None:
    def batches(plan: StreamPlan, count: int) -> list:
        with CropStream(world_settings, (48, 64), plan=plan) as stream:
            return [next(stream) for _ in range(count)]

    here = batches(StreamPlan(batch_size=5, workers=0), 4)
    there = batches(StreamPlan(batch_size=5, workers=2), 4)
    later = batches(StreamPlan(batch_size=5, workers=0, first_batch=2), 1)
    for one, other in zip(here, there, strict=True):
        assert all(np.array_equal(array, vars(other)[name]) for name, array in vars(one).items())
    assert np.array_equal(later[0].crops, here[2].crops)
    assert not np.array_equal(here[0].crops, here[1].crops)


def test_train_and_val_have_no_crop_in_common(opengl: None, world_settings: WorldSettings) -> None:
    firsts = []
    for split in ("train", "val"):
        settings = replace(world_settings, split=split)
        with CropStream(settings, (48, 64), plan=StreamPlan(batch_size=3, workers=0)) as stream:
            firsts.append(next(stream).crops)
    assert not np.array_equal(*firsts)


def test_scenes_are_letterboxed_and_their_boxes_lie_in_the_image(
    opengl: None, world_settings: WorldSettings
) -> None:
    plan = StreamPlan(batch_size=6, workers=0)
    with SceneStream(world_settings, (128, 96), plan=plan) as stream:
        batch = next(stream)
    assert batch.images.shape == (6, 96, 128, 3)
    grey = (batch.images == LETTERBOX_GREY).all(axis=3)
    images_wh = np.stack([(~grey).any(axis=1).sum(axis=1), (~grey).any(axis=2).sum(axis=1)], 1)
    assert ((images_wh == (128, 96)).any(axis=1)).all()
    low, high = batch.boxes_xyxy[:, :2], batch.boxes_xyxy[:, 2:]
    assert (high > low).all()
    assert (low >= -0.5).all()
    assert (high <= images_wh[batch.image_index] - 0.5).all()
    assert len(batch.visible_fraction) == len(batch.boxes_xyxy) > 0


def test_an_error_of_a_worker_reaches_the_caller(
    opengl: None, world_settings: WorldSettings, tmp_path: Path
) -> None:
    settings = replace(world_settings, backdrops=tmp_path / "nowhere")
    with (
        CropStream(settings, (48, 64), plan=StreamPlan(batch_size=2, workers=1)) as stream,
        pytest.raises(InputError, match="nowhere"),
    ):
        next(stream)


def test_a_closed_stream_gives_nothing_and_says_so(world_settings: WorldSettings) -> None:
    stream = CropStream(world_settings, (48, 64), plan=StreamPlan(workers=0))
    stream.close()
    with pytest.raises(InputError, match="closed"):
        next(stream)


def test_sizes_that_cannot_be_are_errors() -> None:
    settings = WorldSettings(assets=Path("none"), make_people=standins)
    with pytest.raises(InputError, match="16 px"):
        CropStream(settings, (8, 64))
    with pytest.raises(InputError, match="64 px"):
        SceneStream(settings, (32, 64))
    with pytest.raises(InputError, match="batch_size"):
        StreamPlan(batch_size=0)
