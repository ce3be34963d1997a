"""Names of the result files of a run, planned for all inputs before the first is read.

They keep the folders of the inputs: `photos/a/1.jpg` of the input `photos` gives `OUT/a/1.json`.
No result may overwrite that of another input, also on file systems that ignore case, and none may
overwrite an input.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import unquote, urlsplit

from rtmpose3d.cli.inputs import CommandInput, real_path
from rtmpose3d.errors import InputError, UnknownNameError

_SHARED_STEM = "results"
_MAX_NAME_BYTES = 200  # most file systems allow 255 for a name, to which an ending is added


@dataclass(frozen=True, kw_only=True)
class SaveFormat:
    """A result format of a run.

    Attributes:
        name: in `FORMATS`.
        ending: end of its files' names.
        one_file: whether one file holds the results of all inputs.
        only_streams: whether it is for videos only.
    """

    name: str
    ending: str
    one_file: bool = False
    only_streams: bool = False


@dataclass(frozen=True, kw_only=True)
class PlannedOutput:
    """One input and the files that its result is written to.

    Attributes:
        source: the input.
        image_path: path of the image below the folder that the outputs mirror.
        files: a file for each format; none for formats that hold all results.
    """

    source: CommandInput
    image_path: PurePosixPath
    files: tuple[Path, ...]

    @property
    def exists(self) -> bool:
        """Whether all files exist; each is whole, as they are written atomically."""
        return all(file.is_file() for file in self.files)


def parse_save(text: str) -> tuple[SaveFormat, ...]:
    """Result formats from a list such as `json,image`, or `json,png` to choose the image's format.

    Raises:
        UnknownNameError: an unknown format.
        InputError: no format.
    """
    from rtmpose3d.sinks import FORMATS

    by_name = {
        name: SaveFormat(
            name=name,
            ending=row.file_ending,
            one_file=row.one_file,
            only_streams=row.only_streams,
        )
        for name, row in FORMATS.items()
    }
    images = {
        suffix[1:]: SaveFormat(name="image", ending=f"{FORMATS['image'].tag}{suffix}")
        for suffix in FORMATS["image"].suffixes
    }
    known = by_name | images
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    if not names:
        raise InputError(f"--save names no format; known: {', '.join(known)}")
    for name in names:
        if name not in known:
            raise UnknownNameError("format for --save", name, known)
    return tuple(dict.fromkeys(known[name] for name in names))


def plan_outputs(
    inputs: Sequence[CommandInput], folder: Path, formats: Sequence[SaveFormat]
) -> list[PlannedOutput]:
    """The files to write for each input, all different.

    Drawings of an earlier run, which a folder or glob among the inputs contains, are no inputs:
    they are skipped if they would be written again.

    Args:
        inputs: the inputs.
        folder: folder of the files.
        formats: those that write one file for all inputs have none here.

    Raises:
        InputError: one of the files is an input.
    """
    from rtmpose3d.sinks import is_drawing

    endings = [row.ending for row in formats if not row.one_file]
    while True:
        paths = _image_paths(inputs)
        stems = _unique_stems(paths)
        plans = [
            PlannedOutput(
                source=one,
                image_path=path,
                files=tuple(folder / f"{stem}{ending}" for ending in endings),
            )
            for one, path, stem in zip(inputs, paths, stems, strict=True)
        ]
        overwritten = _overwritten(plans)
        for one, file in overwritten.items():
            if one.named or not is_drawing(Path(one.location)):
                raise InputError(f"{file} is an input and would be overwritten; use another --out")
        if not overwritten:
            return plans
        inputs = [one for one in inputs if one not in overwritten]


def _overwritten(plans: Sequence[PlannedOutput]) -> dict[CommandInput, Path]:
    """The inputs that are files of the plans, with these files."""
    folders: dict[Path, str] = {}
    written: dict[str, Path] = {}
    for plan in plans:
        for file in plan.files:
            if file.parent not in folders:
                folders[file.parent] = real_path(file.parent)
            in_folder = os.path.normcase(os.path.join(folders[file.parent], file.name))  # noqa: PTH118
            written[real_path(file) if file.is_symlink() else in_folder] = file
    inputs = [plan.source for plan in plans]
    return {one: written[one.key] for one in inputs if one.key in written}


def plan_shared_outputs(folder: Path, formats: Sequence[SaveFormat]) -> tuple[Path, ...]:
    """The files to write for all inputs together, of the formats that hold many results."""
    return tuple(folder / f"{_SHARED_STEM}{row.ending}" for row in formats if row.one_file)


def _image_paths(inputs: Sequence[CommandInput]) -> list[PurePosixPath]:
    """Path of each image below its input's folder.

    If two images of different folders would share a name, all paths are those below the folder
    that all images have in common, and addresses have their host.
    """
    paths = [_below_root(one) for one in inputs]
    folders: dict[str, str] = {}
    for one, path in zip(inputs, paths, strict=True):
        folder = _folder_name(one)
        if folders.setdefault(_folded(path.with_suffix("")), folder) != folder:
            return _below_common_folder(inputs)
    return paths


def _below_root(one: CommandInput) -> PurePosixPath:
    if not isinstance(one.location, Path):
        return PurePosixPath(_address_parts(one.location)[-1])
    if one.root is not None and one.location.is_relative_to(one.root):
        return PurePosixPath(*one.location.relative_to(one.root).parts)
    return PurePosixPath(one.location.name)


def _folder_name(one: CommandInput) -> str:
    if isinstance(one.location, Path):
        return os.path.abspath(one.location.parent)  # noqa: PTH100 - links are kept
    return "/".join(_address_parts(one.location)[:-1])


def _below_common_folder(inputs: Sequence[CommandInput]) -> list[PurePosixPath]:
    folders = [_folder_name(one) for one in inputs if isinstance(one.location, Path)]
    try:
        common = os.path.commonpath(folders)
    except ValueError:  # several drives, or addresses only
        common = ""
    paths = []
    for one, folder in zip(inputs, map(_folder_name, inputs), strict=True):
        if isinstance(one.location, Path):
            below = PurePath(folder).relative_to(common) if common else PurePath(folder)
            parts = [part for part in below.parts if part != below.anchor]
            drive = [_portable(below.drive)] if below.drive else []
            paths.append(PurePosixPath(*drive, *parts, one.location.name))
        else:
            paths.append(PurePosixPath(*_address_parts(one.location)))
    return paths


def _unique_stems(paths: Sequence[PurePosixPath]) -> list[str]:
    """A path without ending for each input's results, different also where case is ignored.

    `1.jpg` and `1.png` of one folder give `1_jpg` and `1_png`; after that numbers are appended.
    """
    stems = ["/".join([*map(_fit, path.parts[:-1]), _fit(path.stem)]) for path in paths]
    count = Counter(map(_folded, stems))
    taken = {stem for stem, times in count.items() if times == 1}
    last_number: dict[str, int] = {}
    names = []
    for path, stem in zip(paths, stems, strict=True):
        if count[_folded(stem)] > 1:
            stem = f"{stem}_{_portable(path.suffix[1:])}"
            unnumbered = stem
            while _folded(stem) in taken:
                number = last_number.get(_folded(unnumbered), 1) + 1
                last_number[_folded(unnumbered)] = number
                stem = f"{unnumbered}-{number}"
            taken.add(_folded(stem))
        names.append(stem)
    return names


def _address_parts(address: str) -> list[str]:
    """Host, folders and file name of an address, as names that file systems take."""
    parts = urlsplit(address)
    names = [_portable(unquote(part)) for part in (parts.netloc, *parts.path.split("/"))]
    names = [name for name in names if name.strip(". ")]
    return names if len(names) > 1 else [*names, "image"]


def _fit(name: str) -> str:
    """The name, cut and with a hash of the whole if it is too long for a file with an ending."""
    encoded = os.fsencode(name)
    if len(encoded) <= _MAX_NAME_BYTES:
        return name
    kept = name[:_MAX_NAME_BYTES]
    while len(os.fsencode(kept)) > _MAX_NAME_BYTES - 9:
        kept = kept[:-1]
    return f"{kept}-{hashlib.sha256(encoded).hexdigest()[:8]}"


def _portable(text: str) -> str:
    """Replace characters that some file systems refuse."""
    return "".join(c if (c.isalnum() and _encodable(c)) or c in "-_. " else "_" for c in text)


def _encodable(character: str) -> bool:
    try:
        os.fsencode(character)
    except UnicodeEncodeError:  # the locale has no such character
        return False
    return True


def _folded(name: PurePosixPath | str) -> str:
    """The name without case and composition of accents, which some file systems ignore."""
    return unicodedata.normalize("NFC", str(name)).casefold()
