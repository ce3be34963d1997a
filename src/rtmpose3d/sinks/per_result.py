"""A folder of files, one for each result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from rtmpose3d.errors import InputError
from rtmpose3d.sinks.sink import Sink
from rtmpose3d.structures.atomic import expand_home, make_directory
from rtmpose3d.structures.result import PoseResult


class FilePerResultSink:
    """A sink that writes each result to a file of its own, complete as soon as it is written.

    A file is named after the result's source and, in a stream, its frame index, six digits long:
    `people.json`, `walk_000041.json`; without a source `image.json`.

    Args:
        folder: folder of the files; created if needed.
        ending: end of the files' names, after the stem, such as `.json` or `_pose.jpg`.
        sink: opens the sink of one file.
    """

    def __init__(self, folder: str | Path, ending: str, sink: Callable[[Path], Sink]) -> None:
        self.folder = expand_home(folder)
        self._ending, self._sink = ending, sink
        self._written: set[str] = set()

    def open(self) -> None:
        """Create the folder.

        Raises:
            OutputError: it cannot be created.
        """
        self._written.clear()
        make_directory(self.folder)

    def write(self, result: PoseResult) -> None:
        """Write one file.

        Raises:
            InputError: the result cannot be written in the format, or an earlier result had the
                same source and frame index.
            OutputError: the file cannot be written.
        """
        stem = result.source.stem if result.source else "image"
        name = stem if result.frame_index is None else f"{stem}_{result.frame_index:06d}"
        if name.casefold() in self._written:
            raise InputError(f"two results would be written to {self.folder / name}{self._ending}")
        with self._sink(self.folder / f"{name}{self._ending}") as sink:
            sink.write(result)
        self._written.add(name.casefold())

    def close(self) -> None:
        """Do nothing: every file is complete."""

    def __enter__(self) -> Sink:
        self.open()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
