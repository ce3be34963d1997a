"""NPZ files: the exact arrays of one result, and `meta`, a JSON text with the rest."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, cast

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
from rtmpose3d.untrusted import check_size, parse_json, read_npz_entries, reading
from rtmpose3d.untrusted.limits import RESULT_JSON, unpacked_limit


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
    check_size(path, unpacked_limit(0))
    with reading(path, "result"):
        data = path.read_bytes()
    yield result_from_npz(data, str(path), PoseResult)


def result_from_npz(data: bytes, name: str, result_type: type[Result]) -> Result:
    """The result in the bytes of an .npz file.

    Args:
        data: content of the file.
        name: name of the file in messages.
        result_type: `PoseResult`, or a dataclass derived from it that declares further fields.

    Raises:
        InputError: no .npz file, no result of this package, or a wrong array.
    """
    with reading(name, "result"):
        arrays = read_npz_entries(io.BytesIO(data), len(data))
        return _result_from_arrays(arrays, name, result_type)


def _result_from_arrays(
    arrays: Mapping[str, object], name: str, result_type: type[Result]
) -> Result:
    meta = arrays.get("meta")
    if not isinstance(meta, np.ndarray) or meta.dtype.kind != "U" or meta.ndim:
        raise InputError(f"{name} is no result of this package: it has no text `meta`")
    metadata = checked_metadata(parse_json(str(meta), f"{name}: meta", limits=RESULT_JSON), name)
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
    arrays: Mapping[str, object],
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
    people = len(bboxes) if isinstance(bboxes, np.ndarray) and bboxes.ndim else 0
    try:
        field.check(array, people)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    return cast("np.ndarray | None", array)
