"""CSV files: a row per person and keypoint, with the columns of `PoseResult.to_dataframe`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.sinks.record_sink import RecordSink
from rtmpose3d.sinks.table import Column, table_columns
from rtmpose3d.structures.result import PoseResult


class CsvSink(RecordSink):
    """A .csv file of one result, or of several that have a frame index.

    Its columns are those of the first result with people: of others it is unknown whether there
    are standard deviations.
    """

    _header: list[str]

    def start(self, path: Path) -> None:
        """Open the file; its header is known with the first result that has people."""
        super().start(path)
        self._header = []
        self._columns: list[str] = []
        self.at_end(self._end)

    def append(self, result: PoseResult) -> None:
        """Write the rows of one result, and the header before the first."""
        columns = table_columns(result)
        names = [column.name for column in columns]
        if self.count and result.frame_index is None:
            raise InputError(
                f"{self.path}: results in one CSV file are distinguished by their frame_index, "
                "which this one does not have; write it to a file of its own"
            )
        self._columns = names
        if not len(result):
            return
        if self._header and names != self._header:
            raise InputError(
                f"{self.path} has the columns {', '.join(self._header)}, but this result has "
                f"{', '.join(names)}"
            )
        rows = zip(*(_cells(column) for column in columns), strict=True)
        header = [] if self._header else [names]
        self.write_lines(_lines([*header, *rows]))
        self._header = names

    def _end(self, complete: bool) -> None:
        """Write the header of a file without rows."""
        if complete and not self._header and self._columns:
            self.write_lines(_lines([self._columns]))


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")


def _cells(column: Column) -> Sequence[object]:
    """Cells of a column; empty ones where a number is not finite."""
    values = column.values
    if not isinstance(values, np.ndarray):
        return values
    if column.decimals is None:
        return values.tolist()
    return [
        f"{number:.{column.decimals}f}" if math.isfinite(number) else ""
        for number in values.tolist()
    ]
