"""The options of `rtmpose3d predict`, with their help; typer reads these annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_MODEL, _OUTPUT, _PEOPLE, _SPACE = "Model", "Input and output", "Which people", "3D"

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT",
        help="Images, folders, globs such as `photos/*.jpg` or `photos/**/*.png`, http addresses.",
        show_default=False,
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="Pose model; see `rtmpose3d models`. rtmw3d-n comes with the package.",
        rich_help_panel=_MODEL,
    ),
]
Detector = Annotated[
    str,
    typer.Option(
        "--det",
        help="Person detector: a name, its checkpoint file, or auto: the one that goes with the "
        "model.",
        rich_help_panel=_MODEL,
    ),
]
Device = Annotated[
    str,
    typer.Option("--device", "-d", help="auto, cpu, cuda, cuda:1, mps.", rich_help_panel=_MODEL),
]
Backend = Annotated[
    str, typer.Option("--backend", help="auto, onnxruntime, torch.", rich_help_panel=_MODEL)
]
PoseCheckpoint = Annotated[
    Path | None,
    typer.Option(
        "--pose-checkpoint",
        help="Weights of the pose model from this file instead of the published one.",
        rich_help_panel=_MODEL,
    ),
]
DetectorCheckpoint = Annotated[
    Path | None,
    typer.Option(
        "--detector-checkpoint",
        help="Weights of the detector from this file.",
        rich_help_panel=_MODEL,
    ),
]
CacheDir = Annotated[
    Path | None,
    typer.Option("--cache-dir", help="Where downloaded weights are kept.", rich_help_panel=_MODEL),
]
FlipTest = Annotated[
    bool | None,
    typer.Option(
        "--flip-test/--no-flip-test",
        help="Run mirrored crops, too, and average: half as fast, a little more accurate, and how "
        "the figures of RTMW and RTMPose were published.",
        show_default="on for rtmw3d-n only",
        rich_help_panel=_MODEL,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out", "-o", help="Folder for the results; made if needed.", rich_help_panel=_OUTPUT
    ),
]
Save = Annotated[
    str,
    typer.Option(
        "--save",
        "-s",
        help="Files to write: json, npz, csv, image (for each image), jsonl (one for all images).",
        rich_help_panel=_OUTPUT,
    ),
]
Recursive = Annotated[
    bool,
    typer.Option("--recursive", "-r", help="Subfolders, too.", rich_help_panel=_OUTPUT),
]
BatchSize = Annotated[
    int,
    typer.Option(
        "--batch-size",
        min=1,
        help="Images at once; more is faster on a GPU and needs more memory.",
        rich_help_panel=_OUTPUT,
    ),
]
BboxThr = Annotated[
    float,
    typer.Option(
        "--bbox-thr",
        min=0.0,
        max=1.0,
        help="Least score of a detected person.",
        rich_help_panel=_PEOPLE,
    ),
]
SinglePerson = Annotated[
    bool,
    typer.Option(
        "--single-person", help="Only the most prominent person.", rich_help_panel=_PEOPLE
    ),
]
Boxes = Annotated[
    str | None,
    typer.Option(
        "--boxes",
        help="People's boxes in pixels instead of a detector: x1,y1,x2,y2;... for all images, "
        "or a file: JSON with a list of boxes for each file name, or CSV rows file,x1,y1,x2,y2.",
        rich_help_panel=_PEOPLE,
    ),
]
AxesName = Annotated[
    str,
    typer.Option(
        "--axes",
        help="Frame of the 3D keypoints: z-up, camera, root, rtmpose3d.",
        rich_help_panel=_SPACE,
    ),
]
FovDeg = Annotated[
    float | None,
    typer.Option(
        "--fov-deg",
        help="The camera's field of view over the longer side, in degrees.",
        rich_help_panel=_SPACE,
    ),
]
Intrinsics = Annotated[
    str | None,
    typer.Option("--intrinsics", help="fx,fy,cx,cy in pixels.", rich_help_panel=_SPACE),
]
Exif = Annotated[
    bool,
    typer.Option(
        "--exif",
        help="Take the field of view from each photo's EXIF where it is there.",
        rich_help_panel=_SPACE,
    ),
]
HeightM = Annotated[
    float | None,
    typer.Option(
        "--height-m", help="The person's height in metres, if known.", rich_help_panel=_SPACE
    ),
]
RootDepthM = Annotated[
    float | None,
    typer.Option(
        "--root-depth-m",
        help="Distance of the hips from the camera in metres, if known.",
        rich_help_panel=_SPACE,
    ),
]
