"""A result as a table of one row per person and keypoint, for CSV files and data frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures.arrays import NumberArray
from rtmpose3d.structures.fields import PersonField, person_fields
from rtmpose3d.structures.result import PoseResult

_TIME_DECIMALS = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Column:
    """One column of a table.

    Attributes:
        name: header of the column.
        values: one for each row, exact.
        decimals: decimals that text keeps; None for whole numbers and words.
    """

    name: str
    values: NumberArray | Sequence[str]
    decimals: int | None = None


def table_columns(result: PoseResult) -> list[Column]:
    """Columns of the table of a result.

    Returns:
        frame_index and time_s where they are known; person, index, keypoint, part; then the
        columns of every per-person field that declares some.
    """
    people, keypoints = len(result), len(WHOLEBODY)
    columns: list[Column] = []
    if result.frame_index is not None:
        frame = np.full(people * keypoints, result.frame_index)
        columns.append(Column(name="frame_index", values=frame))
    if result.time_s is not None:
        time_s = np.full(people * keypoints, result.time_s, np.float64)
        columns.append(Column(name="time_s", values=time_s, decimals=_TIME_DECIMALS))
    columns += [
        Column(name="person", values=np.repeat(np.arange(people), keypoints)),
        Column(name="index", values=np.tile(np.arange(keypoints), people)),
        Column(name="keypoint", values=list(WHOLEBODY.keypoint_names) * people),
        Column(name="part", values=list(WHOLEBODY.part_of_keypoint) * people),
    ]
    for field in person_fields(type(result)):
        if field.columns and result.has(field):
            columns += _field_columns(field, getattr(result, field.name), keypoints)
    return columns


def _field_columns(field: PersonField, values: NumberArray, keypoints: int) -> Iterator[Column]:
    """Columns of one field; a value of the whole person is repeated for each keypoint."""
    if field.shape[:1] != (keypoints,):
        values = np.repeat(values[:, None], keypoints, axis=1)
    decimals = field.decimals if field.type == "float" else None
    rows = values.reshape(values.shape[0] * keypoints, len(field.columns))
    for name, column in zip(field.columns, rows.T, strict=True):
        yield Column(name=name, values=column, decimals=decimals)
