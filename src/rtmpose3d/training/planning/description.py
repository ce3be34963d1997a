"""Description of a planned training in lines of text."""

from __future__ import annotations

from rtmpose3d.models import build_network
from rtmpose3d.training.data.datasets import LoadedDataset
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.planning.plan import TrainingPlan
from rtmpose3d.training.recipes.base import Recipe
from rtmpose3d.training.recipes.pose import PoseRecipe
from rtmpose3d.training.recipes.published import PublishedRecipe


def describe_plan(plan: TrainingPlan, engine: Engine) -> list[str]:
    """Describe datasets, model, schedule, device and weights of a plan, one per line."""
    lines = [_dataset_line("data", dataset) for dataset in plan.datasets]
    lines += [_dataset_line("validation", dataset) for dataset in plan.validation]
    if plan.datasets:
        lines.append(f"epoch      {sum(d.epoch_samples for d in plan.datasets):,} people")
    lines += _depth_lines(plan)
    lines += _recipe_lines(plan.recipe, engine)
    distillation = plan.recipe.distillation if isinstance(plan.recipe, PoseRecipe) else None
    if plan.published is not None:
        lines.append(_published_line(plan.published))
        if plan.initial is None and distillation is None:
            lines.append(f"           backbone initialized from {plan.published.backbone}")
    if plan.initial is not None:
        lines.append(f"initial    {', '.join(plan.initial.parts)} of {plan.initial.path}")
    if isinstance(plan.recipe, PoseRecipe) and plan.recipe.frozen:
        lines.append(f"frozen     {', '.join(plan.recipe.frozen)}")
    if distillation is not None:
        lines.append(
            f"teacher    {distillation.teacher.name}, {plan.teacher}: {distillation.stage}, "
            f"weights {distillation.feature_weight:g} (features), "
            f"{distillation.logit_weight:g} (logits), "
            f"{distillation.label_weight:g} (labels)"
        )
    return lines


def _recipe_lines(recipe: Recipe, engine: Engine) -> list[str]:
    spec = recipe.model
    parameters = sum(p.numel() for p in build_network(spec).parameters())
    width, height = spec.input_size_wh
    schedule = recipe.schedule
    cosine_start = int(schedule.steps * schedule.flat_fraction)
    then = f"cosine from step {cosine_start:,}" if cosine_start < schedule.steps else "then flat"
    device = f"{engine.device}, {recipe.precision}"
    if engine.world_size > 1:
        part = recipe.batch_size // engine.world_size
        device = (
            f"{engine.world_size} processes on {engine.device.type}, {part} images each, "
            f"{recipe.precision}"
        )
    return [
        f"model      {spec.name}, {parameters / 1e6:.2f} M parameters, "
        f"input {height}x{width} (height x width)",
        f"steps      {schedule.steps:,} of {recipe.batch_size} images; the last "
        f"{schedule.steps - recipe.stage2_start:,} are stage 2",
        f"learning   rate {recipe.learning_rate:g} after {schedule.warmup_steps:,} steps of "
        f"warm-up, {then}",
        f"device     {device}",
    ]


def _published_line(published: PublishedRecipe) -> str:
    return (
        f"published  {published.configuration}: {published.epochs} epochs, batch size "
        f"{published.batch_size} ({published.gpus} x {published.people_per_gpu}), learning rate "
        f"{published.learning_rate:g}"
    )


def _dataset_line(title: str, dataset: LoadedDataset) -> str:
    name = dataset.entry.title
    if dataset.records is None:
        return f"{title:<10} {name}: MISSING: {dataset.missing}"
    skipped = f", {len(dataset.bad):,} invalid labels skipped" if dataset.bad else ""
    counts = f"{len(dataset.records):,} people{skipped}"
    if title == "data":
        counts += f", {dataset.epoch_samples:,} per epoch"
    rules = "".join(f"\n           skipped: {n:,} x {why}" for why, n in dataset.by_rule.items())
    return f"{title:<10} {name}: {counts}; {dataset.folder}{rules}"


def _depth_lines(plan: TrainingPlan) -> list[str]:
    """A warning if a 3D model is trained without any label of depth."""
    recipe = plan.recipe
    loaded = [dataset for dataset in plan.datasets if dataset.records is not None]
    if not isinstance(recipe, PoseRecipe) or not recipe.model.codec.has_depth or not loaded:
        return []
    teacher = None if recipe.distillation is None else recipe.distillation.teacher
    labelled = plan.rendering is not None or any(dataset.with_3d for dataset in loaded)
    if labelled or (teacher and teacher.codec.has_depth):
        return []
    return ["warning    no person has 3D labels, so depth (z) is not trained; add a 3D dataset"]
