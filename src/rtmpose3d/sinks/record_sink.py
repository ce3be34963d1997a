"""`RecordSink`: a file to which each result adds whole lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO

from rtmpose3d.sinks.sink import FileSink
from rtmpose3d.structures.atomic import output_errors


class RecordSink(FileSink):
    """A file of any number of results, each of them whole lines that follow those before.

    Args:
        path: the file; its folder must exist.
        line_by_line: write to the final name at once and result by result: a process that is
            killed, and a disk that fills, leave all complete results there.
    """

    holds_many = True
    _file: IO[bytes]

    def __init__(self, path: str | Path, *, line_by_line: bool = False) -> None:
        super().__init__(path)
        self.keeps_interrupted = line_by_line
        self._line_by_line = line_by_line

    def destination(self) -> AbstractContextManager[Path]:
        """The name to write to: the final one, or a temporary one."""
        return _final_path(self.path) if self._line_by_line else super().destination()

    def start(self, path: Path) -> None:
        """Open the file."""
        self._file = self.keep(path.open("wb", buffering=0 if self._line_by_line else -1))
        self._size = 0

    def write_lines(self, lines: bytes) -> None:
        """Write the whole lines of one result, or none of them."""
        rest = memoryview(lines)
        try:
            while rest:  # without a buffer, a write may take a part
                rest = rest[self._file.write(rest) :]
        except OSError:
            if self._line_by_line:
                with suppress(OSError):
                    os.truncate(self.path, self._size)
            raise
        self._size += len(lines)


@contextmanager
def _final_path(path: Path) -> Iterator[Path]:
    try:
        with output_errors(path):
            yield path
    except BaseException:
        with suppress(OSError):
            if path.stat().st_size == 0:
                path.unlink()
        raise
