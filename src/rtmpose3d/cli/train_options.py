"""The options of `rtmpose3d train`, with their help; typer reads these annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_FILES, _RENDERED = "Datasets in files", "People rendered while it runs"
_RECIPE, _TEACHER, _RUN = "The recipe", "Given weights and teachers", "Running"

Recipe = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A pose model of `rtmpose3d models`, or rtmdet-n; rtmw3d-n-128x96 and rtmdet-n-224 "
        "are the faster first parts of a short training.",
        show_default=False,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        help="Folder of checkpoints, logs, curves and sheets.",
        show_default=False,
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Folder that holds the datasets' folders; see docs/datasets.md.",
        rich_help_panel=_FILES,
    ),
]
Datasets = Annotated[
    str | None,
    typer.Option(
        "--datasets",
        metavar="NAME[@SPLIT][:REPEAT],...",
        help="Other datasets than the recipe's; REPEAT is how often an epoch holds each person.",
        show_default="the recipe's",
        rich_help_panel=_FILES,
    ),
]
ValidationSets = Annotated[
    str | None,
    typer.Option(
        "--validation-sets",
        metavar="NAME[@SPLIT],...",
        help="What to validate on (split val if none is named), or none.",
        show_default="the recipe's",
        rich_help_panel=_FILES,
    ),
]
AllowMissing = Annotated[
    bool,
    typer.Option(
        "--allow-missing",
        help="Train without those of the datasets that are not there.",
        rich_help_panel=_FILES,
    ),
]
BadSamples = Annotated[
    str,
    typer.Option(
        "--bad-samples",
        help="raise: stop at a label or image that cannot be used; skip: leave it out and note "
        "it in OUT/skipped.txt.",
        rich_help_panel=_FILES,
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        min=0,
        help="Processes that read and cut images; 0: a thread.",
        rich_help_panel=_FILES,
    ),
]
Assets = Annotated[
    Path | None,
    typer.Option(
        "--assets",
        help="MakeHuman's folder, as for `rtmpose3d synth`.",
        rich_help_panel=_RENDERED,
    ),
]
Backdrops = Annotated[
    Path | None,
    typer.Option(
        "--backdrops",
        help="Photographs without people; without it: painted backdrops.",
        rich_help_panel=_RENDERED,
    ),
]
Fresh = Annotated[
    int,
    typer.Option(
        "--fresh",
        min=1,
        help="Crops of each batch that are rendered for it; the others were rendered before "
        "and are varied anew. Pose only.",
        rich_help_panel=_RENDERED,
    ),
]
Pool = Annotated[
    int,
    typer.Option(
        "--pool",
        min=0,
        help="Rendered crops kept in OUT/pool at most, 18 KB each. Pose only.",
        rich_help_panel=_RENDERED,
    ),
]
RenderWorkers = Annotated[
    int,
    typer.Option(
        "--render-workers",
        min=0,
        help="Processes that render; 0: a thread of this one.",
        rich_help_panel=_RENDERED,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        "--steps",
        min=1,
        help="Steps of the whole training, which the learning rate goes by.",
        show_default="the recipe's",
        rich_help_panel=_RECIPE,
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        min=1,
        help="Images a step, of all processes together. Published recipes change their "
        "learning rate in proportion.",
        show_default="the recipe's",
        rich_help_panel=_RECIPE,
    ),
]
LearningRate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate",
        help="Base of the schedule.",
        show_default="the recipe's",
        rich_help_panel=_RECIPE,
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help="fp32 or bf16.",
        show_default="the recipe's",
        rich_help_panel=_RECIPE,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        help="Of weights, order and chance.",
        show_default="the recipe's",
        rich_help_panel=_RECIPE,
    ),
]
Every = Annotated[
    int | None,
    typer.Option(
        "--every",
        min=1,
        help="Steps between checkpoints, and between validations with their sheets.",
        show_default="the recipe's",
        rich_help_panel=_RECIPE,
    ),
]
Initial = Annotated[
    Path | None,
    typer.Option(
        "--init",
        help="Begin with the weights of this .pth or .safetensors file.",
        rich_help_panel=_TEACHER,
    ),
]
InitialParts = Annotated[
    str,
    typer.Option(
        "--init-parts",
        help="Parts that are taken from it; with backbone alone it may be of another model.",
        rich_help_panel=_TEACHER,
    ),
]
Freeze = Annotated[
    str | None,
    typer.Option(
        "--freeze",
        metavar="PART,...",
        help="Parts that stay as they begin: backbone, neck, head. Pose only.",
        show_default="the recipe's",
        rich_help_panel=_TEACHER,
    ),
]
Distill = Annotated[
    str | None,
    typer.Option(
        "--distill",
        help="stage1: beside the labels, follow the teacher's last feature and distributions; "
        "stage2: with its own first stage as the teacher, train a new head. Pose only.",
        rich_help_panel=_TEACHER,
    ),
]
TeacherFile = Annotated[
    Path | None,
    typer.Option(
        "--teacher", help="The teacher's .pth or .safetensors file.", rich_help_panel=_TEACHER
    ),
]
TeacherModel = Annotated[
    str | None,
    typer.Option(
        "--teacher-model",
        help="What model that is; stage2: the recipe's own.",
        rich_help_panel=_TEACHER,
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        min=0,
        help="Stop after so long, with a checkpoint to resume from.",
        show_default="until done",
        rich_help_panel=_RUN,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with the training in OUT; begin one where there is none.",
        rich_help_panel=_RUN,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        help="auto, cpu, cuda, cuda:N or mps; with torchrun auto, cpu or cuda.",
        rich_help_panel=_RUN,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        help="CPU threads of the network; leave one core to each process that makes batches.",
        show_default="as torch chooses",
        rich_help_panel=_RUN,
    ),
]
Tensorboard = Annotated[
    bool,
    typer.Option(
        "--tensorboard",
        help="Also write OUT/tensorboard (extra train).",
        rich_help_panel=_RUN,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Say what would happen, and stop.", rich_help_panel=_RUN),
]
