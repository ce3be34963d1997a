"""Names of the result files of a run, planned for all inputs before the first is read.

No result may overwrite that of another input, also on file systems that ignore case, and none may
overwrite an input.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from rtmpose3d.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from rtmpose3d.sources import ImageLocation

_SHARED_STEM = "results"
_MAX_STEM_BYTES = 220  # most file systems allow 255 for the whole name


def parse_save(text: str) -> tuple[str, ...]:
    """Names of result formats from a list such as `json,image`.

    Raises:
        UnknownNameError: an unknown format.
        InputError: no format.
    """
    from rtmpose3d.sinks import FORMATS

    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    if not names:
        raise InputError(f"--save names no format; known: {', '.join(FORMATS)}")
    for name in names:
        if name not in FORMATS:
            raise UnknownNameError("format for --save", name, FORMATS)
    return tuple(dict.fromkeys(names))


def plan_outputs(
    sources: Sequence[ImageLocation], folder: Path, names: Sequence[str]
) -> list[tuple[Path, ...]]:
    """The files to write for each input, all different.

    Args:
        sources: the inputs.
        folder: folder of the files.
        names: of formats; those that write one file for all inputs have none here.

    Raises:
        InputError: one of them is an input.
    """
    from rtmpose3d.sinks import FORMATS

    endings = [FORMATS[name].file_ending for name in names if not FORMATS[name].one_file]
    plans = [
        tuple(folder / f"{stem}{ending}" for ending in endings) for stem in unique_stems(sources)
    ]
    inputs = {_real(source) for source in sources if isinstance(source, Path)}
    for paths in plans:
        for path in paths:
            if _real(path) in inputs:
                raise InputError(f"{path} is an input and would be overwritten; use another --out")
    return plans


def plan_shared_outputs(folder: Path, names: Sequence[str]) -> tuple[Path, ...]:
    """The files to write for all inputs together, of the formats that hold many results."""
    from rtmpose3d.sinks import FORMATS

    return tuple(
        folder / f"{_SHARED_STEM}{FORMATS[name].file_ending}"
        for name in names
        if FORMATS[name].one_file
    )


def unique_stems(sources: Sequence[ImageLocation]) -> list[str]:
    """A unique name for each input's results: its stem, with more of its path where needed.

    `a/1.jpg` and `b/1.jpg` give `a_1` and `b_1`; `1.jpg` and `1.png` of one folder give
    `a_1_jpg` and `a_1_png`; after that numbers are appended.
    """
    stems = [_stem(source) for source in sources]
    count = Counter(map(_folded, stems))
    taken = {stem for stem, times in count.items() if times == 1}
    names = []
    for source, stem in zip(sources, stems, strict=True):
        if count[_folded(stem)] > 1:
            stem = next(name for name in _longer_names(source) if _folded(name) not in taken)
            taken.add(_folded(stem))
        names.append(stem)
    return names


def _longer_names(source: ImageLocation) -> Iterator[str]:
    path = source.absolute() if isinstance(source, Path) else Path(urlsplit(source).path)
    name = f"{_portable(path.parent.name)}_{_stem(source)}".lstrip("_")
    yield name
    name = f"{name}_{_portable(path.suffix[1:])}"
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _stem(source: ImageLocation) -> str:
    if isinstance(source, Path):
        stem = source.stem
    else:
        stem = _portable(unquote(Path(urlsplit(source).path).stem))
    return stem.encode("utf-8", "surrogateescape")[:_MAX_STEM_BYTES].decode(
        "utf-8", "surrogateescape"
    ) or "image"  # fmt: skip


def _portable(text: str) -> str:
    """Replace characters that some file systems refuse."""
    return "".join(c if c.isalnum() or c in "-_. " else "_" for c in text)


def _folded(name: str) -> str:
    """The name without case and composition of accents, which some file systems ignore."""
    return unicodedata.normalize("NFC", name).casefold()


def _real(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))
