"""Trainings planned from options: the engine of `rtmpose3d train`.

`plan_training` resolves a recipe, its datasets and its weights to a `TrainingPlan`, `describe_plan`
puts it into words, `run_plan` carries it out.
"""

from rtmpose3d.training.planning.description import describe_plan
from rtmpose3d.training.planning.execution import TrainingOptions, run_plan
from rtmpose3d.training.planning.plan import (
    DataOptions,
    JointOptions,
    RecipeOverrides,
    RenderOptions,
    TrainingPlan,
    TrainingSource,
    WeightOptions,
    plan_training,
)

__all__ = [
    "DataOptions",
    "JointOptions",
    "RecipeOverrides",
    "RenderOptions",
    "TrainingOptions",
    "TrainingPlan",
    "TrainingSource",
    "WeightOptions",
    "describe_plan",
    "plan_training",
    "run_plan",
]
