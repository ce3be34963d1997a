"""Errors as a message and an exit code, and printing, for all commands.

Exit codes: 0 success; 1 some items (images, annotations, checks) failed, the others are done; 2 the
command cannot be carried out; 130 interrupted.
"""

from __future__ import annotations

import errno
import functools
import logging
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ParamSpec, TextIO

import typer

from rtmpose3d.errors import RTMPose3DError, printable
from rtmpose3d.structures.atomic import expand_home

FAILED, CANNOT_RUN, INTERRUPTED = 1, 2, 130
DEBUG_VARIABLE = "RTMPOSE3D_DEBUG"

DebugOption = Annotated[
    bool,
    typer.Option("--debug", envvar=DEBUG_VARIABLE, help="Show the traceback of an error."),
]

_P = ParamSpec("_P")


def reports_errors(command: Callable[_P, None]) -> Callable[_P, None]:
    """Report every error of a command as a message on stderr and an exit code.

    A command that has a parameter `debug` shows the traceback, too, when it is set.
    """

    @functools.wraps(command)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            for name, value in kwargs.items():
                if isinstance(value, Path):  # one rule for all paths, in and out
                    kwargs[name] = expand_home(value)
            command(*args, **kwargs)
        except KeyboardInterrupt:
            echo("rtmpose3d: interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:
            if isinstance(error, BrokenPipeError):
                raise  # the reader of the output has ended; typer exits quietly
            raise typer.Exit(report_error(error, debug=bool(kwargs.get("debug")))) from None

    return wrapped


def report_error(error: Exception, *, debug: bool) -> int:
    """Report an error that ends a command on stderr; returns the exit code.

    Args:
        error: the error that was raised.
        debug: whether to print the traceback, too.
    """
    if debug:
        traceback.print_exception(error)
    echo(f"rtmpose3d: error: {describe_error(error)}", err=True)
    return CANNOT_RUN


def describe_error(error: Exception) -> str:
    """The message of an error; one that is none of the package's says how to report it."""
    if isinstance(error, RTMPose3DError):
        return str(error)
    if not _has_working_directory():
        return "the working directory no longer exists; change to another one"
    if isinstance(error, MemoryError):
        return "out of memory; try smaller images, or a smaller --batch-size"
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f"{os.fspath(error.filename)!r}: "
        return f"{where}{error.strerror}"
    return (
        f"unexpected {type(error).__name__}: {str(error)[:500]}\n"
        "This should not happen. Please report it together with the output of `rtmpose3d doctor` "
        f"and of the same command with --debug (or {DEBUG_VARIABLE}=1)."
    )


def _has_working_directory() -> bool:
    try:
        os.getcwd()  # noqa: PTH109
    except OSError:
        return False
    return True


def echo(text: str, *, err: bool = False) -> None:
    """Print lines of text; the only way in which commands print names that may come from files.

    Args:
        text: lines; control characters in them are escaped, which could steer the terminal.
        err: whether to print on stderr.
    """
    typer.echo(printable(text, keep_lines=True), err=err)


def log_to_terminal() -> None:
    """Print the warnings that the package logs on stderr, a line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(_PrintableFormatter("rtmpose3d: %(message)s"))
    package = logging.getLogger("rtmpose3d")
    if not package.handlers:
        package.addHandler(handler)
        package.propagate = False


class _PrintableFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), keep_lines=True)


def print_any_name() -> None:
    """Print characters that the terminal's encoding does not have as `?`, not as an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def finish_output() -> int:
    """Write what is still buffered; returns the exit code of a failure, 0 without one.

    Without this, Python reports a full disk behind stdout as an ignored exception at its end.
    """
    reasons = {name: _flush(stream) for name, stream in (("output", sys.stdout), ("", sys.stderr))}
    if reasons["output"]:
        echo(f"rtmpose3d: error: standard output: {reasons['output']}", err=True)
    return CANNOT_RUN if any(reasons.values()) else 0


def _flush(stream: TextIO | None) -> str:
    """Write what a stream holds; returns the reason why it cannot be, and empties it then."""
    if stream is None or stream.closed:
        return ""
    try:
        stream.flush()
    except OSError as error:
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123
            os.dup2(nothing.fileno(), stream.fileno())
        return "" if error.errno == errno.EPIPE else error.strerror or str(error)
    return ""


def plural(count: int, one: str, many: str) -> str:
    """A number with its noun: `1 image`, `2 images`, `no images`."""
    return f"{count or 'no'} {one if count == 1 else many}"
