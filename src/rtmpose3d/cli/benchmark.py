"""`rtmpose3d benchmark`: how fast the models are on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtmpose3d.cli.terminal import DebugOption, reports_errors
from rtmpose3d.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from rtmpose3d.evaluation.reports.writing import Table
    from rtmpose3d.evaluation.speed import BackendName, Speed, SpeedPlan

PACKAGES = ("rtmpose3d", "onnxruntime", "torch", "numpy", "opencv-python-headless")
BENCHMARK_EXAMPLES = """
Examples:

- rtmpose3d benchmark
- rtmpose3d benchmark rtmw3d-l rtmw-m-256x192 --batch-sizes 1,8 --seconds 10
- rtmpose3d benchmark rtmw3d-l --backends onnxruntime,torch --threads 1
- rtmpose3d benchmark --device cuda --batch-sizes 1,16,64 --out speed
"""


@reports_errors
def benchmark(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Names, see `rtmpose3d models`; all without one.",
            show_default=False,
        ),
    ] = None,
    backends: Annotated[
        str | None,
        typer.Option(
            "--backends",
            "-b",
            help="onnxruntime, torch, or both with a comma.",
            show_default="those installed",
        ),
    ] = None,
    batch_sizes: Annotated[
        str, typer.Option("--batch-sizes", help="Crops that go through the network at once.")
    ] = "1",
    seconds: Annotated[
        float,
        typer.Option("--seconds", help="For each entry of the table, besides loading."),
    ] = 3.0,
    threads: Annotated[
        int | None,
        typer.Option("--threads", help="CPU threads.", show_default="one a core"),
    ] = None,
    device: Annotated[str, typer.Option("--device", "-d", help="auto, cpu, cuda, cuda:1, mps.")] = (
        "cpu"
    ),
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder for benchmark.json and benchmark.md.",
            show_default="the table is only printed",
        ),
    ] = None,
    cache_dir: Annotated[
        Path | None, typer.Option("--cache-dir", help="Where downloaded weights are kept.")
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Measure speed: each network alone, and the whole way from an image to a pose.

    Backends and batch sizes of a model take turns after a warm-up; given are medians and the
    middle half of the runs. Nothing is downloaded: where weights are not on this disk, made-up
    ones are used, on which the time does not depend. Keep the machine quiet meanwhile.
    """
    from rtmpose3d.cli.evaluate_writing import print_table
    from rtmpose3d.evaluation.speed import SpeedPlan
    from rtmpose3d.structures.atomic import make_directory
    from rtmpose3d.zoo import MODELS, resolve

    specs = [resolve(name) for name in models or MODELS]
    plan = SpeedPlan(
        backends=_backends(backends),
        batch_sizes=_batch_sizes(batch_sizes),
        seconds=seconds,
        device=device,
        threads=threads,
        cache_dir=cache_dir,
    )
    if out is not None:
        make_directory(out)
    facts = describe_machine(plan)
    rows = _measured([spec.name for spec in specs], plan)
    tables = [speed_table(rows), whole_table(rows)]
    for table in tables:
        if table.rows:
            print_table(table)
    for name, text in facts.items():
        typer.echo(f"{name}: {text}")
    if out is not None:
        _write(out, facts, rows, tables)
        typer.echo(f"results in {out}", err=True)


def _measured(names: Sequence[str], plan: SpeedPlan) -> list[Speed]:
    from rtmpose3d.evaluation.speed import measure
    from rtmpose3d.progress import progress_bar
    from rtmpose3d.zoo import resolve

    rows: list[Speed] = []
    with progress_bar(len(names), "models") as bar:
        for name in names:
            rows += measure(resolve(name), plan)
            bar.advance()
    return rows


def _backends(text: str | None) -> tuple[BackendName, ...]:
    """The backends as typed, or those installed.

    Raises:
        UnknownNameError: no such backend.
        MissingDependencyError: torch was asked for and is not installed.
    """
    from importlib.util import find_spec

    known: tuple[BackendName, ...] = ("onnxruntime", "torch")
    if text is None:
        return tuple(name for name in known if find_spec(name) is not None)
    chosen = []
    for name in (part.strip().lower() for part in text.split(",")):
        match = next((backend for backend in known if backend == name), None)
        if match is None:
            raise UnknownNameError("backend", name, known)
        chosen.append(match)
    return tuple(dict.fromkeys(chosen))


def _batch_sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = (0,)
    if min(sizes) < 1:
        raise InputError(f"--batch-sizes is {text!r}; expected whole numbers from 1, as in 1,8")
    return tuple(sorted(set(sizes)))


def speed_table(rows: Sequence[Speed]) -> Table:
    """The networks alone."""
    from rtmpose3d.evaluation.reports.writing import Table

    note = (
        "Network: uint8 crops in, normalisation, network and decoding, keypoints out; detectors "
        "without selection of boxes. FLOPs: multiply-adds of one input, as published. "
        "Middle half: between a quarter and three quarters of the runs."
    )
    made_up = sorted({row.spec.name for row in rows if row.made_up})
    if made_up:
        note += f" Made-up weights, as the file is not on this disk: {', '.join(made_up)}."
    return Table(
        title="Network alone",
        columns=(
            *("model", "input", "backend", "device", "batch", "ms", "middle half, ms"),
            *("inputs/s", "GFLOPs", "params, M", "GFLOP/s", "runs"),
        ),
        rows=tuple(_network_row(row) for row in rows if row.what == "network"),
        note=note,
    )


def _network_row(row: Speed) -> tuple[str, ...]:
    width, height = row.spec.input_size_wh
    timing = row.timing
    return (
        row.spec.name,
        f"{height}x{width}",
        row.backend,
        row.device,
        str(row.batch_size),
        f"{timing.median_ms:.1f}",
        f"{timing.low_ms:.1f}-{timing.high_ms:.1f}",
        f"{row.per_second:.1f}",
        f"{row.spec.gflops:g}",
        f"{row.spec.params / 1e6:.1f}",
        f"{row.spec.gflops * row.per_second:.0f}",
        str(timing.runs),
    )


def whole_table(rows: Sequence[Speed]) -> Table:
    """From an image to one person's pose."""
    from rtmpose3d.evaluation.reports.writing import Table
    from rtmpose3d.evaluation.speed import IMAGE_WH
    from rtmpose3d.zoo import PoseSpec

    return Table(
        title="Whole way, one person",
        columns=(
            *("model", "detector", "backend", "device", "ms", "middle half, ms"),
            *("images/s", "runs"),
        ),
        rows=tuple(
            (
                row.spec.name,
                row.spec.detector if isinstance(row.spec, PoseSpec) else "",
                row.backend,
                row.device,
                f"{row.timing.median_ms:.1f}",
                f"{row.timing.low_ms:.1f}-{row.timing.high_ms:.1f}",
                f"{row.per_second:.1f}",
                str(row.timing.runs),
            )
            for row in rows
            if row.what == "whole"
        ),
        note=f"An image of {IMAGE_WH[0]}x{IMAGE_WH[1]} pixels: detector, one person cropped, "
        "network, decoding, and 3D where the model has it.",
    )


def describe_machine(plan: SpeedPlan) -> dict[str, str]:
    """What the figures hang on: machine, threads, versions."""
    import os
    import platform
    from datetime import date

    versions = [text for text in map(_version, PACKAGES) if text]
    return {
        "machine": f"{processor_name()}, {os.cpu_count()} cores, {platform.system()} "
        f"{platform.machine()}",
        "threads": "one a core" if plan.threads is None else str(plan.threads),
        "versions": f"Python {platform.python_version()}, {', '.join(versions)}",
        "seconds for each entry": f"{plan.seconds:g}",
        "other load at the start": other_load(),
        "date": date.today().isoformat(),
    }


def other_load() -> str:
    """How many processes were running or waiting for a core in the last minute."""
    import os

    if not hasattr(os, "getloadavg"):
        return "unknown"
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    busy = "; busy: trust ratios more than milliseconds" if load > cores / 4 else ""
    return f"{load:.1f} of {cores} cores{busy}"


def _version(name: str) -> str:
    """Of an installed package; empty if it is not."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return ""


def processor_name() -> str:
    """The processor's name as the system gives it."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _write(
    out: Path, facts: dict[str, str], rows: Sequence[Speed], tables: Sequence[Table]
) -> None:
    from dataclasses import asdict

    from rtmpose3d.evaluation.reports.writing import write_json, write_markdown

    entries = [
        {
            "model": row.spec.name,
            "backend": row.backend,
            "device": row.device,
            "what": row.what,
            "batch_size": row.batch_size,
            **asdict(row.timing),
            "per_second": row.per_second,
            "gflops": row.spec.gflops,
            "params": row.spec.params,
            "made_up_weights": row.made_up,
        }
        for row in rows
    ]
    write_markdown(out / "benchmark.md", "Speed", facts, [table for table in tables if table.rows])
    write_json(out / "benchmark.json", {**facts, "entries": entries})
