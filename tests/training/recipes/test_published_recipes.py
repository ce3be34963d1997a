"""Recipes of the published trainings."""

import numpy as np
import pytest

from rtmpose3d.data import DATASETS
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.training.recipes import resolve_recipe
from rtmpose3d.training.recipes.published import PUBLISHED_RECIPES, WARMUP_STEPS
from rtmpose3d.zoo import MODELS, OFFLINE_MODEL, PoseSpec


def test_every_pose_model_of_the_table_has_a_published_training_but_ours():
    rows = {name for name, spec in MODELS.items() if isinstance(spec, PoseSpec)}
    assert set(PUBLISHED_RECIPES) == rows - {OFFLINE_MODEL, f"{OFFLINE_MODEL}-cc0"}


@pytest.mark.parametrize("model", PUBLISHED_RECIPES)
def test_a_published_training_becomes_a_recipe(model):
    published = PUBLISHED_RECIPES[model]
    recipe = published.recipe(10 * published.batch_size - 3)
    assert recipe.schedule.steps == 2700
    assert recipe.schedule.warmup_steps == min(WARMUP_STEPS, 270)
    assert recipe.learning_rate == published.learning_rate
    assert recipe.stage2_start == 10 * (published.epochs - published.stage2_epochs)
    assert recipe.validate_every == 10
    half = published.recipe(1000, batch_size=published.batch_size // 2)
    assert half.learning_rate == pytest.approx(published.learning_rate / 2)
    second = published.recipe(10 * published.batch_size, second_stage=True)
    assert second.schedule.steps == 600
    assert second.schedule.factor(599) == 1
    for entry in (*published.datasets, *published.validation):
        DATASETS[entry.dataset].split(entry.split)


def test_the_learning_rate_of_a_published_recipe_equals_the_recorded_one(golden):
    recorded = np.load(golden / "train" / "lr_schedule.npz")["rtmw-l_256x192.epoch_length20"]
    published = PUBLISHED_RECIPES["rtmw-l-256x192"]
    recipe = published.recipe(20 * published.batch_size)
    ours = [recipe.learning_rate * recipe.schedule.factor(step) for step in range(540, 5400)]
    np.testing.assert_allclose(ours[460:], recorded[1000:5400], rtol=1e-6)


def test_an_unknown_name_or_an_unknown_number_of_samples_is_refused():
    with pytest.raises(InputError, match="at least one sample"):
        resolve_recipe("rtmw3d-l")
    with pytest.raises(UnknownNameError, match="rtmw3d-l"):
        resolve_recipe("rtmw3d-xl")
