"""`rtmpose3d predict`: poses of the people in images, written to files."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rtmpose3d.cli import predict_options as option
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
def predict(
    inputs: option.Inputs,
    model: option.Model = "rtmw3d-l",
    det: option.Detector = "auto",
    device: option.Device = "auto",
    backend: option.Backend = "auto",
    pose_checkpoint: option.PoseCheckpoint = None,
    detector_checkpoint: option.DetectorCheckpoint = None,
    cache_dir: option.CacheDir = None,
    flip_test: option.FlipTest = None,
    out: option.Out = Path("outputs"),
    save: option.Save = "json,image",
    recursive: option.Recursive = False,
    batch_size: option.BatchSize = 4,
    bbox_thr: option.BboxThr = 0.3,
    single_person: option.SinglePerson = False,
    boxes: option.Boxes = None,
    axes: option.AxesName = "z-up",
    fov_deg: option.FovDeg = None,
    intrinsics: option.Intrinsics = None,
    exif: option.Exif = False,
    height_m: option.HeightM = None,
    root_depth_m: option.RootDepthM = None,
    debug: DebugOption = False,
) -> None:
    """Find the people in images and write their 133 keypoints in 2D and 3D.

    Each image gives OUT/NAME.json and OUT/NAME_pose.jpg, or what --save asks for; jsonl gives
    OUT/results.jsonl with the results of all images. Images that cannot be read are passed over,
    listed at the end, and make the exit code 1.
    """
    from rtmpose3d.cli.estimating import ModelChoice, PoseChoice
    from rtmpose3d.pipeline import predict_batches
    from rtmpose3d.sources import expand_inputs

    sources = expand_inputs(inputs, recursive=recursive)
    formats = parse_save(save)
    plans, shared = plan_outputs(sources, out, formats), plan_shared_outputs(out, formats)
    pose_choice = PoseChoice.parse(
        bbox_thr=bbox_thr,
        single_person=single_person,
        boxes=boxes,
        axes=axes,
        fov_deg=fov_deg,
        intrinsics=intrinsics,
        exif=exif,
        height_m=height_m,
        root_depth_m=root_depth_m,
    )
    model_choice = ModelChoice(
        model=model,
        det=det if boxes is None else None,
        device=device,
        backend=backend,
        pose_checkpoint=pose_checkpoint,
        detector_checkpoint=detector_checkpoint,
        cache_dir=cache_dir,
        flip_test=flip_test,
    )
    make_directory(out)
    loaded = model_choice.load()
    outcomes = predict_batches(
        functools.partial(pose_choice.estimate, loaded), sources, batch_size=batch_size
    )
    code = _write_all(outcomes, sources, out, plans, shared)
    if code:
        raise typer.Exit(code)


def _write_all(
    outcomes: Iterable[Outcome],
    sources: Sequence[ImageLocation],
    out: Path,
    plans: Sequence[tuple[Path, ...]],
    shared: Sequence[Path],
) -> int:
    """Write each result as soon as it is there; returns the exit code.

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
                        print(f"{outcome.source}: {describe(outcome.result)}", flush=True)
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
    _summarise(done, len(sources), people, out, reasons)
    return code or (FAILED if reasons else 0)


def _write(result: PoseResult, paths: Sequence[Path], sinks: Sequence[Sink]) -> None:
    for path in paths:
        result.save(path)
    for sink in sinks:
        sink.write(result)


def describe(result: PoseResult) -> str:
    """One line on a result: how many people, how far away, how sure."""
    text = plural(len(result), "person", "people")
    if not len(result):
        return text
    details = [f"score {', '.join(f'{score:.2f}' for score in result.bbox_scores)}"]
    if result.root_depth_m is not None:
        details.append(f"{', '.join(f'{depth:.1f}' for depth in result.root_depth_m)} m away")
    return f"{text} ({'; '.join(details)})"


def _summarise(done: int, total: int, people: int, out: Path, reasons: Sequence[str]) -> None:
    """What was done, and what failed and why, on stderr."""
    typer.echo(
        f"{done} of {plural(total, 'image', 'images')} done, "
        f"{plural(people, 'person', 'people')}; results in {out}",
        err=True,
    )
    if reasons:
        typer.echo(f"{len(reasons)} failed:", err=True)
    for reason in reasons:
        typer.echo(f"  {reason}", err=True)
