"""Inputs of a command: images, each with the folder that its result files mirror."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rtmpose3d.errors import InputError

if TYPE_CHECKING:
    from rtmpose3d.sources import ImageLocation


@dataclass(frozen=True, kw_only=True)
class CommandInput:
    """One image of a command.

    Attributes:
        location: a file or an http(s) address.
        root: the folder that was given, the folder before a glob's first wildcard, or the folder
            of a file that was given itself; None for an address.
        named: whether it was given itself, rather than by a folder or a glob.
        key: the same text for all names of a file, see `real_path`; of an address the address.
    """

    location: ImageLocation
    root: Path | None = None
    named: bool = True
    key: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        key = real_path(self.location) if isinstance(self.location, Path) else self.location
        object.__setattr__(self, "key", key)


def list_inputs(
    texts: Sequence[str], *, recursive: bool = False
) -> tuple[list[CommandInput], list[str]]:
    """List the images of a command's inputs, each once.

    Args:
        texts: as typed: files, folders, globs, http(s) addresses.
        recursive: search subfolders, too.

    Returns:
        The images in the order of the inputs, and the reason for each input that has none.

    Raises:
        InputError: none of the inputs has an image.
    """
    from rtmpose3d.sources import expand_inputs

    found: dict[str, CommandInput] = {}
    reasons: list[str] = []
    for text in texts or [""]:
        try:
            locations = expand_inputs([text], recursive=recursive, on_unlisted=reasons.append)
        except InputError as error:
            reasons.append(str(error))
            continue
        for location in locations:
            one = _describe(location, text)
            known = found.setdefault(one.key, one)
            if one.named and not known.named:
                found[one.key] = replace(known, named=True)
    if not found:
        raise InputError("\n".join(reasons))
    return list(found.values()), reasons


def without_folder(
    inputs: Sequence[CommandInput], folder: Path
) -> tuple[list[CommandInput], list[CommandInput]]:
    """Separate the images in a folder below the given one, such as the results of an earlier run.

    Images that were given themselves, or by a folder or glob within that folder, are kept.

    Returns:
        The images to use, and those in the folder.
    """
    inside = os.path.join(real_path(folder), "")  # noqa: PTH118 - with a separator at the end
    used: list[CommandInput] = []
    results: list[CommandInput] = []
    for one in inputs:
        is_result = not one.named and one.key.startswith(inside) and not _is_in(one.root, inside)
        (results if is_result else used).append(one)
    return used, results


def real_path(path: Path) -> str:
    """The same text for all names of a file: links resolved, without case where it is ignored."""
    return os.path.normcase(os.path.realpath(path))


def _is_in(folder: Path | None, inside: str) -> bool:
    return folder is not None and os.path.join(real_path(folder), "").startswith(inside)  # noqa: PTH118


def _describe(location: ImageLocation, text: str) -> CommandInput:
    if not isinstance(location, Path):
        return CommandInput(location=location)
    typed = Path(os.path.expanduser(text))  # noqa: PTH111 - no error for an unknown ~user
    if os.path.isdir(typed):  # noqa: PTH112
        return CommandInput(location=location, root=typed, named=False)
    if location == typed:
        return CommandInput(location=location, root=typed.parent)
    fixed: list[str] = []
    for part in typed.parts:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return CommandInput(location=location, root=Path(*fixed), named=False)
