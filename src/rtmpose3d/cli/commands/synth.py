"""`rtmpose3d synth`: render people with exact labels into a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from rtmpose3d.cli.terminal import INTERRUPTED, DebugOption, plural, reports_errors
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.progress import progress_bar

if TYPE_CHECKING:
    from rtmpose3d.synth import DatasetPlan
    from rtmpose3d.synth.scene import AssetSplit

_WHAT, _IMAGES, _RUN = "What is rendered", "Images", "Running"
FORMATS = ("coco",)
PREVIEW = "preview.jpg"
SYNTH_EXAMPLES = """
Examples:

- rtmpose3d synth makehuman/ --out people --count 20 --preview
- rtmpose3d synth makehuman/ --out train --count 20000 --backdrops photos/ --workers 8
- rtmpose3d synth makehuman/ --out val --count 500 --split val --backdrops photos/
- rtmpose3d synth makehuman/ --out clips --count 600 --sequences 60 --views 2 --people 1-2
"""


@reports_errors
def synth(
    assets: Annotated[
        Path,
        typer.Argument(
            metavar="ASSETS",
            help="MakeHuman's folder: 3dobjs, rigs, targets, assets/clothes, assets/hair, ... "
            "(CC0, from MakeHuman's public repositories).",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="Folder of the dataset. A run that was interrupted goes on where it stopped.",
            show_default=False,
        ),
    ],
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, help="Images.", rich_help_panel=_IMAGES)
    ] = 100,
    size: Annotated[
        str, typer.Option("--size", help="WIDTHxHEIGHT in pixels.", rich_help_panel=_IMAGES)
    ] = "640x480",
    views: Annotated[
        int,
        typer.Option(
            "--views",
            min=1,
            help="Cameras that see the same moment; each counts as an image.",
            rich_help_panel=_IMAGES,
        ),
    ] = 1,
    sequences: Annotated[
        int,
        typer.Option(
            "--sequences",
            metavar="FRAMES",
            min=1,
            help="Frames of each clip, with smooth motion and a moving camera; 1 for single "
            "images.",
            rich_help_panel=_IMAGES,
        ),
    ] = 1,
    fps: Annotated[
        float, typer.Option("--fps", help="Frames a second.", rich_help_panel=_IMAGES)
    ] = 25.0,
    people: Annotated[
        str,
        typer.Option("--people", help="People of a scene, N or LEAST-MOST.", rich_help_panel=_WHAT),
    ] = "1-4",
    backdrops: Annotated[
        Path | None,
        typer.Option(
            "--backdrops",
            help="Folder with `photos/` without people and `objects/` (.glb); a SOURCES.csv beside "
            "them tells licences and which photos show one place. Without it: painted backdrops.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            "--split",
            help="train or val: they share no bodies, clothes, backdrops or seeds.",
            rich_help_panel=_WHAT,
        ),
    ] = "train",
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            min=0,
            help="The same seed gives the same bytes, with any number of workers.",
            rich_help_panel=_WHAT,
        ),
    ] = 0,
    file_format: Annotated[
        str,
        typer.Option(
            "--format",
            help="coco: JPEG and COCO-WholeBody JSON, with keypoints_3d, visibility133, camera, "
            "masks.",
            rich_help_panel=_IMAGES,
        ),
    ] = "coco",
    preview: Annotated[
        bool,
        typer.Option(
            "--preview",
            help=f"Also write {PREVIEW}: some of the images with their labels drawn.",
            rich_help_panel=_RUN,
        ),
    ] = False,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", min=1, help="Processes; one for each core is best.", rich_help_panel=_RUN
        ),
    ] = 1,
    device: Annotated[
        int | None,
        typer.Option(
            "--device",
            min=0,
            help="GPU by its EGL number; the first if not given. No GPU is needed.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Render people with exact labels: 133 keypoints in pixels and metres, masks, cameras.

    Writes DIR/shard-00000/ and so on: JPEG files with one COCO-WholeBody JSON each. A shard
    appears whole or not at all. Needs the extra `synth` and OpenGL without a display; on a CPU
    that is Mesa: apt-get install libegl1 libgl1 libgl1-mesa-dri.
    """
    from rtmpose3d.synth import DatasetPlan, ShotSettings, WorldSettings, makehuman_people
    from rtmpose3d.synth.scene import ASSET_SPLITS

    if file_format not in FORMATS:
        raise UnknownNameError("--format", file_format, FORMATS)
    if split not in ASSET_SPLITS:
        raise UnknownNameError("--split", split, ASSET_SPLITS)
    plan = DatasetPlan(
        out=out,
        count=count,
        world=WorldSettings(
            assets=assets,
            make_people=makehuman_people,
            backdrops=backdrops,
            split=cast("AssetSplit", split),
            seed=seed,
            people=parse_people(people),
            device=device,
        ),
        shot=ShotSettings(size_wh=parse_size(size), views=views, frames=sequences, fps=fps),
    )
    _write(plan, workers, preview)


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of `640x480`.

    Raises:
        InputError: something else.
    """
    match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text.strip())
    if match is None:
        raise InputError(f"--size is {text!r}; expected WIDTHxHEIGHT in pixels, such as 640x480")
    return int(match[1]), int(match[2])


def parse_people(text: str) -> tuple[int, int]:
    """Least and most of `3` or `1-4`.

    Raises:
        InputError: something else.
    """
    match = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", text.strip())
    if match is None:
        raise InputError(f"--people is {text!r}; expected a number or LEAST-MOST, such as 1-4")
    return int(match[1]), int(match[2] or match[1])


def _write(plan: DatasetPlan, workers: int, preview: bool) -> None:
    from rtmpose3d.synth import write_dataset

    try:
        with progress_bar(plan.count, "images") as bar:
            written = write_dataset(plan, workers=workers, progress=bar.advance)
    except KeyboardInterrupt:
        typer.echo(
            "rtmpose3d: interrupted; finished shards stay, the same command goes on", err=True
        )
        raise typer.Exit(INTERRUPTED) from None
    there = plan.shards - written
    known = f", {there} of them there before" if there else ""
    typer.echo(
        f"{plural(plan.count, 'image', 'images')} in "
        f"{plural(plan.shards, 'shard', 'shards')}{known}: {plan.out}"
    )
    if preview:
        typer.echo(f"{_write_preview(plan.out)}")


def _write_preview(folder: Path) -> Path:
    from rtmpose3d.sinks.images import write_image
    from rtmpose3d.synth.output import preview_sheet

    return write_image(folder / PREVIEW, preview_sheet(folder))
