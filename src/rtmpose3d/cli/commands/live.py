"""`rtmpose3d live`: people before a camera, in a window or as a line per second."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.cli.options import expand_options
from rtmpose3d.cli.outputs import parse_save
from rtmpose3d.cli.predict_options import PredictOptions
from rtmpose3d.cli.stream_options import VideoOptions
from rtmpose3d.cli.terminal import (
    FAILED,
    INTERRUPTED,
    DebugOption,
    echo,
    plural,
    reports_errors,
)
from rtmpose3d.cli.video_files import make_sinks
from rtmpose3d.cli.video_run import RateMeter, write_stream
from rtmpose3d.cli.window import LiveWindow
from rtmpose3d.errors import InputError
from rtmpose3d.structures.atomic import make_directory

if TYPE_CHECKING:
    from rtmpose3d.pipeline import PoseStream
    from rtmpose3d.structures import PoseResult

LIVE_EXAMPLES = """
Examples:

- rtmpose3d live
- rtmpose3d live 1 --save jsonl,video --out recordings
- rtmpose3d live rtsp://camera.local/stream --model rtmw3d-l --device cuda
"""
_LINE_S = 1.0
_LIVE = "Live"


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """Connection, window and files, as typed."""

    save: Annotated[
        str | None,
        typer.Option(
            "--save",
            "-s",
            help="Files to write: jsonl, video, csv, parquet, json, npz, image.",
            show_default="none",
            rich_help_panel=_LIVE,
        ),
    ] = None
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder for the files.", rich_help_panel=_LIVE),
    ] = Path("outputs")
    window: Annotated[
        bool,
        typer.Option(
            "--window/--no-window",
            help="Show a window where there is a display.",
            rich_help_panel=_LIVE,
        ),
    ] = True
    timeout_s: Annotated[
        float,
        typer.Option(
            "--timeout-s",
            help="Seconds without a frame after which the source has failed.",
            rich_help_panel=_LIVE,
        ),
    ] = 10.0
    reconnects: Annotated[
        int,
        typer.Option(
            "--reconnects",
            min=0,
            help="Attempts to connect again after a failure.",
            rich_help_panel=_LIVE,
        ),
    ] = 0


@reports_errors
@expand_options
def live(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="Number of a webcam, or an address (rtsp, rtmp, http, ...)."
        ),
    ] = "0",
    *,
    model: ModelOptions = ModelOptions(model="rtmw3d-n"),  # noqa: B008 - frozen
    live_options: LiveOptions,
    video: VideoOptions,
    options: PredictOptions,
    debug: DebugOption = False,
) -> None:
    """Estimate the poses of people before a camera, as fast as the machine can.

    Frames that come while one is estimated are dropped and counted, so that the delay stays small.
    Without a display, and with --no-window, a line per second reports frames per second, people
    and the delay from the camera to the result. Ctrl-C, q or Escape end it; all files are
    completed.
    """
    if video.smooth == "offline":
        raise InputError("--smooth offline needs a video that has an end; use --smooth live")
    if options.boxes is not None or options.exif:
        raise InputError("--boxes and --exif are for images")
    formats = parse_save(live_options.save) if live_options.save else ()
    loaded = model.for_streams().load()
    stream = video.open(
        loaded,
        int(source) if source.isdigit() and not Path(source).exists() else source,
        options,
        flip_test=model.flip_test,
        reconnects=live_options.reconnects,
        timeout_s=live_options.timeout_s,
    )
    window = _open_window(stream.info.name) if live_options.window else None
    name = "".join(c if c.isalnum() else "_" for c in stream.info.name)[-60:].strip("_")
    stem = live_options.out / f"{name}_{datetime.now():%Y%m%d_%H%M%S}"
    if formats:
        make_directory(live_options.out)
    display = _Display(stream, window, view=video.view)
    sinks = make_sinks(stem, formats, fps=stream.info.fps, view=video.view)
    try:
        summary = write_stream(stream, sinks, after_frame=display.update)
    finally:
        if window is not None:
            window.close()
    for note in stream.notes:
        echo(f"rtmpose3d: {note}", err=True)
    written = f"; files {stem}*" if formats and summary.frames else ""
    echo(f"{stream.info.name}: {summary.describe(stream)}{written}", err=True)
    if summary.interrupted:
        raise typer.Exit(INTERRUPTED)
    if summary.reason:
        echo(f"rtmpose3d: error: {summary.reason}", err=True)
        raise typer.Exit(FAILED)


def _open_window(title: str) -> LiveWindow | None:
    try:
        return LiveWindow(f"rtmpose3d: {title}")
    except OSError:
        return None


class _Display:
    """Shows results in the window, or prints a line per second."""

    def __init__(self, stream: PoseStream, window: LiveWindow | None, *, view: str) -> None:
        from rtmpose3d.viz import VideoFigure

        self._stream, self._window = stream, window
        self._figure = VideoFigure("both" if view == "both" else "2d")
        self._due = time.monotonic() + _LINE_S

    def update(self, result: PoseResult, meter: RateMeter) -> bool:
        """Show a result; returns whether to continue."""
        if self._window is not None:
            self._window.show(self._figure.draw(result))
            return self._window.is_open
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _LINE_S
            delay_s = self._stream.latency_s
            delay = "" if delay_s is None else f", delay {delay_s:.2f} s"
            print(
                f"{result.time_s or 0:8.1f} s  {meter.fps:5.1f} frames per second, "
                f"{plural(len(result), 'person', 'people')}{delay}, "
                f"{self._stream.dropped} dropped",
                flush=True,
            )
        return True
