"""Command `rtmpose3d synth`: renders a dataset of people with exact labels."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rtmpose3d.cli.options import expand_options
from rtmpose3d.cli.terminal import INTERRUPTED, DebugOption, echo, plural, reports_errors
from rtmpose3d.errors import InputError
from rtmpose3d.progress import progress_bar

if TYPE_CHECKING:
    from rtmpose3d.synth import DatasetPlan

_CONTENTS, _IMAGES, _RUN = "Contents", "Images", "Running"
PREVIEW = "preview.jpg"
SYNTH_EXAMPLES = """
Examples:

- rtmpose3d synth --assets makehuman/ --out people --count 20 --preview
- rtmpose3d synth --assets makehuman/ --out train --count 20000 --backdrops photos/ --workers 8
- rtmpose3d synth --assets makehuman/ --out val --count 500 --split val --backdrops photos/
- rtmpose3d synth --assets makehuman/ --out clips --count 600 --frames 60 --views 2 --people 1-2
"""


@reports_errors
@expand_options
def synth(
    assets: Annotated[
        Path,
        typer.Option(
            "--assets",
            help="Directory of MakeHuman's data: 3dobjs, rigs, targets, assets/clothes, ... "
            "(CC0, from MakeHuman's public repositories).",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="Directory of the dataset. An interrupted run resumes.",
            show_default=False,
        ),
    ],
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, help="Number of images.", rich_help_panel=_IMAGES)
    ] = 100,
    size: Annotated[
        str,
        typer.Option("--size", help="Image size, WIDTHxHEIGHT in pixels.", rich_help_panel=_IMAGES),
    ] = "640x480",
    views: Annotated[
        int,
        typer.Option(
            "--views",
            min=1,
            help="Simultaneous cameras per scene; each yields an image.",
            rich_help_panel=_IMAGES,
        ),
    ] = 1,
    frames: Annotated[
        int,
        typer.Option(
            "--frames",
            min=1,
            help="Frames per clip, with smooth motion and a moving camera; 1 for single images.",
            rich_help_panel=_IMAGES,
        ),
    ] = 1,
    fps: Annotated[
        float, typer.Option("--fps", help="Frames per second of clips.", rich_help_panel=_IMAGES)
    ] = 25.0,
    people: Annotated[
        str,
        typer.Option("--people", help="People per scene, N or MIN-MAX.", rich_help_panel=_CONTENTS),
    ] = "1-4",
    backdrops: Annotated[
        Path | None,
        typer.Option(
            "--backdrops",
            help="Directory with `photos/` without people and `objects/` (.glb); an optional "
            "SOURCES.csv lists licences and which photos show the same location. Default: painted "
            "backdrops.",
            rich_help_panel=_CONTENTS,
        ),
    ] = None,
    split: Annotated[
        Literal["train", "val"],
        typer.Option(
            "--split",
            help="They share no bodies, clothes, backdrops or seeds.",
            rich_help_panel=_CONTENTS,
        ),
    ] = "train",
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            min=0,
            help="Random seed; the same seed gives the same bytes with any number of workers.",
            rich_help_panel=_CONTENTS,
        ),
    ] = 0,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview",
            help=f"Also write {PREVIEW}: some images with their labels.",
            rich_help_panel=_RUN,
        ),
    ] = False,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            min=1,
            help="Rendering processes; one per core is fastest.",
            rich_help_panel=_RUN,
        ),
    ] = 1,
    device: Annotated[
        int | None,
        typer.Option(
            "--device",
            min=0,
            help="EGL device number of the GPU; default: the first. No GPU is needed.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Render people with exact labels: 133 keypoints in pixels and metres, masks, cameras.

    Writes OUT/shard-00000/ and so on: JPEG images and one COCO-WholeBody JSON each, with 3D
    keypoints, visibility, masks and cameras. A shard appears complete or not at all. Needs the
    extra `synth` and OpenGL without a display; on a CPU that is Mesa: apt-get install libegl1
    libgl1 libgl1-mesa-dri.
    """
    from rtmpose3d.synth import DatasetPlan, ShotSettings, WorldSettings, makehuman_people

    plan = DatasetPlan(
        out=out,
        count=count,
        world=WorldSettings(
            assets=assets,
            make_people=makehuman_people,
            backdrops=backdrops,
            split=split,
            seed=seed,
            people=parse_people(people),
            device=device,
        ),
        shot=ShotSettings(size_wh=parse_size(size), views=views, frames=frames, fps=fps),
    )
    _write(plan, workers, preview)


def parse_size(text: str) -> tuple[int, int]:
    """Parses width and height, such as `640x480`.

    Raises:
        InputError: another format.
    """
    match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text.strip())
    if match is None:
        raise InputError(f"--size is {text!r}; expected WIDTHxHEIGHT in pixels, such as 640x480")
    return int(match[1]), int(match[2])


def parse_people(text: str) -> tuple[int, int]:
    """Parses a minimum and maximum, such as `3` or `1-4`.

    Raises:
        InputError: another format.
    """
    match = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", text.strip())
    if match is None:
        raise InputError(f"--people is {text!r}; expected a number or MIN-MAX, such as 1-4")
    return int(match[1]), int(match[2] or match[1])


def _write(plan: DatasetPlan, workers: int, preview: bool) -> None:
    from rtmpose3d.synth import write_dataset

    try:
        with progress_bar(plan.count, "images") as bar:
            written = write_dataset(plan, workers=workers, progress=bar.advance)
    except KeyboardInterrupt:
        echo("rtmpose3d: interrupted; finished shards are kept, the same command resumes", err=True)
        raise typer.Exit(INTERRUPTED) from None
    existing = plan.shards - written
    note = f", {existing} of them existed" if existing else ""
    echo(
        f"{plural(plan.count, 'image', 'images')} in "
        f"{plural(plan.shards, 'shard', 'shards')}{note}: {plan.out}"
    )
    if preview:
        echo(f"{_write_preview(plan.out)}")


def _write_preview(folder: Path) -> Path:
    from rtmpose3d.sinks.images import write_image
    from rtmpose3d.synth.output import preview_sheet

    return write_image(folder / PREVIEW, preview_sheet(folder))
