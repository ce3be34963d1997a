"""Recipes as JSON, and the choices that the command line offers."""

import json
from typing import get_args

import pytest

from rtmpose3d.cli.commands import train_options
from rtmpose3d.training.recipes import (
    DISTILLATION_STAGES,
    PUBLISHED_RECIPES,
    RECIPES,
    TRAINING_PRECISIONS,
    resolve_recipe,
)
from rtmpose3d.training.recipes.document import recipe_json


@pytest.mark.parametrize("name", [*RECIPES, *PUBLISHED_RECIPES])
def test_every_recipe_has_a_json_form_with_all_its_fields(name):
    recipe = resolve_recipe(name, epoch_samples=1000)
    document = json.loads(recipe_json(recipe))
    assert set(document) == set(vars(recipe))
    assert document["schedule"]["steps"] == recipe.schedule.steps
    assert document["model"]["name"] == recipe.model.name
    assert document["model"]["input_size_wh"] == list(recipe.model.input_size_wh)


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        (train_options.PrecisionOption, TRAINING_PRECISIONS),
        (train_options.DistillOption, DISTILLATION_STAGES),
    ],
)
def test_the_command_offers_the_choices_of_the_library(option, choices):
    closed, _ = get_args(get_args(option)[0])  # Annotated[Literal[...] | None, ...]
    assert get_args(closed) == tuple(choices)
