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
    """A .parquet file of one result, or of several that have a frame index (extra `parquet`)."""

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
        self._tables: list[pyarrow.Table] = []
        self._rows = 0

    def append(self, result: PoseResult) -> None:
        """Add the rows of one result; they are written in groups."""
        import pyarrow
        from pyarrow.parquet import ParquetWriter

        if self.count and result.frame_index is None:
            raise InputError(
                f"{self.path}: results in one Parquet file are distinguished by their "
                "frame_index, which this one does not have; write it to a file of its own"
            )
        columns = table_columns(result)
        table = pyarrow.table({column.name: _array(column) for column in columns})
        if self._writer is None:
            self._writer = self.keep(ParquetWriter(self._temporary, table.schema))
            self.keep(_Remainder(self))
        elif table.schema != self._writer.schema:
            raise InputError(
                f"{self.path} has the columns {', '.join(self._writer.schema.names)}, but this "
                f"result has {', '.join(table.schema.names)}"
            )
        self._tables.append(table)
        self._rows += table.num_rows
        if self._rows >= _ROWS_PER_GROUP:
            self.write_group()

    def write_group(self) -> None:
        """Write the rows that wait."""
        import pyarrow

        if self._writer is not None and self._tables:
            self._writer.write_table(pyarrow.concat_tables(self._tables))
        self._tables, self._rows = [], 0


class _Remainder:
    """Writes the last rows before the file is closed."""

    def __init__(self, sink: ParquetSink) -> None:
        self._sink = sink

    def __enter__(self) -> _Remainder:
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        if error_type is None:
            self._sink.write_group()


def _array(column: Column) -> pyarrow.Array:
    import pyarrow

    if isinstance(column.values, np.ndarray):
        values = column.values
        return pyarrow.array(
            values, mask=~np.isfinite(values) if values.dtype.kind == "f" else None
        )
    return pyarrow.array(list(column.values), pyarrow.string()).dictionary_encode()
