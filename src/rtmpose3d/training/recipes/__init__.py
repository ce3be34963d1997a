"""Training recipes: frozen configurations, and the functions that make them.

A recipe states everything about a training but its data. `RECIPES` holds the functions of our own
models (`small.py`, `detector.py`), `PUBLISHED_RECIPES` the published trainings (`published.py`,
with the dataset mixtures in `mixtures.py`). To add a recipe, write a function that returns one and
add it to `RECIPES`. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from rtmpose3d.errors import UnknownNameError
from rtmpose3d.training.recipes.augmentation import (
    NO_AUGMENTATION,
    Augmentation,
    GeometricAugmentation,
    Jitter,
    PhotometricAugmentation,
    PhotometricDistortion,
)
from rtmpose3d.training.recipes.base import TRAINING_PRECISIONS, Precision, Recipe
from rtmpose3d.training.recipes.detector import (
    DetectorRecipe,
    ImageAugmentation,
    detector_nano,
    detector_nano_small,
)
from rtmpose3d.training.recipes.distillation import (
    DISTILLATION_STAGES,
    Distillation,
    DistillationStage,
    first_stage,
    second_stage,
)
from rtmpose3d.training.recipes.mixtures import DatasetEntry, parse_entry
from rtmpose3d.training.recipes.pose import NETWORK_PARTS, NetworkPart, PoseRecipe
from rtmpose3d.training.recipes.published import PUBLISHED_RECIPES, PublishedRecipe
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.training.recipes.small import nano, nano_small

__all__ = [
    "DISTILLATION_STAGES",
    "NETWORK_PARTS",
    "NO_AUGMENTATION",
    "PUBLISHED_RECIPES",
    "RECIPES",
    "TRAINING_PRECISIONS",
    "Augmentation",
    "DatasetEntry",
    "DetectorRecipe",
    "Distillation",
    "DistillationStage",
    "FlatCosine",
    "GeometricAugmentation",
    "ImageAugmentation",
    "Jitter",
    "NetworkPart",
    "PhotometricAugmentation",
    "PhotometricDistortion",
    "PoseRecipe",
    "Precision",
    "PublishedRecipe",
    "Recipe",
    "first_stage",
    "parse_entry",
    "resolve_recipe",
    "second_stage",
]

RECIPES: Mapping[str, Callable[..., PoseRecipe | DetectorRecipe]] = MappingProxyType(
    {
        "rtmw3d-n": nano,
        "rtmw3d-n-128x96": nano_small,
        "rtmdet-n": detector_nano,
        "rtmdet-n-224": detector_nano_small,
    }
)


def resolve_recipe(
    name: str,
    *,
    steps: int | None = None,
    batch_size: int | None = None,
    epoch_samples: int | None = None,
    distillation_stage: DistillationStage | None = None,
) -> PoseRecipe | DetectorRecipe:
    """Make the recipe of a name in `RECIPES` or `PUBLISHED_RECIPES`.

    Args:
        name: name of the recipe.
        steps: number of steps; None: the recipe's.
        batch_size: images per step, over all processes; None: the recipe's.
        epoch_samples: samples per epoch, from which published recipes take their number of steps;
            not needed with `steps`.
        distillation_stage: "stage2" selects the published length of that stage.

    Raises:
        UnknownNameError: there is no such recipe.
        InputError: a published recipe without `epoch_samples` and `steps`.
    """
    if name in RECIPES:
        lengths = {"steps": steps, "batch_size": batch_size}
        return RECIPES[name](**{key: value for key, value in lengths.items() if value is not None})
    if name not in PUBLISHED_RECIPES:
        raise UnknownNameError("recipe", name, [*RECIPES, *PUBLISHED_RECIPES])
    samples = epoch_samples or 0
    return PUBLISHED_RECIPES[name].recipe(
        max(samples, 1) if steps is not None else samples,
        steps=steps,
        batch_size=batch_size,
        second_stage=distillation_stage == "stage2",
    )
