"""The typer application and its entry point."""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib import import_module
from typing import Annotated

import typer

from rtmpose3d.cli.terminal import (
    DEBUG_VARIABLE,
    INTERRUPTED,
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
COMMANDS = {
    "demo": "demo",
    "predict": "predict",
    "live": "live",
    "models": "models",
    "download": "models",
    "export": "export",
    "synth": "synth",
    "train": "train",
    "evaluate": "evaluate",
    "benchmark": "benchmark",
    "datasets": "datasets",
    "doctor": "doctor",
}
"""The commands in the order of the help, and the module of `cli.commands` that each is in."""


@cache
def build_app(commands: tuple[str, ...] = tuple(COMMANDS)) -> typer.Typer:
    """The application with some of its commands; only their modules are imported.

    Args:
        commands: keys of `COMMANDS`.
    """
    built = typer.Typer(
        name="rtmpose3d",
        help=options.__doc__,
        epilog=EXAMPLES,
        rich_markup_mode="markdown",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    built.callback()(options)
    for name in commands:
        module = import_module(f"rtmpose3d.cli.commands.{COMMANDS[name]}")
        command = getattr(module, name)
        if isinstance(command, typer.Typer):
            built.add_typer(command, name=name)
        else:
            built.command(epilog=getattr(module, f"{name.upper()}_EXAMPLES", None))(command)
    return built


def __getattr__(name: str) -> typer.Typer:
    if name == "app":  # with all commands, whose modules take a while to import
        return build_app()
    raise AttributeError(name)


def _show_version(wanted: bool) -> None:
    if wanted:
        from rtmpose3d import __version__

        echo(f"rtmpose3d {__version__}")
        raise typer.Exit


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
    named = tuple(sys.argv[1:2])
    try:
        app = build_app(named) if named and named[0] in COMMANDS else build_app()
        app(prog_name="rtmpose3d")
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:  # before the command has begun: there is nothing to show
        code = INTERRUPTED
    except Exception as error:  # outside of the commands, which report theirs
        code = report_error(error, debug=bool(os.environ.get(DEBUG_VARIABLE)))
    raise SystemExit(finish_output() or code)
