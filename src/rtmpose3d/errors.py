"""Every error that this package raises on purpose.

    RTMPose3DError
    ├── InputError (ValueError)               an image, a box, a camera or an argument is unusable
    ├── UnknownNameError (KeyError)           no model, device, backend, ... of that name
    ├── WeightsError                          a checkpoint cannot be read or does not fit the model
    │   └── DownloadError                     a published file could not be fetched
    ├── BackendError                          a device or runtime is missing, or failed
    ├── OutputError (OSError)                 a file could not be written; no partial file stays
    └── MissingDependencyError (ImportError)  an extra is not installed; the text names it

Each message names what was expected, what was received, where, and the remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType

# Control characters, separators of lines, lone surrogates, and marks that reorder a line.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def printable(text: str, *, keep_lines: bool = False) -> str:
    """The text with control characters escaped, so that it cannot steer a terminal.

    Names of files, of tensors and of servers may hold any characters.

    Args:
        text: any text.
        keep_lines: whether the ends of lines and tabs stay as they are.
    """

    def escape(match: re.Match[str]) -> str:
        character = match.group()
        if keep_lines and character in "\n\t":
            return character
        return character.encode("unicode_escape", "backslashreplace").decode("ascii")

    return _UNPRINTABLE.sub(escape, text)


_MAX_LISTED = 40  # known names that a message lists; of more the most similar ones


class RTMPose3DError(Exception):
    """Base of all errors of this package; its text is `printable`."""

    def __str__(self) -> str:
        return printable(super().__str__(), keep_lines=True)


class InputError(RTMPose3DError, ValueError):
    """An image, a box, a camera or an argument cannot be used."""


class UnknownNameError(RTMPose3DError, KeyError):
    """Nothing has that name; the message lists the known names."""

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        names = list(known)
        close = _closest(str(name), names)
        hint = f"did you mean {close!r}? Known" if close else "known"
        if len(names) > _MAX_LISTED:
            close_ones = get_close_matches(str(name), names, n=_MAX_LISTED // 4, cutoff=0.0)
            hint, names = f"{hint}, of {len(names)}, among others", sorted(close_ones)
        super().__init__(f"unknown {kind} {name!r}; {hint}: {', '.join(names)}")

    def __str__(self) -> str:
        return printable(str(self.args[0]), keep_lines=True)  # KeyError would print the repr


def _closest(name: str, known: list[str]) -> str | None:
    """The first known name that starts with this one, else the most similar one."""
    start = name.strip().lower()
    prefixed = [one for one in known if start and one.startswith(start)]
    whole_words = [one for one in prefixed if one.startswith(f"{start}-")]
    return next(iter([*whole_words, *prefixed, *get_close_matches(name, known, n=1)]), None)


class WeightsError(RTMPose3DError):
    """A checkpoint cannot be read, or does not fit the model."""


class DownloadError(WeightsError):
    """A published file could not be fetched; the message says where to put it by hand."""


class BackendError(RTMPose3DError):
    """A device or runtime is not available, or failed."""


class OutputError(RTMPose3DError, OSError):
    """A result could not be written; no partial file stays behind."""


class MissingDependencyError(RTMPose3DError, ImportError):
    """An optional package is needed; the message holds the install command."""


def import_extra(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional package at the point of use.

    Args:
        module: module to import, e.g. ``"torch"``.
        extra: the extra of this package that installs it, e.g. ``"torch"``.
        purpose: subject of the message, e.g. ``"the torch backend"``.

    Raises:
        MissingDependencyError: it is not installed; the text holds the install command.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"{purpose} needs {module}, which is not installed; "
            f'run: pip install "rtmpose3d[{extra}]"'
        ) from error
