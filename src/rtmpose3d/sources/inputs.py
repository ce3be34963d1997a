"""Image files from inputs of a command: files, folders, globs, addresses."""

# os.path where pathlib would raise: a name that is too long, a folder that may not be entered,
# an unknown ~user. Each is then treated as missing.
# ruff: noqa: PTH110, PTH111, PTH112, PTH122, PTH207

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn, TypeAlias

from rtmpose3d.errors import InputError
from rtmpose3d.sources.reading import looked_in
from rtmpose3d.web.addresses import is_url

_ENDINGS = (
    "jpg jpeg jpe jfif png webp bmp dib tif tiff gif ppm pgm pnm jp2 j2k mpo tga avif heic heif"
)
IMAGE_ENDINGS = frozenset(f".{ending}" for ending in _ENDINGS.split())
"""Endings of images in a folder or glob. A file that is named itself may have any ending."""

ImageLocation: TypeAlias = "Path | str"
"""A file, or an http(s) address."""
ReportProblem: TypeAlias = Callable[[str], object]


def expand_inputs(
    inputs: Sequence[str],
    *,
    recursive: bool = False,
    on_unlisted: ReportProblem | None = None,
) -> list[ImageLocation]:
    """List the images of the inputs.

    A folder gives the images in it, in natural order (2 before 10), without hidden files and,
    unless `recursive`, without those in its subfolders. A glob (`*`, `?`, `[...]`, `**`) is
    expanded here where the shell did not. Each image is listed once.

    Args:
        inputs: paths, globs and http(s) addresses, `~` is the home folder.
        recursive: search subfolders, too.
        on_unlisted: called with the reason for each subfolder that cannot be listed, and the
            others are searched; None: that is an error.

    Returns:
        Paths in the order of the inputs; addresses stay strings.

    Raises:
        InputError: an input without images; the message names it.
    """
    report = on_unlisted or _refuse
    if not inputs:
        raise InputError("no input; give image files, folders or globs")
    found: dict[str, ImageLocation] = {}
    for text in inputs:
        if is_url(text):
            found.setdefault(text.strip(), text.strip())
            continue
        for path in _expand(text, recursive, report):
            found.setdefault(os.path.normcase(os.path.realpath(path)), path)
    return list(found.values())


def _refuse(reason: str) -> NoReturn:
    raise InputError(reason)


def _expand(text: str, recursive: bool, report: ReportProblem) -> list[Path]:
    if not text.strip():
        raise InputError("an input is empty; give image files, folders or globs")
    if "\0" in text:
        raise InputError(f"{text!r} is no path: it holds a NUL character")
    path = Path(os.path.expanduser(text))
    if os.path.isdir(path):
        return _images_in(path, recursive, report)
    if os.path.exists(path):  # also a file whose name holds [ or *
        return [path]
    if glob.has_magic(text):
        return _images_matching(str(path), text, recursive, report)
    raise InputError(f"there is no file or folder {text!r}{looked_in(path)}")


def _images_in(folder: Path, recursive: bool, report: ReportProblem) -> list[Path]:
    """The images in a folder.

    Raises:
        InputError: none, or the folder cannot be listed.
    """

    def refuse(error: OSError) -> None:
        where = folder if error.filename is None else Path(os.fsdecode(error.filename))
        (_refuse if where == folder else report)(
            f"the folder {where} cannot be listed: {error.strerror}"
        )

    images: list[Path] = []
    others = 0
    for parent, folders, names in os.walk(folder, onerror=refuse):
        images += [Path(parent, name) for name in names if _is_image(name)]
        others += len(names)
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
    if not images:
        hint = "" if recursive else "; its subfolders are not searched unless recursive"
        raise InputError(f"no images in the folder {folder} ({others} other files){hint}")
    return sorted(images, key=natural_key)


def _images_matching(pattern: str, text: str, recursive: bool, report: ReportProblem) -> list[Path]:
    """The images that a glob matches, and with `recursive` those in matching folders.

    Raises:
        InputError: none.
    """
    matches = sorted(map(Path, glob.glob(pattern, recursive=True)), key=natural_key)
    images: list[Path] = []
    for path in matches:
        if path.is_dir():
            images += _images_in(path, True, report) if recursive else []
        elif _is_image(path.name):
            images.append(path)
    if not images:
        what = f"only {len(matches)} files that are no images" if matches else "nothing"
        raise InputError(f"{text!r} matches {what}")
    return images


def _is_image(name: str) -> bool:
    """Whether a file is an image by its ending; hidden files (also macOS' "._" files) are not."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_ENDINGS


def natural_key(path: Path) -> list[tuple[tuple[int, int, str], ...]]:
    """Sort key: folder by folder, digits by their number, letters whatever their case."""
    return [tuple(_pieces(part)) for part in path.parts]


def _pieces(text: str) -> Iterator[tuple[int, int, str]]:
    for piece in re.split(r"([0-9]+)", text.casefold()):
        if piece:
            yield (0, int(piece), piece) if piece[0] in "0123456789" else (1, 0, piece)
