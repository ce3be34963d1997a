"""The typer application and its entry point."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from rtmpose3d.cli.commands.benchmark import BENCHMARK_EXAMPLES, benchmark
from rtmpose3d.cli.commands.datasets import datasets
from rtmpose3d.cli.commands.demo import DEMO_EXAMPLES, demo
from rtmpose3d.cli.commands.doctor import doctor
from rtmpose3d.cli.commands.evaluate import evaluate
from rtmpose3d.cli.commands.export import export
from rtmpose3d.cli.commands.live import LIVE_EXAMPLES, live
from rtmpose3d.cli.commands.models import download, models
from rtmpose3d.cli.commands.predict import predict
from rtmpose3d.cli.commands.synth import SYNTH_EXAMPLES, synth
from rtmpose3d.cli.commands.train import TRAIN_EXAMPLES, train
from rtmpose3d.cli.terminal import (
    DEBUG_VARIABLE,
    echo,
    finish_output,
    log_to_terminal,
    print_any_name,
    report_error,
)

EXAMPLES = """
Examples:

- rtmpose3d demo
- rtmpose3d predict photo.jpg
- rtmpose3d models
- rtmpose3d doctor
"""
DOWNLOAD_EXAMPLES = """
Examples:

- rtmpose3d download rtmw3d-l
- rtmpose3d download rtmw3d-x rtmw-l --cache-dir weights/
"""
PREDICT_EXAMPLES = """
Examples:

- rtmpose3d predict photo.jpg
- rtmpose3d predict walk.mp4 --save video,csv --start 2 --end 10
- rtmpose3d predict photos/ --recursive --out results --save json,csv,image
- rtmpose3d predict 'photos/*.jpg' --model rtmw3d-x --device cuda
- rtmpose3d predict photo.jpg --boxes 60,40,310,620 --height-m 1.78
"""

app = typer.Typer(
    name="rtmpose3d",
    help="Whole-body pose of the people in images: 133 keypoints each, in pixels and in metres.",
    epilog=EXAMPLES,
    rich_markup_mode="markdown",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=DEMO_EXAMPLES)(demo)
app.command(epilog=PREDICT_EXAMPLES)(predict)
app.command(epilog=LIVE_EXAMPLES)(live)
app.command()(models)
app.command(epilog=DOWNLOAD_EXAMPLES)(download)
app.command()(export)
app.command(epilog=SYNTH_EXAMPLES)(synth)
app.command(epilog=TRAIN_EXAMPLES)(train)
app.add_typer(evaluate)
app.command(epilog=BENCHMARK_EXAMPLES)(benchmark)
app.add_typer(datasets, name="datasets")
app.command()(doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        from rtmpose3d import __version__

        echo(f"rtmpose3d {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", is_eager=True, callback=_show_version, help="Show the version."
        ),
    ] = False,
) -> None:
    """Whole-body pose of the people in images: 133 keypoints each, in pixels and in metres."""


def main() -> None:
    """Run the command line; ends the process with its exit code."""
    print_any_name()
    log_to_terminal()
    code: str | int | None = 0
    try:
        app(prog_name="rtmpose3d")
    except SystemExit as end:
        code = end.code
    except Exception as error:  # outside of the commands, which report theirs
        code = report_error(error, debug=bool(os.environ.get(DEBUG_VARIABLE)))
    raise SystemExit(finish_output() or code)
