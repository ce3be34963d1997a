"""Options of `rtmpose3d train`, as annotations that typer reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

_FILES, _RENDERED = "Datasets", "Rendering during the training"
_RECIPE, _WEIGHTS, _RUN = "Recipe", "Initial weights and distillation", "Run"


RecipeOption = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A pose model of `rtmpose3d models`, or rtmdet-n; rtmw3d-n-128x96 and rtmdet-n-224 "
        "are faster first parts of a short training.",
        show_default=False,
    ),
]
OutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        help="Output folder of checkpoints, logs, curves and sheets.",
        show_default=False,
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Folder that contains the datasets' folders; see docs/datasets.md.",
        rich_help_panel=_FILES,
    ),
]
AnnotationsOption = Annotated[
    Path | None,
    typer.Option(
        "--annotations",
        help="Your own annotations to train on: a COCO-style file of 133 or 17 keypoints; with "
        "--data, in addition to the datasets.",
        rich_help_panel=_FILES,
    ),
]
ImagesOption = Annotated[
    Path | None,
    typer.Option(
        "--images",
        help="Folder of the images that --annotations and --validation-annotations name.",
        show_default="that of the file",
        rich_help_panel=_FILES,
    ),
]
ValidationAnnotationsOption = Annotated[
    Path | None,
    typer.Option(
        "--validation-annotations",
        help="Your own annotations to validate on, of images in --images.",
        rich_help_panel=_FILES,
    ),
]
DatasetsOption = Annotated[
    str | None,
    typer.Option(
        "--datasets",
        metavar="NAME[@SPLIT][:REPEAT],...",
        help="Datasets to train on; REPEAT: times that an epoch contains each person. "
        "coco-style:REPEAT is --annotations.",
        show_default="the recipe's",
        rich_help_panel=_FILES,
    ),
]
ValidationDatasetsOption = Annotated[
    str | None,
    typer.Option(
        "--validation-datasets",
        metavar="NAME[@SPLIT],...",
        help="Datasets to validate on (default split: val), or none.",
        show_default="the recipe's",
        rich_help_panel=_FILES,
    ),
]
AllowMissingOption = Annotated[
    bool,
    typer.Option(
        "--allow-missing",
        help="Train without the datasets that are missing.",
        rich_help_panel=_FILES,
    ),
]
OnBadSampleOption = Annotated[
    Literal["raise", "skip"],
    typer.Option(
        "--on-bad",
        help="Stop at an invalid label or image, or skip it and log it in OUT/skipped.txt.",
        rich_help_panel=_FILES,
    ),
]
WorkersOption = Annotated[
    int,
    typer.Option(
        "--workers",
        min=0,
        help="Processes that read and crop images; 0: a thread.",
        rich_help_panel=_FILES,
    ),
]
AssetsOption = Annotated[
    Path | None,
    typer.Option(
        "--assets",
        help="MakeHuman's folder, as for `rtmpose3d synth`.",
        rich_help_panel=_RENDERED,
    ),
]
BackdropsOption = Annotated[
    Path | None,
    typer.Option(
        "--backdrops",
        help="Folder of photographs without people; default: painted backdrops.",
        rich_help_panel=_RENDERED,
    ),
]
RenderedFractionOption = Annotated[
    float,
    typer.Option(
        "--rendered-fraction",
        help="Fraction of each batch that is rendered, where --data gives the other part.",
        rich_help_panel=_RENDERED,
    ),
]
RenderedPerBatchOption = Annotated[
    int,
    typer.Option(
        "--rendered-per-batch",
        min=1,
        help="Newly rendered crops per batch; the others were rendered before and are augmented "
        "again. Pose models only.",
        rich_help_panel=_RENDERED,
    ),
]
PoolSizeOption = Annotated[
    int,
    typer.Option(
        "--pool-size",
        min=0,
        help="Maximum number of rendered crops kept in OUT/pool, 18 KB each. Pose models only.",
        rich_help_panel=_RENDERED,
    ),
]
RenderWorkersOption = Annotated[
    int,
    typer.Option(
        "--render-workers",
        min=0,
        help="Rendering processes; 0: a thread of this one.",
        rich_help_panel=_RENDERED,
    ),
]
StepsOption = Annotated[
    int | None,
    typer.Option(
        "--steps",
        min=1,
        help="Number of training steps, which also sets the learning rate schedule.",
        show_default="the recipe's",
        rich_help_panel=_RECIPE,
    ),
]
BatchSizeOption = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        min=1,
        help="Images per step, over all processes. The learning rate of published recipes scales "
        "with it.",
        show_default="the recipe's",
        rich_help_panel=_RECIPE,
    ),
]
LearningRateOption = Annotated[
    float | None,
    typer.Option(
        "--learning-rate",
        help="Base learning rate.",
        show_default="the recipe's",
        rich_help_panel=_RECIPE,
    ),
]
PrecisionOption = Annotated[
    Literal["fp32", "bf16"] | None,  # spelled out: importing the library's type imports torch
    typer.Option(
        "--precision",
        help="Precision of the network's arithmetic.",
        show_default="the recipe's",
        rich_help_panel=_RECIPE,
    ),
]
SeedOption = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        help="Random seed.",
        show_default="the recipe's",
        rich_help_panel=_RECIPE,
    ),
]
CheckpointEveryOption = Annotated[
    int | None,
    typer.Option(
        "--checkpoint-every",
        min=1,
        help="Steps between checkpoints, and between validations.",
        show_default="the recipe's",
        rich_help_panel=_RECIPE,
    ),
]
InitialOption = Annotated[
    Path | None,
    typer.Option(
        "--init",
        help="Weights to initialize from: a file (.pth or .safetensors) or the name of a model.",
        rich_help_panel=_WEIGHTS,
    ),
]
InitialPartsOption = Annotated[
    str,
    typer.Option(
        "--init-parts",
        help="Parts to initialize from --init; for the backbone alone, it may be of another model.",
        rich_help_panel=_WEIGHTS,
    ),
]
FreezeOption = Annotated[
    str | None,
    typer.Option(
        "--freeze",
        metavar="PART,...",
        help="Parts that are not trained: backbone, neck, head. Pose models only.",
        show_default="the recipe's",
        rich_help_panel=_WEIGHTS,
    ),
]
DistillOption = Annotated[
    Literal["stage1", "stage2"] | None,
    typer.Option(
        "--distill",
        help="stage1: in addition to the labels, learn the teacher's last feature and "
        "distributions; stage2: train a new head, with the result of stage 1 as the teacher. "
        "Pose models only.",
        rich_help_panel=_WEIGHTS,
    ),
]
TeacherFileOption = Annotated[
    Path | None,
    typer.Option(
        "--teacher", help="Weights of the teacher (.pth or .safetensors).", rich_help_panel=_WEIGHTS
    ),
]
TeacherModelOption = Annotated[
    str | None,
    typer.Option(
        "--teacher-model",
        help="Model of the teacher; default in stage2: the recipe's own.",
        rich_help_panel=_WEIGHTS,
    ),
]
MinutesOption = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        min=0,
        help="Time limit, after which the training stops with a checkpoint.",
        show_default="none",
        rich_help_panel=_RUN,
    ),
]
ResumeOption = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Resume the training in OUT, if there is one.",
        rich_help_panel=_RUN,
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        help="auto, cpu, cuda, cuda:N or mps; with torchrun: auto, cpu or cuda.",
        rich_help_panel=_RUN,
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        help="CPU threads of the network; leave a core for each process that makes batches.",
        show_default="torch's choice",
        rich_help_panel=_RUN,
    ),
]
TensorboardOption = Annotated[
    bool,
    typer.Option(
        "--tensorboard",
        help="Write OUT/tensorboard, too (extra train).",
        rich_help_panel=_RUN,
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Print the plan and exit.", rich_help_panel=_RUN),
]
