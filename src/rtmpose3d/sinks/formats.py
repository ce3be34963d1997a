"""The table of result file formats, and the functions that choose from it by suffix.

A format is added as one class, derived from `FileSink`, and one row of `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.sinks.csv_files import CsvSink
from rtmpose3d.sinks.image_files import ImageSink
from rtmpose3d.sinks.images import IMAGE_SUFFIXES
from rtmpose3d.sinks.json_files import JsonLinesSink, JsonSink, read_json_lines, read_json_result
from rtmpose3d.sinks.npz_files import NpzSink, read_npz
from rtmpose3d.sinks.parquet_files import ParquetSink
from rtmpose3d.sinks.per_result import FilePerResultSink
from rtmpose3d.sinks.sink import FileSink, Sink
from rtmpose3d.sinks.video import VideoSink
from rtmpose3d.structures.atomic import expand_home
from rtmpose3d.structures.result import PoseResult


@dataclass(frozen=True, kw_only=True)
class Format:
    """A file format for results.

    Attributes:
        suffixes: of its files, lower case, with the dot; the first is the default.
        description: content of a file, in a few words.
        sink: class that writes one file, of one result or of many (`holds_many`).
        read: reads the results of a file back; None for formats that do not hold all of it.
        tag: appended to the stem of a file that is named after its image.
        one_file: whether a run writes all results to one file, rather than a file for each.
        only_streams: whether results need times: those of videos have them, those of images not.
    """

    suffixes: tuple[str, ...]
    description: str
    sink: type[FileSink]
    read: Callable[[Path], Iterator[PoseResult]] | None = None
    tag: str = ""
    one_file: bool = False
    only_streams: bool = False

    @property
    def file_ending(self) -> str:
        """End of the name of a file that is named after its image: tag and default suffix."""
        return f"{self.tag}{self.suffixes[0]}"


FORMATS: dict[str, Format] = {
    "json": Format(
        suffixes=(".json",),
        description="one result: everything, rounded",
        sink=JsonSink,
        read=read_json_result,
    ),
    "jsonl": Format(
        suffixes=(".jsonl",),
        description="any number of results: a JSON document per line",
        sink=JsonLinesSink,
        read=read_json_lines,
        one_file=True,
    ),
    "npz": Format(
        suffixes=(".npz",),
        description="one result: the exact arrays",
        sink=NpzSink,
        read=read_npz,
    ),
    "csv": Format(
        suffixes=(".csv",),
        description="a row per person and keypoint; of several results if they have frame indices",
        sink=CsvSink,
    ),
    "parquet": Format(
        suffixes=(".parquet",),
        description="as csv, in columns; needs the extra parquet",
        sink=ParquetSink,
    ),
    "video": Format(
        suffixes=(".mp4",),
        description="results of a stream drawn on its frames, with its sound; needs the extra "
        "video",
        sink=VideoSink,
        tag="_pose",
        only_streams=True,
    ),
    "image": Format(
        suffixes=IMAGE_SUFFIXES,
        description="one result: the drawing of `plot`",
        sink=ImageSink,
        tag="_pose",
    ),
}
"""Rows by name, as `open_sink` and `rtmpose3d predict` accept them."""


def result_suffixes() -> tuple[str, ...]:
    """The suffixes of all formats."""
    return tuple(suffix for row in FORMATS.values() for suffix in row.suffixes)


def open_sink(path: str | Path, *, format_name: str | None = None) -> Sink:
    """A sink for results, to be used as a context manager or by `open`, `write` and `close`.

        with open_sink("people.jsonl") as sink:
            for result in results:
                sink.write(result)

    Args:
        path: a file whose suffix is that of a format; or, if a format is named, a folder in which
            each result gets a file of its own.
        format_name: a name in `FORMATS`, for one file per result; None for one file.

    Raises:
        InputError: an unknown suffix.
        UnknownNameError: an unknown format.
    """
    if format_name is None:
        return _find_format(Path(path)).sink(path)
    if format_name not in FORMATS:
        raise UnknownNameError("format", format_name, FORMATS)
    row = FORMATS[format_name]
    return FilePerResultSink(path, row.file_ending, row.sink)


def save_result(result: PoseResult, path: str | Path) -> Path:
    """Write the result of one image to a file, which appears complete or not at all.

    Args:
        result: the poses.
        path: ends with .json (see `result_to_dict`), .jsonl (the same on one line), .npz (exact
            arrays, and `meta`, a JSON string), .csv (a row per person and keypoint, columns as
            `to_dataframe`), or .jpg, .jpeg, .png or .webp (the image that `plot` draws). Its
            folder must exist.

    Returns:
        The path.

    Raises:
        InputError: an unknown suffix; an image format, but no image to draw on.
        OutputError: the file cannot be written; an existing file is unchanged.
    """
    path = expand_home(path)
    with open_sink(path) as sink:
        sink.write(result)
    return path


def load_results(path: str | Path) -> Iterator[PoseResult]:
    """Read results that were written to a .jsonl, .json or .npz file, one after the other.

    Returns:
        The results in their order, without their images; `source` is the image's file name. A
        .jsonl file is read as results are taken, so it may be larger than memory. From NPZ all
        numbers are exact; from JSON they are as rounded there, and null has become NaN.

    Raises:
        InputError: no such file, not one of this package, of a newer version, or damaged; the
            message names the field, and the line.
    """
    path = expand_home(path)
    read = _find_format(path).read
    if read is None:
        raise InputError(f"cannot read {str(path)!r}: expected a {_readable()} file")
    try:
        yield from read(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def load_result(path: str | Path) -> PoseResult:
    """Read the one result of a .json, .npz or .jsonl file; see `load_results`.

    Returns:
        The result, without its image.

    Raises:
        InputError: as `load_results`; or the file holds no result, or several.
    """
    results = load_results(path)
    result = next(results, None)
    if result is None:
        raise InputError(f"{path} holds no result")
    if next(results, None) is not None:
        raise InputError(f"{path} holds several results; read them with load_results")
    return result


def _find_format(path: Path) -> Format:
    suffix = path.suffix.lower()
    for row in FORMATS.values():
        if suffix in row.suffixes:
            return row
    raise InputError(
        f"no format for {str(path)!r}: its suffix is {path.suffix!r}; "
        f"expected one of {', '.join(result_suffixes())}"
    )


def _readable() -> str:
    return " or ".join(row.suffixes[0] for row in FORMATS.values() if row.read is not None)
