"""The videos among the inputs of `rtmpose3d predict`, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rtmpose3d.cli.outputs import SaveFormat
from rtmpose3d.cli.predict_options import PredictOptions
from rtmpose3d.cli.stream_options import VideoOptions
from rtmpose3d.cli.terminal import echo, plural
from rtmpose3d.cli.video_files import VideoInput, check_not_overwritten, make_sinks
from rtmpose3d.cli.video_run import RateMeter, write_stream
from rtmpose3d.errors import InputError, MissingDependencyError
from rtmpose3d.progress import progress_bar
from rtmpose3d.structures.atomic import make_directory

if TYPE_CHECKING:
    from rtmpose3d.api import RTMPose3D
    from rtmpose3d.structures import PoseResult


@dataclass(kw_only=True)
class VideoRun:
    """Videos to process, and what has been done of it.

    Attributes:
        videos: the inputs.
        out: folder of the results.
        formats: of --save.
        options: choice of frames and treatment of people over time.
        people: selection of people, and known facts for 3D.
        flip_test: as typed.
        done: number of videos with results.
        reasons: of the failures.
        interrupted: whether Ctrl-C ended the run.
    """

    videos: Sequence[VideoInput]
    out: Path
    formats: Sequence[SaveFormat]
    options: VideoOptions
    people: PredictOptions
    flip_test: bool | None
    done: int = 0
    reasons: list[str] = field(default_factory=list)
    interrupted: bool = False

    def __post_init__(self) -> None:
        if self.people.boxes is not None:
            raise InputError("--boxes is for images; videos need a detector")
        for video in self.videos:
            check_not_overwritten(video, self.out / video.stem, self.formats)

    def run(self, model: RTMPose3D) -> None:
        """Process all videos; one that fails does not stop the others, Ctrl-C does."""
        for video in self.videos:
            try:
                self._run_one(model, video)
            except MissingDependencyError:
                raise
            except InputError as error:
                self.reasons.append(str(error))
                print(f"failed: {error}", flush=True)
            if self.interrupted:
                return

    def _run_one(self, model: RTMPose3D, video: VideoInput) -> None:
        stream = self.options.open(model, video.location, self.people, flip_test=self.flip_test)
        info = stream.info
        stem = self.out / video.stem
        make_directory(stem.parent)
        rate = min(info.fps or 30.0, self.options.fps or 1e9) / self.options.every
        sinks = make_sinks(stem, self.formats, fps=rate, view=self.options.view)
        total = self.options.count_frames(info.fps, info.duration_s)
        with progress_bar(total, Path(str(video.location)).name) as bar:

            def show(result: PoseResult, meter: RateMeter) -> None:
                bar.advance()
                bar.update_note(f"{meter.fps:.1f} frames/s")

            summary = write_stream(stream, sinks, after_frame=show)
        print(f"{video.location}: {summary.describe(stream)}", flush=True)
        for note in stream.notes:
            echo(f"rtmpose3d: {note}", err=True)
        self.interrupted = summary.interrupted
        if summary.reason:
            self.reasons.append(summary.reason)
        elif summary.frames and not summary.interrupted:
            self.done += 1

    def print_summary(self) -> None:
        """Print the number of videos and the failures with their reasons to stderr."""
        if self.interrupted:
            echo("rtmpose3d: interrupted; what is written stays", err=True)
        total = plural(len(self.videos), "video", "videos")
        echo(f"{self.done} of {total} done; results in {self.out}", err=True)
        if self.reasons:
            echo(f"{len(self.reasons)} failed:", err=True)
        for reason in self.reasons:
            echo(f"  {reason}", err=True)
