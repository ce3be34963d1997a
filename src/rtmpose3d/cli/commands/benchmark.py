"""`rtmpose3d benchmark`: speed of the models on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtmpose3d.cli.terminal import DebugOption, echo, reports_errors
from rtmpose3d.errors import InputError
from rtmpose3d.zoo import DEMO_IMAGE, OFFLINE_MODEL, resolve_detector, resolve_pose

if TYPE_CHECKING:
    from rtmpose3d.benchmark import BenchmarkPlan
    from rtmpose3d.zoo import ModelSpec

IN_PACKAGE = (OFFLINE_MODEL, resolve_detector(resolve_pose(OFFLINE_MODEL).detector).name)

BENCHMARK_EXAMPLES = """
Examples:

- rtmpose3d benchmark
- rtmpose3d benchmark rtmw3d-l rtmw-m-256x192 --batch-sizes 1,8 --seconds 10
- rtmpose3d benchmark rtmw3d-l --backends onnxruntime,torch --threads 1
- rtmpose3d benchmark --device cuda --batch-sizes 1,16,64 --out speed
- rtmpose3d benchmark rtmw3d-l --drift --images photos/ --precision bf16
"""


@reports_errors
def benchmark(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Names, see `rtmpose3d models`; default: all models.",
            show_default=False,
        ),
    ] = None,
    backends: Annotated[
        str | None,
        typer.Option(
            "--backends",
            "-b",
            help="Names of backends, separated by commas.",
            show_default="those installed",
        ),
    ] = None,
    batch_sizes: Annotated[
        str, typer.Option("--batch-sizes", help="Crops per call of the network.")
    ] = "1",
    seconds: Annotated[
        float,
        typer.Option("--seconds", help="Duration of each measurement, without loading."),
    ] = 3.0,
    threads: Annotated[
        int | None,
        typer.Option("--threads", help="Number of CPU threads.", show_default="one per core"),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", "-d", help="auto, cpu, cuda, cuda:1, mps, coreml.")
    ] = ("cpu"),
    precision: Annotated[str, typer.Option("--precision", help="auto, fp32, bf16, fp16.")] = "auto",
    drift: Annotated[
        bool,
        typer.Option(
            "--drift",
            help="Measure how far backend and precision move keypoints and boxes, compared with "
            "fp32, instead of speed. Default models: those in the package.",
        ),
    ] = False,
    images: Annotated[
        str | None,
        typer.Option(
            "--images",
            help="Photographs of people for --drift: a file, folder or glob.",
            show_default="the rendered image in the package",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Directory for benchmark.json and benchmark.md, or drift.json and drift.md.",
            show_default="the table is only printed",
        ),
    ] = None,
    cache_dir: Annotated[
        Path | None, typer.Option("--cache-dir", help="Directory of downloaded weights.")
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Measure speed, each network alone and the full pipeline from an image to a pose; or drift.

    Backends and batch sizes of a model alternate after a warm-up; reported are medians and the
    middle half of the runs. Nothing is downloaded: where weights are not on this disk, synthetic
    ones are used, on which the duration does not depend. Keep the machine quiet meanwhile.
    """
    from rtmpose3d.benchmark import (
        BenchmarkPlan,
        Measurement,
        describe_machine,
        measure,
        network_table,
        pipeline_table,
        write_report,
    )
    from rtmpose3d.cli.tables import print_table
    from rtmpose3d.progress import progress_bar
    from rtmpose3d.structures.atomic import make_directory
    from rtmpose3d.zoo import MODELS, resolve

    if images is not None and not drift:
        raise InputError("--images is for --drift")
    specs = [resolve(name) for name in models or (IN_PACKAGE if drift else MODELS)]
    plan = BenchmarkPlan(
        backends=_parse_backends(backends),
        batch_sizes=_parse_batch_sizes(batch_sizes),
        seconds=seconds,
        device=device,
        precision=precision,
        threads=threads,
        cache_dir=cache_dir,
    )
    if out is not None:
        make_directory(out)
    facts = {**describe_machine(threads), "precision": precision}
    if drift:
        _measure_drift(specs, plan, images, facts, out)
        return
    facts["seconds per measurement"] = f"{seconds:g}"
    rows: list[Measurement] = []
    with progress_bar(len(specs), "models") as bar:
        for spec in specs:
            rows += measure(spec, plan)
            bar.advance()
    for table in (network_table(rows), pipeline_table(rows)):
        if table.rows:
            print_table(table)
            echo(f"{table.note}\n")
    for name, text in facts.items():
        echo(f"{name}: {text}")
    if out is not None:
        write_report(out, facts, rows)
        echo(f"results in {out}", err=True)


def _measure_drift(
    specs: list[ModelSpec],
    plan: BenchmarkPlan,
    images: str | None,
    facts: dict[str, str],
    out: Path | None,
) -> None:
    from rtmpose3d.benchmark import Drift, drift_tables, measure_drift, write_drift
    from rtmpose3d.cli.inputs import list_inputs
    from rtmpose3d.cli.tables import print_table
    from rtmpose3d.progress import progress_bar
    from rtmpose3d.sources import load_image

    locations = [DEMO_IMAGE] if images is None else [i.location for i in list_inputs([images])[0]]
    pixels = [load_image(location) for location in locations]
    facts["images"] = "the rendered image in the package" if images is None else str(len(pixels))
    drifts: list[Drift] = []
    with progress_bar(len(specs), "models") as bar:
        for spec in specs:
            drifts += measure_drift(spec, plan, pixels)
            bar.advance()
    for table in drift_tables(drifts):
        print_table(table)
        echo(f"{table.note}\n")
    for name, text in facts.items():
        echo(f"{name}: {text}")
    if out is not None:
        write_drift(out, facts, drifts)
        echo(f"results in {out}", err=True)


def _parse_backends(text: str | None) -> tuple[str, ...]:
    """The backends that are named, or those whose package is installed."""
    from rtmpose3d.benchmark.measuring import installed_backends

    if text is None:
        return installed_backends()
    return tuple(dict.fromkeys(part.strip().lower() for part in text.split(",")))


def _parse_batch_sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = (0,)
    if min(sizes) < 1:
        raise InputError(f"--batch-sizes is {text!r}; expected whole numbers from 1, as in 1,8")
    return tuple(sorted(set(sizes)))
