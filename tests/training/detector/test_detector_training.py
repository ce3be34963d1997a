"""The detector's training: it learns, stops and resumes bit for bit, and writes what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from synthetic_images import made_image, tiny_recipe

from rtmpose3d.errors import InputError, RTMPose3DError
from rtmpose3d.training.data.batches import TrainingData
from rtmpose3d.training.detector.augment import AugmentedImages
from rtmpose3d.training.detector.images import DetectorBatch, FixedImages
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.log import read_log
from rtmpose3d.training.recipes.detector import AS_INFERENCE, DetectorRecipe, detector_nano
from rtmpose3d.training.running import train
from rtmpose3d.weights import read_checkpoint
from rtmpose3d.zoo import resolve_detector


def synthetic_data(recipe: DetectorRecipe, images: int = 4) -> TrainingData[DetectorBatch]:
    source = FixedImages(images=[made_image(i) for i in range(images)])

    def open_stage(stage: int) -> AugmentedImages:
        return AugmentedImages(
            source=source,
            size_wh=recipe.model.input_size_wh,
            batch_size=recipe.batch_size,
            augmentation=replace(recipe.augmentation(stage), mosaic_prob=0.2),
            seed=stage,
        )

    validation = AugmentedImages(
        source=source,
        size_wh=recipe.model.input_size_wh,
        batch_size=4,
        augmentation=AS_INFERENCE,
        seed=0,
    )
    return TrainingData(open_stage=open_stage, validation=[validation.batch(0)])


def run(recipe: DetectorRecipe, out: Path, **options):
    engine = Engine("cpu", precision=recipe.precision)
    return train(recipe, synthetic_data(recipe), out, engine=engine, **options)


@pytest.mark.slow
def test_a_stopped_and_resumed_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    recipe = tiny_recipe(4)
    whole = run(recipe, tmp_path / "whole")
    assert whole.finished
    data = synthetic_data(recipe)
    data = replace(data, open_stage=partial(_stops_at, data.open_stage, 3))
    with pytest.raises(_Stop):  # after steps 0, 1, 2; there is a checkpoint of 2
        train(recipe, data, tmp_path / "pieces", engine=Engine("cpu"))
    rest = run(recipe, tmp_path / "pieces", resume=True)
    assert rest.finished
    a, b = read_checkpoint(whole.weights), read_checkpoint(rest.weights)
    assert a.keys() == b.keys()
    for key, value in a.items():
        np.testing.assert_array_equal(value, b[key])


class _Stop(Exception):
    pass


@dataclass
class _StopsAt:
    source: AugmentedImages
    last: int

    def batch(self, index: int) -> DetectorBatch:
        if index >= self.last:
            raise _Stop
        return self.source.batch(index)


def _stops_at(open_stage: Callable[[int], AugmentedImages], last: int, stage: int) -> _StopsAt:
    return _StopsAt(open_stage(stage), last)


@pytest.mark.slow
def test_all_files_are_written(tmp_path: Path) -> None:
    result = run(tiny_recipe(4, precision="bf16"), tmp_path)
    assert result.weights == tmp_path / "rtmdet-n.pth"
    assert set(result.metrics) == {"ap", "ap50", "recall", "precision"}
    assert [row["step"] for row in read_log(tmp_path / "steps.csv")] == [1, 2, 3, 4]
    assert [row["step"] for row in read_log(tmp_path / "validation.csv")] == [2, 4]
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"recipe.json", "curves.png", "sheets", "checkpoints"}
    assert {path.name for path in (tmp_path / "sheets").iterdir()} == {
        "step_00000002.jpg",
        "step_00000004.jpg",
    }


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_and_keeps_the_batch(tmp_path: Path) -> None:
    recipe = tiny_recipe(3, learning_rate=1e18, clip_norm=None)
    recipe = replace(recipe, schedule=replace(recipe.schedule, warmup_steps=0))
    with pytest.raises(RTMPose3DError, match="training stopped at step"):
        run(recipe, tmp_path)
    assert len(list(tmp_path.glob("bad_batch_*.npz"))) == 1


def test_the_bundled_recipe_fits_its_limits() -> None:
    recipe = detector_nano()
    assert recipe.model == resolve_detector("rtmdet-n")
    assert recipe.model.params * 2 < 4e6  # bytes in half precision
    assert recipe.stage_at(0) == 1
    assert recipe.stage_at(recipe.schedule.steps - 1) == 2


def test_wrong_settings_are_errors() -> None:
    with pytest.raises(InputError, match="batch_size must be at least 1"):
        tiny_recipe(4, batch_size=0)
    with pytest.raises(InputError, match="stage2_fraction"):
        tiny_recipe(4, stage2_fraction=1.5)
    with pytest.raises(InputError, match="learning_rate"):
        tiny_recipe(4, learning_rate=0.0)
