"""Training of pose models and person detectors. Needs the extra `torch`.

    from rtmpose3d.training import RECIPES, load_datasets, train

    recipe = RECIPES["rtmw3d-n"](steps=20_000)
    data = load_datasets(recipe, "data", ["coco-wholebody"], validation=["coco-wholebody"])
    result = train(recipe, data, "runs/n")

Packages, from top to bottom: `planning` (options of the command), `pose` and `detector` (tasks:
losses, targets, validation), `loop` (steps, engines, checkpoints, logs), `data` (batches,
augmentation, mixtures), `recipes` (configurations).
"""

from rtmpose3d.training.data.batches import BatchSource, TrainingData
from rtmpose3d.training.data.datasets import load_datasets
from rtmpose3d.training.loop.distributed import open_engine
from rtmpose3d.training.loop.trainer import TrainingResult
from rtmpose3d.training.pose.initialization import InitialWeights
from rtmpose3d.training.recipes import (
    PUBLISHED_RECIPES,
    RECIPES,
    DatasetEntry,
    DetectorRecipe,
    PoseRecipe,
    resolve_recipe,
)
from rtmpose3d.training.running import train

__all__ = [
    "PUBLISHED_RECIPES",
    "RECIPES",
    "BatchSource",
    "DatasetEntry",
    "DetectorRecipe",
    "InitialWeights",
    "PoseRecipe",
    "TrainingData",
    "TrainingResult",
    "load_datasets",
    "open_engine",
    "resolve_recipe",
    "train",
]
