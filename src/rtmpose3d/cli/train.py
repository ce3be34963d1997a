"""`rtmpose3d train`: train a model on rendered people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtmpose3d.cli.terminal import DebugOption, reports_errors
from rtmpose3d.errors import InputError, UnknownNameError, import_extra

if TYPE_CHECKING:
    from rtmpose3d.synth import WorldSettings
    from rtmpose3d.training.detector.recipes import DetectorRecipe
    from rtmpose3d.training.engine import Engine
    from rtmpose3d.training.loop import TrainingResult
    from rtmpose3d.training.recipes import PoseRecipe

_DATA, _RECIPE, _RUN = "What is rendered", "The recipe", "Running"
TRAIN_EXAMPLES = """
Examples:

- rtmpose3d train rtmw3d-n --assets makehuman/ --backdrops photos/ --out runs/n --minutes 60
- rtmpose3d train rtmw3d-n --assets makehuman/ --backdrops photos/ --out runs/n --resume
- rtmpose3d train rtmw3d-n --assets makehuman/ --out runs/n --dry-run
"""


@reports_errors
def train(
    recipe: Annotated[
        str,
        typer.Argument(metavar="RECIPE", help="rtmw3d-n or rtmdet-n.", show_default=False),
    ],
    assets: Annotated[
        Path,
        typer.Option(
            "--assets",
            help="MakeHuman's folder, as for `rtmpose3d synth`.",
            show_default=False,
            rich_help_panel=_DATA,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="Folder of checkpoints, logs, curves and sheets.",
            show_default=False,
        ),
    ],
    backdrops: Annotated[
        Path | None,
        typer.Option(
            "--backdrops",
            help="Photographs without people; without it: painted backdrops.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    fresh: Annotated[
        int,
        typer.Option(
            "--fresh",
            min=1,
            help="Crops of each batch that are rendered for it; the others were rendered before "
            "and are varied anew. Pose only.",
            rich_help_panel=_DATA,
        ),
    ] = 4,
    pool: Annotated[
        int,
        typer.Option(
            "--pool",
            min=0,
            help="Rendered crops kept in OUT/pool at most, 18 KB each. Pose only.",
            rich_help_panel=_DATA,
        ),
    ] = 100_000,
    render_workers: Annotated[
        int,
        typer.Option(
            "--render-workers",
            min=0,
            help="Processes that render; 0: a thread of this one.",
            rich_help_panel=_DATA,
        ),
    ] = 1,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            min=1,
            help="Steps of the whole training, which the learning rate goes by.",
            show_default="the recipe's",
            rich_help_panel=_RECIPE,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            min=1,
            help="Pictures a step.",
            show_default="the recipe's",
            rich_help_panel=_RECIPE,
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate",
            help="Base of the schedule.",
            show_default="the recipe's",
            rich_help_panel=_RECIPE,
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision",
            help="fp32 or bf16.",
            show_default="the recipe's",
            rich_help_panel=_RECIPE,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            min=0,
            help="Of weights, order and chance.",
            show_default="the recipe's",
            rich_help_panel=_RECIPE,
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            min=0,
            help="Stop after so long, with a checkpoint to resume from.",
            show_default="until done",
            rich_help_panel=_RUN,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the training in OUT; begin one where there is none.",
            rich_help_panel=_RUN,
        ),
    ] = False,
    device: Annotated[
        str,
        typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=_RUN),
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            min=1,
            help="CPU threads of the network; leave one core to each rendering process.",
            show_default="as torch chooses",
            rich_help_panel=_RUN,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would happen, and stop.", rich_help_panel=_RUN),
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Train a model on rendered people, on a CPU or one GPU.

    Writes into OUT: checkpoints to resume from, steps.csv and validation.csv, curves.png,
    sheets/ with predictions beside the truth, and at the end the model's .pth file. Ctrl-C stops
    after the step at hand, with a checkpoint. Needs the extras `torch` and `synth`.
    """
    import_extra("torch", "torch", "training")
    import torch

    from rtmpose3d.training.engine import Engine

    chosen = _recipe(recipe, steps, batch_size, learning_rate, precision, seed)
    engine = Engine(device, precision=chosen.precision, channels_last=chosen.channels_last)
    if threads is not None:
        torch.set_num_threads(threads)
    typer.echo(_plan_text(chosen, engine, out, minutes, resume))
    if dry_run:
        return
    worlds = _worlds(assets, backdrops, chosen.seed)
    if min(fresh, chosen.batch_size) > max(pool, 1) and fresh < chosen.batch_size:
        raise InputError(f"--pool {pool} holds not even the {fresh} crops of --fresh")
    result = _train(
        chosen, worlds, out, engine, (fresh, pool, render_workers), minutes=minutes, resume=resume
    )
    typer.echo(_result_text(result))


def _recipe(
    name: str,
    steps: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    precision: str | None,
    seed: int | None,
) -> PoseRecipe | DetectorRecipe:
    """The recipe of that name with what the user changed.

    Raises:
        UnknownNameError: no recipe or precision of that name.
        InputError: a number that cannot be.
    """
    from rtmpose3d.training.detector.recipes import detector_nano
    from rtmpose3d.training.engine import PRECISIONS
    from rtmpose3d.training.recipes import RECIPES

    recipes = {**RECIPES, "rtmdet-n": detector_nano}
    if name not in recipes:
        raise UnknownNameError("recipe", name, recipes)
    if precision is not None and precision not in PRECISIONS:
        raise UnknownNameError("precision", precision, PRECISIONS)
    lengths = {"steps": steps, "batch_size": batch_size}
    chosen = recipes[name](**{key: value for key, value in lengths.items() if value is not None})
    others = {"learning_rate": learning_rate, "precision": precision, "seed": seed}
    return replace(chosen, **{key: value for key, value in others.items() if value is not None})


def _worlds(assets: Path, backdrops: Path | None, seed: int) -> tuple[WorldSettings, WorldSettings]:
    """What is rendered to train on, and to validate on.

    Raises:
        InputError: a folder is not there.
        MissingDependencyError: the extra `synth` is not installed.
    """
    for option, folder in (("--assets", assets), ("--backdrops", backdrops)):
        if folder is not None and not folder.is_dir():
            raise InputError(f"{option} {folder} is no folder")
    import_extra("moderngl", "synth", "rendering")
    from rtmpose3d.synth import WorldSettings, makehuman_people

    train_world = WorldSettings(
        assets=assets, make_people=makehuman_people, backdrops=backdrops, seed=seed
    )
    return train_world, replace(train_world, split="val", seed=0)


def _train(
    recipe: PoseRecipe | DetectorRecipe,
    worlds: tuple[WorldSettings, WorldSettings],
    out: Path,
    engine: Engine,
    data: tuple[int, int, int],
    *,
    minutes: float | None,
    resume: bool,
) -> TrainingResult:
    from rtmpose3d.training import rendered
    from rtmpose3d.training.detector import rendered as detector_rendered
    from rtmpose3d.training.detector.loop import train_detector
    from rtmpose3d.training.loop import check_out, train_pose
    from rtmpose3d.training.recipes import PoseRecipe

    check_out(out, resume)  # before minutes of rendering
    fresh, pool, workers = data
    train_world, validation_world = worlds
    if not isinstance(recipe, PoseRecipe):
        scenes = detector_rendered.streamed_data(
            recipe, train_world, validation_world, render_workers=workers
        )
        return train_detector(
            recipe, scenes, out, engine=engine, minutes=minutes, resume=resume, progress=True
        )
    plan = rendered.PoolPlan(fresh=fresh, crops=pool, start=min(2_000, pool))
    crops = rendered.streamed_data(
        recipe, train_world, validation_world, out, plan=plan, render_workers=workers
    )
    return train_pose(
        recipe, crops, out, engine=engine, minutes=minutes, resume=resume, progress=True
    )


def _plan_text(
    recipe: PoseRecipe | DetectorRecipe,
    engine: Engine,
    out: Path,
    minutes: float | None,
    resume: bool,
) -> str:
    """What is going to happen, in a few lines."""
    from rtmpose3d.models import build_network

    spec = recipe.model
    parameters = sum(p.numel() for p in build_network(spec).parameters())
    width, height = spec.input_size_wh
    schedule = recipe.schedule
    lines = (
        f"model      {spec.name}, {parameters / 1e6:.2f} M parameters, input {width}x{height}",
        f"steps      {schedule.steps:,} of {recipe.batch_size} pictures; the last "
        f"{schedule.steps - recipe.stage2_from:,} are stage 2",
        f"rate       {recipe.learning_rate:g} after {schedule.warmup_steps:,} steps of warm-up, "
        f"cosine from step {int(schedule.steps * schedule.flat_share):,}",
        f"device     {engine.device}, {recipe.precision}",
        f"out        {out}" + (", resumed if it holds a training" if resume else ""),
        f"stops      {'when done' if minutes is None else f'when done or after {minutes:g} min'}",
    )
    return "\n".join(lines)


def _result_text(result: TrainingResult) -> str:
    how = "finished" if result.finished else "stopped; go on with --resume"
    figures = ", ".join(
        f"{name} {value:.3g}"
        for name, value in result.figures.items()
        if name.startswith(("pck10", "mpjpe", "ap", "recall", "precision"))
    )
    return f"{how} at step {result.step:,}: {result.weights}" + (f"\n{figures}" if figures else "")
