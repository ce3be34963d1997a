"""`rtmpose3d predict`: poses of the people in images, written to files."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtmpose3d.cli.commands.predict_options import OutputOptions, PredictOptions
from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.cli.options import expand_options
from rtmpose3d.cli.outputs import parse_save, plan_outputs, plan_shared_outputs
from rtmpose3d.cli.terminal import FAILED, INTERRUPTED, DebugOption, plural, reports_errors
from rtmpose3d.errors import OutputError
from rtmpose3d.progress import progress_bar
from rtmpose3d.structures.atomic import make_directory

if TYPE_CHECKING:
    from rtmpose3d.pipeline import Outcome
    from rtmpose3d.sinks import Sink
    from rtmpose3d.sources import ImageLocation
    from rtmpose3d.structures import PoseResult


@reports_errors
@expand_options
def predict(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Images, folders, globs such as `photos/*.jpg` or `photos/**/*.png`, http "
            "addresses.",
            show_default=False,
        ),
    ],
    model: ModelOptions,
    output: OutputOptions,
    options: PredictOptions,
    debug: DebugOption = False,
) -> None:
    """Detect the people in images and write their 133 keypoints in 2D and 3D.

    Each image gives OUT/NAME.json and OUT/NAME_pose.jpg, or what --save asks for; jsonl gives
    OUT/results.jsonl with the results of all images. Images that cannot be read are skipped,
    listed at the end, and make the exit code 1.
    """
    from rtmpose3d.pipeline import predict_batches
    from rtmpose3d.sources import expand_inputs

    sources = expand_inputs(inputs, recursive=output.recursive)
    formats = parse_save(output.save)
    plans = plan_outputs(sources, output.out, formats)
    shared = plan_shared_outputs(output.out, formats)
    make_directory(output.out)
    loaded = (model if options.boxes is None else model.without_detector()).load()
    estimate = functools.partial(options.estimate, loaded)
    outcomes = predict_batches(estimate, sources, batch_size=output.batch_size)
    code = _write_all(outcomes, sources, output.out, plans, shared)
    if code:
        raise typer.Exit(code)


def _write_all(
    outcomes: Iterable[Outcome],
    sources: Sequence[ImageLocation],
    out: Path,
    plans: Sequence[tuple[Path, ...]],
    shared: Sequence[Path],
) -> int:
    """Write each result as soon as it is available; returns the exit code.

    Lines are printed, not echoed: rich puts what is printed above its bar.

    Args:
        outcomes: one for each source.
        sources: the inputs.
        out: folder of the results.
        plans: files of each source's own.
        shared: files that hold the results of all sources.
    """
    from rtmpose3d.sinks import open_sink

    reasons: list[str] = []
    done = people = 0
    code = 0
    try:
        with ExitStack() as stack, progress_bar(len(sources), "images") as bar:
            sinks = [stack.enter_context(open_sink(path)) for path in shared]
            try:
                for outcome, paths in zip(outcomes, plans, strict=True):
                    if outcome.result is None:
                        print(f"{outcome.source}: failed", flush=True)
                        reasons.append(outcome.reason)
                    else:
                        _write(outcome.result, paths, sinks)
                        print(f"{outcome.source}: {describe_result(outcome.result)}", flush=True)
                        people += len(outcome.result)
                        done += 1
                    bar.advance()
            # Both are caught before the sinks are closed: shared files keep what is done.
            except KeyboardInterrupt:
                typer.echo("rtmpose3d: interrupted; what is written stays", err=True)
                code = INTERRUPTED
            except OutputError as error:  # a full disk, most likely: the next would fail, too
                reasons.append(str(error))
    except OutputError as error:  # of opening or closing a shared file
        reasons.append(str(error))
    _print_summary(done, len(sources), people, out, reasons)
    return code or (FAILED if reasons else 0)


def _write(result: PoseResult, paths: Sequence[Path], sinks: Sequence[Sink]) -> None:
    for path in paths:
        result.save(path)
    for sink in sinks:
        sink.write(result)


def describe_result(result: PoseResult) -> str:
    """One line about a result: number of people, scores, distances."""
    text = plural(len(result), "person", "people")
    if not len(result):
        return text
    details = [f"score {', '.join(f'{score:.2f}' for score in result.bbox_scores)}"]
    if result.root_depth_m is not None:
        details.append(f"{', '.join(f'{depth:.1f}' for depth in result.root_depth_m)} m away")
    return f"{text} ({'; '.join(details)})"


def _print_summary(done: int, total: int, people: int, out: Path, reasons: Sequence[str]) -> None:
    """Print the number of results and the failures with their reasons to stderr."""
    typer.echo(
        f"{done} of {plural(total, 'image', 'images')} done, "
        f"{plural(people, 'person', 'people')}; results in {out}",
        err=True,
    )
    if reasons:
        typer.echo(f"{len(reasons)} failed:", err=True)
    for reason in reasons:
        typer.echo(f"  {reason}", err=True)
