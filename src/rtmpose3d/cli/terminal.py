"""Errors as one line and an exit code, and printing, for all commands."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, ParamSpec

import typer

from rtmpose3d.errors import InputError, RTMPose3DError, UnknownNameError

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130

DebugOption = Annotated[
    bool,
    typer.Option("--debug", envvar="RTMPOSE3D_DEBUG", help="Show the traceback of an error."),
]

_P = ParamSpec("_P")


def reports_errors(command: Callable[_P, None]) -> Callable[_P, None]:
    """Report the package's errors as one line on stderr and an exit code.

    A command that has a parameter `debug` shows the traceback, too, when it is set.
    """

    @functools.wraps(command)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except RTMPose3DError as error:
            if kwargs.get("debug"):
                traceback.print_exc()
            typer.echo(f"rtmpose3d: error: {error}", err=True)
            wrong_usage = isinstance(error, (InputError, UnknownNameError))
            raise typer.Exit(WRONG_USAGE if wrong_usage else FAILED) from None
        except KeyboardInterrupt:
            typer.echo("rtmpose3d: interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None

    return wrapped


def print_any_name() -> None:
    """Print characters that the terminal's encoding does not have as `?`, not as an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def plural(count: int, one: str, many: str) -> str:
    """A number with its noun: `1 image`, `2 images`, `no images`."""
    return f"{count or 'no'} {one if count == 1 else many}"
