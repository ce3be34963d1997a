"""Parquet files: a row per person and keypoint, with the columns of `PoseResult.to_dataframe`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rtmpose3d.errors import InputError, import_extra
from rtmpose3d.sinks.sink import FileSink
from rtmpose3d.sinks.table import Column, table_columns
from rtmpose3d.structures.result import PoseResult

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.parquet import ParquetWriter

_ROWS_PER_GROUP = 133 * 256  # bounds the memory; readers skip groups by their statistics


class ParquetSink(FileSink):
    """A .parquet file of one result, or of several that have a frame index (extra `parquet`).

    Its columns are those of the first result with people: of others it is unknown whether there
    are standard deviations.
    """

    holds_many = True
    may_be_empty = False  # without a result the columns are unknown

    def start(self, path: Path) -> None:
        """Remember the name; the file is opened with the first result.

        Raises:
            MissingDependencyError: pyarrow is not installed.
        """
        import_extra("pyarrow.parquet", "parquet", "writing a .parquet file")
        self._temporary = path
        self._writer: ParquetWriter | None = None
        self._empty: pyarrow.Table | None = None
        self._tables: list[pyarrow.Table] = []
        self._rows = 0
        self.at_end(self._end)

    def append(self, result: PoseResult) -> None:
        """Add the rows of one result; they are written in groups."""
        import pyarrow

        if self.count and result.frame_index is None:
            raise InputError(
                f"{self.path}: results in one Parquet file are distinguished by their "
                "frame_index, which this one does not have; write it to a file of its own"
            )
        columns = table_columns(result)
        table = pyarrow.table({column.name: _array(column) for column in columns})
        if not table.num_rows and self._writer is None:
            self._empty = table
            return
        if self._writer is None:
            self._open(table)
        elif table.num_rows and table.schema != self._writer.schema:
            raise InputError(
                f"{self.path} has the columns {', '.join(self._writer.schema.names)}, but this "
                f"result has {', '.join(table.schema.names)}"
            )
        if not table.num_rows:
            return
        self._tables.append(table)
        self._rows += table.num_rows
        if self._rows >= _ROWS_PER_GROUP:
            self._write_group()

    def _open(self, table: pyarrow.Table) -> None:
        from pyarrow.parquet import ParquetWriter

        self._writer = ParquetWriter(self._temporary, table.schema)

    def _end(self, complete: bool) -> None:
        """Write the rows that wait, or the columns alone if there were no people, and close."""
        try:
            if complete:
                if self._writer is None and self._empty is not None:
                    self._open(self._empty)
                self._write_group()
        finally:
            if self._writer is not None:
                self._writer.close()

    def _write_group(self) -> None:
        """Write the rows that wait."""
        import pyarrow

        if self._writer is not None and self._tables:
            self._writer.write_table(pyarrow.concat_tables(self._tables))
        self._tables, self._rows = [], 0


def _array(column: Column) -> pyarrow.Array:
    import pyarrow

    if isinstance(column.values, np.ndarray):
        values = column.values
        return pyarrow.array(
            values, mask=~np.isfinite(values) if values.dtype.kind == "f" else None
        )
    return pyarrow.array(list(column.values), pyarrow.string()).dictionary_encode()
