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
    """A .csv file of one result, or of several that have a frame index."""

    _header: list[str]

    def start(self, path: Path) -> None:
        """Open the file; its header is known with the first result."""
        super().start(path)
        self._header = []

    def append(self, result: PoseResult) -> None:
        """Write the rows of one result, and the header before the first."""
        columns = table_columns(result)
        header = [column.name for column in columns]
        rows = zip(*(_cells(column) for column in columns), strict=True)
        if self.count and result.frame_index is None:
            raise InputError(
                f"{self.path}: results in one CSV file are distinguished by their frame_index, "
                "which this one does not have; write it to a file of its own"
            )
        if self.count and header != self._header:
            raise InputError(
                f"{self.path} has the columns {', '.join(self._header)}, but this result has "
                f"{', '.join(header)}"
            )
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        if not self.count:
            writer.writerow(header)
        writer.writerows(rows)
        self.write_lines(text.getvalue().encode("utf-8"))
        self._header = header


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
