"""`rtmpose3d datasets`: list the datasets, check a download, unpack one."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rtmpose3d.cli.commands.evaluate_options import (
    DatasetAnnotationsOption,
    DatasetImagesOption,
    dataset_files,
)
from rtmpose3d.cli.options import expand_options
from rtmpose3d.cli.terminal import FAILED, DebugOption, echo, plural, reports_errors
from rtmpose3d.errors import InputError
from rtmpose3d.progress import ProgressBar, progress_bar

if TYPE_CHECKING:
    from rtmpose3d.data import DatasetSpec, PoseRecord
    from rtmpose3d.data.checking import DatasetCheck
    from rtmpose3d.data.specs import Split

MAX_LISTED = 20
_PREVIEW_PEOPLE = 12
_PAGE_WIDTH, _FILE_WIDTH = 28, 140  # characters: URL column, and table if not on a terminal
CHECK_EXAMPLES = """
Examples:

- rtmpose3d datasets check coco-wholebody data/coco-wholebody --split val
- rtmpose3d datasets check wflw data/wflw --open all --preview wflw.jpg
- rtmpose3d datasets check mpii data/mpii --annotations annotations/mpii_val.json
- rtmpose3d datasets check coco-style --annotations mine.json --images photos/ --preview sheet.jpg
"""

UNPACK_EXAMPLES = """
Examples:

- rtmpose3d datasets unpack ubody data/ubody
- rtmpose3d datasets unpack dna-rendering data/dna-rendering --every 15
"""


datasets = typer.Typer(
    help="The datasets that training and evaluation read: list them, check a download.",
    rich_markup_mode="markdown",
)


@datasets.callback(invoke_without_command=True)
@reports_errors
def listing(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with all splits.")] = False,
) -> None:
    """List the datasets: labels, splits, licences, download pages."""
    if context.invoked_subcommand is not None:
        return
    from rtmpose3d.data import DATASETS

    if as_json:
        echo(json.dumps([describe_dataset(spec) for spec in DATASETS.values()], indent=2))
        return
    _print_table(list(DATASETS.values()))


def describe_dataset(spec: DatasetSpec) -> dict[str, object]:
    """Row of the dataset table as plain data."""
    return {
        "name": spec.name,
        "title": spec.title,
        "page": spec.page,
        "licence": spec.licence,
        "box_kind": spec.box_kind,
        "parts": list(spec.parts),
        "keypoints": len(spec.keypoint_map.pairs),
        "has_3d": spec.has_3d,
        "verified_on_real_files": spec.verified,
        "splits": {
            name: {
                "annotations": split.annotations,
                "images": split.images,
                "image_count": split.image_count,
                "people": split.people,
            }
            for name, split in spec.splits.items()
        },
    }


def _print_table(specs: list[DatasetSpec]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("of 133", justify="right", no_wrap=True)
    table.add_column("3D", no_wrap=True)
    table.add_column("splits", overflow="fold")
    table.add_column("page", overflow="fold", min_width=_PAGE_WIDTH)
    for spec in specs:
        table.add_row(
            spec.name,
            str(len(spec.keypoint_map.pairs)),
            "3D" if spec.has_3d else "",
            ", ".join(spec.splits),
            spec.page,
        )
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _FILE_WIDTH)
    console.print(table)
    console.print(
        "\nLayouts and licences: docs/datasets.md. Check one: rtmpose3d datasets check -h"
    )


@datasets.command(epilog=CHECK_EXAMPLES)
@reports_errors
def check(
    name: Annotated[str, typer.Argument(help="Dataset name.", show_default=False)],
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]",
            help="Dataset folder; not needed with --annotations.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option("--split", help="Split to check; without it, all splits that exist."),
    ] = None,
    open_images: Annotated[
        str, typer.Option("--open", metavar="N", help="Number of images to open, or `all`.")
    ] = "200",
    preview: Annotated[
        Path | None,
        typer.Option(
            "--preview",
            help="Image file to write: some people with their keypoints; one file per split.",
        ),
    ] = None,
    every: Annotated[
        int, typer.Option("--every", min=1, help="Take every n-th image, for video frames.")
    ] = 1,
    annotations: DatasetAnnotationsOption = None,
    images: DatasetImagesOption = None,
    debug: DebugOption = False,
) -> None:
    """Check a download: files, labels, images, and the published counts.

    Reads every label. Problems are listed with file and label, and the exit code is then 1.
    """
    from rtmpose3d.data import DATASETS, ReadOptions
    from rtmpose3d.data.checking import check_dataset
    from rtmpose3d.errors import UnknownNameError

    count = parse_count(open_images)
    if name not in DATASETS:
        raise UnknownNameError("dataset", name, DATASETS)
    spec = DATASETS[name]
    failed = False
    folder, images = dataset_files(folder, annotations, images)
    splits = _find_splits(spec, folder, split, annotations)
    for chosen in splits:
        with progress_bar(None) as bar:
            result = check_dataset(
                name,
                folder,
                chosen,
                open_images=count,
                options=ReadOptions(every=every),
                annotations=annotations,
                images=images,
                progress=partial(_show_step, bar),
                keep=_PREVIEW_PEOPLE if preview else 0,
            )
        _print_check(result)
        failed |= not result.ok
        if preview is not None:
            path = preview if len(splits) == 1 else preview.with_stem(f"{preview.stem}-{chosen}")
            echo(f"{_write_sheet(result.kept, path)}")
    if failed:
        raise typer.Exit(FAILED)


def parse_count(text: str) -> int | None:
    """Parses a number of images; None for `all`.

    Raises:
        InputError: something else.
    """
    if text == "all":
        return None
    if not text.isdecimal():
        raise InputError(f"--open is {text!r}; expected a number of images, or all")
    return int(text)


def _find_splits(
    spec: DatasetSpec, folder: Path, split: str | None, annotations: str | None
) -> list[str]:
    """The requested split, or all whose annotation files exist."""
    if split is not None:
        spec.split(split)
        return [split]
    if annotations is not None:
        return [next(iter(spec.splits))]
    existing = [name for name, one in spec.splits.items() if _has(spec, folder, one)]
    return existing or [next(iter(spec.splits))]  # its error says what is missing


def _has(spec: DatasetSpec, folder: Path, split: Split) -> bool:
    return any(spec.find_folder(folder, split.annotations).glob(split.annotations))


def _print_check(result: DatasetCheck) -> None:
    echo(f"{result.spec.name}, {result.split}: {', '.join(str(p) for p in result.files[:3])}")
    in_3d = f", {result.people_with_3d} with 3D" if result.people_with_3d else ""
    echo(
        f"  {plural(result.people, 'person', 'people')}{in_3d} in "
        f"{plural(result.images, 'image', 'images')}, {result.opened} of them opened"
    )
    labelled = ", ".join(f"{part} {n}" for part, n in result.keypoints.items() if n)
    echo(f"  labelled keypoints: {labelled}")
    for reason, count in result.skipped.items():
        echo(f"  skipped: {count} x {reason}")
    for note in result.notes:
        echo(f"  note: {note}")
    for problem in result.problems[:MAX_LISTED]:
        echo(f"  problem: {problem}", err=True)
    if len(result.problems) > MAX_LISTED:
        echo(f"  and {len(result.problems) - MAX_LISTED} more", err=True)
    echo("  ok" if result.ok else f"  {plural(len(result.problems), 'problem', 'problems')}")


def _write_sheet(records: list[PoseRecord], path: Path) -> Path:
    from rtmpose3d.data.preview import draw_records
    from rtmpose3d.sinks.images import write_image

    if not records:
        raise InputError("no image could be read, so there is nothing to draw")
    return write_image(path, draw_records(records))


def _show_step(bar: ProgressBar, step: str, done: int, total: int | None) -> None:
    bar.update(done, total, description=step)


@datasets.command(epilog=UNPACK_EXAMPLES)
@reports_errors
@expand_options
def unpack(
    name: Annotated[
        Literal["dna-rendering", "ubody"],
        typer.Argument(help="Dataset name.", show_default=False, metavar="NAME"),
    ],
    folder: Annotated[Path, typer.Argument(help="Dataset folder.", show_default=False)],
    every: Annotated[int, typer.Option("--every", min=1, help="Take every n-th frame.")] = 1,
    split_by: Annotated[
        Literal["intra", "inter"],
        typer.Option(
            "--split-by",
            help="UBody: test on videos of all scenes (intra, as published) or on separate scenes.",
        ),
    ] = "intra",
    debug: DebugOption = False,
) -> None:
    """Extract the images of a download that holds videos or containers.

    `dna-rendering`: FOLDER/main/*.smc become FOLDER/images; needs h5py. `ubody`: FOLDER/videos
    become FOLDER/images, the labels of all scenes FOLDER/annotations/train_annotations.json and
    val_annotations.json; needs ffmpeg. Both come with `pip install "rtmpose3d[data]"`. An
    interrupted run resumes: existing files are kept.
    """
    from rtmpose3d.data import DATASETS

    folder = DATASETS[name].find_folder(folder)
    if name == "ubody":
        _unpack_ubody(folder, every, split_by)
    else:
        _unpack_dna_rendering(folder, every)


def _unpack_ubody(folder: Path, every: int, split_by: Literal["intra", "inter"]) -> None:
    from rtmpose3d.data.ubody_videos import unpack_videos

    with progress_bar(None) as bar:
        progress = partial(_show_step, bar)
        done = unpack_videos(folder, every=every, split_by=split_by, progress=progress)
    echo(f"{plural(done.images, 'image', 'images')} written")
    for split, count in done.people.items():
        path = folder / "annotations" / f"{split}_annotations.json"
        echo(f"{path}: {plural(count, 'person', 'people')}")
    if done.without_image:
        echo(f"skipped: {done.without_image} x no such frame", err=True)
    for problem in done.problems:
        echo(f"problem: {problem}", err=True)
    if done.problems:
        raise typer.Exit(FAILED)


def _unpack_dna_rendering(folder: Path, every: int) -> None:
    from rtmpose3d.data.readers.dna_rendering import unpack_images

    files = sorted((folder / "main").glob("*.smc"))
    if not files:
        raise InputError(f"{folder / 'main'} holds no .smc file")
    problems: list[str] = []
    for file in files:
        try:
            done = unpack_images(file, folder / "images", every=every)
        except InputError as error:
            problems.append(str(error))
            continue
        problems += done.problems
        echo(f"{file.name}: {plural(done.written, 'image', 'images')} written")
    for problem in problems:
        echo(f"problem: {problem}", err=True)
    if problems:
        raise typer.Exit(FAILED)
