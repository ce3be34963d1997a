"""`rtmpose3d predict`: poses of the people in images, written to files."""

from __future__ import annotations

import errno
import functools
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtmpose3d.cli.inputs import list_inputs, without_folder
from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.cli.options import expand_options
from rtmpose3d.cli.outputs import PlannedOutput, plan_outputs, plan_shared_outputs
from rtmpose3d.cli.parsing import check_box_names
from rtmpose3d.cli.predict_options import OutputOptions, PredictOptions
from rtmpose3d.cli.predict_videos import VideoRun
from rtmpose3d.cli.stream_options import VideoOptions
from rtmpose3d.cli.terminal import FAILED, INTERRUPTED, DebugOption, echo, plural, reports_errors
from rtmpose3d.cli.video_files import split_videos
from rtmpose3d.errors import InputError, OutputError, printable
from rtmpose3d.progress import progress_bar
from rtmpose3d.structures.atomic import make_directory

if TYPE_CHECKING:
    from rtmpose3d.pipeline import Outcome
    from rtmpose3d.sinks import Sink
    from rtmpose3d.structures import FloatArray, PoseResult

_CAMERA_NOTES = {
    "calibration": "calibrated camera",
    "exif": "camera from EXIF",
    "assumed": "camera assumed",
}
_MAX_LISTED = 5  # people whose scores and distances are listed one by one

PREDICT_EXAMPLES = """
Examples:

- rtmpose3d predict photo.jpg
- rtmpose3d predict walk.mp4 --save video,csv --start 2 --end 10
- rtmpose3d predict photos/ --recursive --out results --save json,csv,image
- rtmpose3d predict 'photos/*.jpg' --model rtmw3d-x --device cuda
- rtmpose3d predict photo.jpg --boxes 60,40,310,620 --height-m 1.78
"""


@reports_errors
@expand_options
def predict(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Images, videos, folders, globs such as `photos/*.jpg` or `photos/**/*.png`, "
            "http addresses.",
            show_default=False,
        ),
    ],
    model: ModelOptions,
    output: OutputOptions,
    options: PredictOptions,
    video: VideoOptions,
    debug: DebugOption = False,
) -> None:
    """Detect the people in images and videos and write their 133 keypoints in 2D and 3D.

    Each image gives OUT/NAME.json and OUT/NAME_pose.jpg, or what --save asks for; jsonl gives
    OUT/results.jsonl with the results of all images. The folders in OUT mirror those of the input.
    Images that cannot be read are skipped, listed at the end, and make the exit code 1. Images in
    OUT and drawings of an earlier run are inputs only if they are named themselves. Each video
    gives OUT/NAME_pose.mp4 and OUT/NAME.jsonl, with people who keep their ids.
    """
    if model.detector is None and options.boxes is None:
        raise InputError("--detector none needs --boxes")
    videos, others = split_videos(inputs, recursive=output.recursive, out=output.out)
    codes = []
    if videos:
        run = VideoRun(
            videos=videos,
            out=output.out,
            formats=output.video_formats,
            options=video,
            people=options,
            flip_test=model.flip_test,
        )
        run.run(model.for_streams().load())
        run.print_summary()
        codes.append(INTERRUPTED if run.interrupted else FAILED if run.reasons else 0)
    if (others or not videos) and INTERRUPTED not in codes:
        codes.append(_predict_images(others, model, output, options))
    if any(codes):
        raise typer.Exit(max(codes))


def _predict_images(
    inputs: Sequence[str], model: ModelOptions, output: OutputOptions, options: PredictOptions
) -> int:
    """Write the results of all images; returns the exit code."""
    from rtmpose3d.pipeline import predict_batches

    formats = output.formats
    if not formats:
        raise InputError("--save video is for videos; for images choose image, json, ...")
    listed, failures = list_inputs(inputs, recursive=output.recursive)
    used, results = without_folder(listed, output.out)
    if results:
        count = plural(len(results), "image", "images")
        echo(f"rtmpose3d: {count} in {output.out}, the output folder, not used", err=True)
    if not used:
        raise InputError(f"all images of the inputs are in {output.out}, the output folder")
    plans = plan_outputs(used, output.out, formats)
    wanted = [plan for plan in plans if not (output.skip_existing and plan.exists)]
    run = _Run(
        out=output.out,
        plans=wanted,
        shared=plan_shared_outputs(output.out, formats),
        total=len(plans) + len(failures),
        existing=len(plans) - len(wanted),
        reasons=failures,
    )
    if options.boxes_by_image is not None:
        check_box_names(options.boxes_by_image, [plan.source.location for plan in plans])
    make_directory(output.out)
    if wanted:
        loaded = (model if options.boxes is None else model.without_detector()).load()
        estimate = functools.partial(options.estimate, loaded)
        sources = [plan.source.location for plan in wanted]
        outcomes = predict_batches(
            estimate,
            sources,
            batch_size=output.batch_size,
            exif_orientation=not output.ignore_exif_orientation,
        )
        run.write_all(outcomes)
    run.print_summary()
    return run.code


@dataclass(kw_only=True)
class _Run:
    """A run of the command: what is to be written, and what has been done of it.

    Lines are printed, not echoed: rich puts what is printed above its bar.

    Attributes:
        out: folder of the results.
        plans: the inputs with their files.
        shared: files that hold the results of all inputs.
        total: number of inputs, those without images and those with results included.
        existing: number of inputs that have their results already.
        reasons: of all failures so far.
    """

    out: Path
    plans: Sequence[PlannedOutput]
    shared: Sequence[Path]
    total: int
    existing: int
    reasons: list[str]
    done: int = 0
    people: int = 0
    interrupted: bool = False

    @property
    def code(self) -> int:
        """The exit code."""
        return INTERRUPTED if self.interrupted else FAILED if self.reasons else 0

    def write_all(self, outcomes: Iterable[Outcome]) -> None:
        """Write each result as soon as it is available.

        Args:
            outcomes: one for each plan.
        """
        from rtmpose3d.sinks import open_sink

        try:
            with ExitStack() as stack, progress_bar(len(self.plans), "images") as bar:
                sinks = [stack.enter_context(open_sink(path)) for path in self.shared]
                try:
                    for outcome, plan in zip(outcomes, self.plans, strict=True):
                        self._write(outcome, plan, sinks)
                        bar.advance()
                # Both are caught before the sinks are closed: shared files keep what is done.
                except KeyboardInterrupt:
                    echo("rtmpose3d: interrupted; what is written stays", err=True)
                    self.interrupted = True
                except OutputError as error:  # a full disk, most likely: the next would fail, too
                    self.reasons.append(str(error))
        except OutputError as error:  # of opening or closing a shared file
            self.reasons.append(str(error))

    def _write(self, outcome: Outcome, plan: PlannedOutput, sinks: Sequence[Sink]) -> None:
        if outcome.result is None:
            self.reasons.append(outcome.reason)
            self._print(f"failed: {printable(outcome.reason)}")
            return
        result = outcome.result
        if result.source is not None:
            result = replace(result, source=Path(plan.image_path))
        for path in plan.files:
            make_directory(path.parent)
            result.save(path)
        for sink in sinks:
            sink.write(result)
        self._print(f"{printable(str(outcome.source))}: {describe_result(result)}")
        self.people += len(result)
        self.done += 1

    def _print(self, line: str) -> None:
        """Print a line; a full disk behind stdout does not stop the run."""
        try:
            print(line, flush=True)
        except OSError as error:
            reason = f"standard output: {error.strerror}"
            if error.errno != errno.EPIPE and reason not in self.reasons:
                self.reasons.append(reason)

    def print_summary(self) -> None:
        """Print the number of results and the failures with their reasons to stderr."""
        parts = [f"{self.done} of {plural(self.total, 'image', 'images')} done"]
        if self.existing:
            parts.append(f"{self.existing} skipped, as their files exist")
        if self.done:
            parts.append(plural(self.people, "person", "people"))
        written = f"results in {self.out}" if self.done + self.existing else "nothing was written"
        echo(f"{', '.join(parts)}; {written}", err=True)
        if self.reasons:
            echo(f"{len(self.reasons)} failed:", err=True)
        for reason in self.reasons:
            echo(f"  {printable(reason)}", err=True)


def describe_result(result: PoseResult) -> str:
    """One line about a result: number of people, scores, distances, origin of the camera."""
    text = plural(len(result), "person", "people")
    if not len(result):
        return text
    details = [f"score {_listed(result.bbox_scores, 2)}"]
    if result.root_depth_m is not None:
        details.append(f"{_listed(result.root_depth_m, 1)} m away")
    if result.camera is not None and result.camera.source != "given":
        details.append(_CAMERA_NOTES[result.camera.source])
    return f"{text} ({'; '.join(details)})"


def _listed(values: FloatArray, decimals: int) -> str:
    """The values, or their range if they are many."""
    if len(values) > _MAX_LISTED:
        return f"{values.min():.{decimals}f} to {values.max():.{decimals}f}"
    return ", ".join(f"{value:.{decimals}f}" for value in values)
