"""NPZ files: the exact arrays of one result, and `meta`, a JSON text with the rest."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.sinks.document import FORMAT, FORMAT_VERSION, result_metadata
from rtmpose3d.sinks.parsing import (
    Result,
    Value,
    build_result,
    checked_metadata,
    choices,
    wrong_field,
)
from rtmpose3d.sinks.sink import FileSink
from rtmpose3d.structures.fields import PersonField, person_fields
from rtmpose3d.structures.result import PoseResult


class NpzSink(FileSink):
    """An .npz file of one result: its arrays as they are, and `meta`, a JSON text."""

    _file: IO[bytes]

    def start(self, path: Path) -> None:
        """Open the file."""
        self._file = self.keep(path.open("wb"))

    def append(self, result: PoseResult) -> None:
        """Write all arrays; fields of choices are in `meta`."""
        meta = {"format": FORMAT, "version": FORMAT_VERSION, **result_metadata(result)}
        arrays: dict[str, np.ndarray] = {}
        for field in person_fields(type(result)):
            if field.type == "choice":
                meta[field.name] = list(getattr(result, field.name))
            elif (field.key or field.stored) and result.has(field):
                arrays[field.name] = getattr(result, field.name)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, meta=np.array(json.dumps(meta, allow_nan=False)), **arrays)  # pyright: ignore[reportArgumentType] - a name is any array
        self._file.write(buffer.getvalue())


def read_npz(path: Path) -> Iterator[PoseResult]:
    """The one result of an .npz file.

    Raises:
        InputError: no .npz file, no result of this package, or a wrong array.
    """
    yield result_from_npz(path.read_bytes(), str(path), PoseResult)


def result_from_npz(data: bytes, name: str, result_type: type[Result]) -> Result:
    """The result in the bytes of an .npz file.

    Args:
        data: content of the file.
        name: name of the file in messages.
        result_type: `PoseResult`, or a dataclass derived from it that declares further fields.

    Raises:
        InputError: no .npz file, no result of this package, or a wrong array.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        metadata = checked_metadata(json.loads(str(arrays["meta"])), name)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name} is no result of this package: {error}") from error
    has_3d = metadata["axes"] is not None
    values: dict[str, Value] = {}
    for field in person_fields(result_type):
        if field.stored and (has_3d or not field.only_3d):
            value = _stored_value(field, arrays, metadata, name)
            if value is not None:
                values[field.name] = value
    return build_result(metadata, values, name, result_type)


def _stored_value(
    field: PersonField,
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, object],
    name: str,
) -> Value | None:
    """The value of a field in the file; None if the file may do without it and does."""
    if field.type == "choice":
        listed = metadata.get(field.name)
        if not isinstance(listed, list):
            raise wrong_field(name, f"meta.{field.name}", "a list", listed)
        return choices(listed, field, name)
    array = arrays.get(field.name)
    if array is None and (field.optional or (field.only_3d and field.key)):
        return None
    bboxes = arrays.get("bboxes")
    people = len(bboxes) if bboxes is not None and bboxes.ndim else 0
    try:
        field.check(array, people)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    return array
