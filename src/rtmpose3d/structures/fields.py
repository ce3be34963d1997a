"""Declaration of the per-person fields of a result: `PersonField`.

A field is declared once, in `rtmpose3d.structures.declarations`. Keys of the mapping, selection of
people, the checks, JSON, NPZ, CSV, data frames and the JSON Schema follow from the declaration.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from rtmpose3d.errors import InputError

FieldType = Literal["float", "integer", "choice"]
Unit = Literal["px", "m", ""]
DECIMALS: dict[Unit, int] = {"px": 3, "m": 5, "": 5}
"""Decimals that text files keep of a number in each unit; "" is a score or another pure number."""
_DTYPE_KINDS: dict[FieldType, str] = {"float": "f", "integer": "iu"}
_METADATA_KEY = "rtmpose3d.person_field"


@dataclass(frozen=True, kw_only=True)
class PersonField:
    """Declaration of one field that has a value for each person.

    Attributes:
        name: attribute of the result.
        description: meaning of the field, for the JSON Schema and the documentation.
        shape: shape of one person's value; () for a single number or choice.
        type: "float" or "integer" for arrays, "choice" for a tuple of strings.
        unit: "px", "m" or "" (none).
        choices: the strings that a "choice" can be.
        minimum: lower bound, for the JSON Schema; None without one.
        maximum: upper bound, for the JSON Schema; None without one.
        only_3d: whether results of 2D models do not have the field.
        optional: whether a result may do without the field whatever its model.
        key: whether the field is a key of the result.
        json_name: name of the field in JSON documents; None if it is not written there.
        columns: names of its columns in tables: one for each number of a keypoint or person; none
            if tables do not have it.
        written_as: fields computed from this one that stand for it in documents and tables.
        stored: whether the result holds the field, rather than computing it.
    """

    name: str = ""
    description: str
    shape: tuple[int, ...] = ()
    type: FieldType = "float"
    unit: Unit = ""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    only_3d: bool = False
    optional: bool = False
    key: bool = True
    json_name: str | None = None
    columns: tuple[str, ...] = ()
    written_as: tuple[PersonField, ...] = ()
    stored: bool = True

    @property
    def metadata(self) -> Mapping[str, PersonField]:
        """Metadata that declares a dataclass field: `field(metadata=...)`."""
        return {_METADATA_KEY: self}

    @property
    def decimals(self) -> int:
        """Decimals that text files keep."""
        return DECIMALS[self.unit]

    @property
    def may_be_absent(self) -> bool:
        """Whether some results do not have the field."""
        return self.optional or self.only_3d

    def check(self, value: object, people: int) -> None:
        """Check the value of this field in a result.

        Args:
            value: array, tuple of choices, or None.
            people: N, the number of people.

        Raises:
            InputError: another type, dtype or shape than declared; the message names the field.
        """
        if self.may_be_absent and is_absent(value):
            return
        if self.type == "choice":
            self._check_choices(value, people)
            return
        shape = (people, *self.shape)
        if isinstance(value, np.ndarray):
            if value.shape == shape and value.dtype.kind in _DTYPE_KINDS[self.type]:
                return
            got = f"{value.shape} {value.dtype}"
        else:
            got = type(value).__name__
        number = "integer" if self.type == "integer" else "floating"
        raise InputError(f"{self.name} must be a {number} array of shape {shape}, got {got}")

    def _check_choices(self, value: object, people: int) -> None:
        expected = f"{self.name} must be a tuple of {people} of {', '.join(self.choices)}"
        if not isinstance(value, tuple):
            raise InputError(f"{expected}, got {type(value).__name__}")
        if len(value) != people or not set(value) <= set(self.choices):
            raise InputError(f"{expected}, got {value!r}")


def is_absent(value: object) -> bool:
    """Whether the value of a field denotes that the result does not have it."""
    return value is None or (isinstance(value, tuple) and not value)


@lru_cache(maxsize=16)
def person_fields(result_type: type) -> tuple[PersonField, ...]:
    """Per-person fields that a dataclass declares.

    Args:
        result_type: the dataclass, `PoseResult` or one derived from it.

    Returns:
        The declarations in their order, with the names of the dataclass fields; computed fields
        follow the one that they come from.
    """
    found: list[PersonField] = []
    for entry in dataclasses.fields(result_type):
        declaration = entry.metadata.get(_METADATA_KEY)
        if declaration is not None:
            found += [replace(declaration, name=entry.name), *declaration.written_as]
    return tuple(found)
