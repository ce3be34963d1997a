"""`rtmpose3d models` and `rtmpose3d download`: the model table, and its files on this disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtmpose3d.cli.terminal import FAILED, DebugOption, echo, reports_errors
from rtmpose3d.errors import DownloadError

if TYPE_CHECKING:
    from rtmpose3d.zoo import ModelSpec

CacheDirOption = Annotated[
    Path | None, typer.Option("--cache-dir", help="Folder of downloaded weights.")
]
TASKS = {"pose3d": "2D + 3D", "pose2d": "2D", "detector": "boxes"}

DOWNLOAD_EXAMPLES = """
Examples:

- rtmpose3d download rtmw3d-l
- rtmpose3d download rtmw3d-x rtmw-l --cache-dir weights/
"""


@reports_errors
def models(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with all metrics.")] = False,
    cache_dir: CacheDirOption = None,
    debug: DebugOption = False,
) -> None:
    """List the models: size, accuracy, licences, and which are on this disk, undamaged."""
    from rtmpose3d.zoo import MODELS

    rows = [describe_model(spec, cache_dir) for spec in MODELS.values()]
    if as_json:
        echo(json.dumps(rows, indent=2))
        return
    _print_table(rows)


@reports_errors
def download(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="Models; see `rtmpose3d models`.", show_default=False),
    ],
    detector: Annotated[
        bool,
        typer.Option("--detector/--no-detector", help="Also the detectors of pose models."),
    ] = True,
    cache_dir: CacheDirOption = None,
    debug: DebugOption = False,
) -> None:
    """Download weights, check them, and print where they are.

    What is on this disk already is checked and not downloaded again. A model that cannot be
    obtained does not stop the others; the exit code is 1 then.
    """
    from rtmpose3d.zoo import PoseSpec, resolve

    specs = [resolve(name) for name in names]
    wanted = {spec.name: spec for spec in specs}
    if detector:
        for spec in specs:
            if isinstance(spec, PoseSpec):
                wanted.setdefault(spec.detector, resolve(spec.detector))
    done = [_download(spec, cache_dir) for spec in wanted.values()]
    if not all(done):
        raise typer.Exit(FAILED)


def _download(spec: ModelSpec, cache_dir: Path | None) -> bool:
    """Fetch a model's file, and print where it is or why it cannot be obtained."""
    from rtmpose3d.weights import fetch

    try:
        echo(f"{spec.name}: {fetch(spec.file, cache_dir=cache_dir)}")
    except DownloadError as error:
        echo(f"{spec.name}: failed: {error}", err=True)
        return False
    return True


def describe_model(spec: ModelSpec, cache_dir: Path | None) -> dict[str, object]:
    """A row of the model table as plain data; None where nothing is published."""
    from rtmpose3d.weights import check_copy
    from rtmpose3d.zoo import PoseSpec, RemoteFile

    pose = spec if isinstance(spec, PoseSpec) else None
    copy = check_copy(spec.file, cache_dir) if spec.file.name else None
    remote = spec.file if isinstance(spec.file, RemoteFile) else None
    width, height = spec.input_size_wh
    return {
        "name": spec.name,
        "task": spec.task,
        "input_width": width,
        "input_height": height,
        "ap": pose.ap if pose else None,
        "ar": pose.ar if pose else None,
        "part_ap": pose.part_ap if pose else {},
        "mpjpe_m": pose.mpjpe_m if pose else None,
        "params": spec.params or None,
        "gflops": spec.gflops,
        "code_licence": spec.code_licence,
        "weights_licence": spec.weights_licence,
        "data_licence": spec.data_licence,
        "file": spec.file.name or None,
        "urls": list(remote.urls) if remote else [],
        "hub_repo": remote.hub_repo if remote else None,
        "bundled": remote is None,
        "path": str(copy.path) if copy else None,
        "fault": copy.fault if copy else None,
    }


def _print_table(rows: list[dict[str, object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("model", "gives", "input"):
        table.add_column(name, no_wrap=True)
    for name in ("AP", "3D error", "params", "GFLOPs"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("on disk", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row))
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    console.print()
    console.print("input: height x width. AP: whole body, COCO-WholeBody V1.0 val, in percent.")
    console.print("3D error: MPJPE on H3WB. Both as published.")
    for subject in ("code", "weights", "data"):
        licences: dict[str, list[str]] = {}
        for row in rows:
            licences.setdefault(str(row[f"{subject}_licence"]), []).append(str(row["name"]))
        for licence, names in licences.items():
            whom = "all models" if len(names) == len(rows) else _abbreviate(names)
            console.print(f"{subject}: {licence} ({whom})")


def _abbreviate(names: list[str]) -> str:
    return (
        ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"
    )


def _cells(row: dict[str, object]) -> list[str]:
    def cell(key: str, text: str, scale: float = 1) -> str:
        value = row[key]
        return text.format(value * scale) if isinstance(value, (int, float)) else ""

    if row["fault"]:
        on_disk = "damaged"
    elif row["bundled"]:
        on_disk = "in the package" if row["path"] else "missing"
    elif row["path"]:
        on_disk = "yes"
    elif row["urls"] or row["hub_repo"]:
        on_disk = "no"
    else:
        on_disk = "unpublished"
    return [
        str(row["name"]),
        TASKS[str(row["task"])],
        f"{row['input_height']}x{row['input_width']}",
        cell("ap", "{:.1f}"),
        cell("mpjpe_m", "{:.0f} mm", 1000),
        cell("params", "{:.1f}M", 1e-6),
        cell("gflops", "{:.1f}"),
        on_disk,
    ]
