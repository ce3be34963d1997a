"""The options that the commands of `rtmpose3d evaluate` share; typer reads these annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_DATA, _SCORING, _RUNNING = "Data", "Scoring", "Running"

Images = Annotated[
    Path | None,
    typer.Option(
        "--images",
        "-i",
        help="Folder of the images. With --predictions only the sheet of worst cases needs it.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        help="Folder for results.json, results.md, histogram.png, worst.jpg, predictions.json; "
        "made if needed.",
        rich_help_panel=_DATA,
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad",
        help="Leave out bad annotations and images that are missing or broken, list them, and "
        "end with exit code 1. Without it the first is an error.",
        rich_help_panel=_DATA,
    ),
]
BatchSize = Annotated[
    int,
    typer.Option("--batch-size", min=1, help="Images at once.", rich_help_panel=_RUNNING),
]
BboxThr = Annotated[
    float | None,
    typer.Option(
        "--bbox-thr",
        min=0.0,
        max=1.0,
        help="Boxes that score less are left out.",
        show_default="0.1 for the detector, 0 for a file",
        rich_help_panel=_SCORING,
    ),
]
Score = Annotated[
    str,
    typer.Option(
        "--score",
        help="How a pose is scored: bbox-keypoint (score of the box times the mean score of the "
        "keypoints above --keypoint-thr), bbox, keypoint.",
        rich_help_panel=_SCORING,
    ),
]
KeypointThr = Annotated[
    float, typer.Option("--keypoint-thr", help="See --score.", rich_help_panel=_SCORING)
]
Nms = Annotated[
    str,
    typer.Option(
        "--nms",
        help="Of two poses that are too much alike: oks drops one, soft-oks lowers its score, "
        "none keeps both.",
        rich_help_panel=_SCORING,
    ),
]
NmsThr = Annotated[
    float,
    typer.Option("--nms-thr", help="OKS from which poses are alike.", rich_help_panel=_SCORING),
]
RootDepth = Annotated[
    str,
    typer.Option(
        "--root-depth",
        help="Distance of the hips: estimated (from bone lengths, as for your own images), "
        "true (as annotated), or metres for everybody (mmpose's RTMW3D takes 5.14388).",
        rich_help_panel=_SCORING,
    ),
]
DetectOrNot = Annotated[
    str,
    typer.Option(
        "--boxes",
        help="gt (annotated boxes) or detect (those of --detector; people without one are not "
        "found).",
        rich_help_panel=_DATA,
    ),
]
Every = Annotated[
    int,
    typer.Option("--every", min=1, help="Take every n-th image only.", rich_help_panel=_DATA),
]
