"""Check of the plain types of a dataclass's values, so that a wrong one is named at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from rtmpose3d.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_ACCEPTED: Mapping[type, tuple[type, ...]] = {
    bool: (bool, np.bool_),
    int: (Integral,),
    float: (Real,),
    str: (str,),
    NoneType: (NoneType,),
}
_NAMES = {bool: "True or False", int: "a whole number", float: "a number", str: "a string"}


def check_field_types(instance: DataclassInstance, *, paths: tuple[str, ...] = ()) -> None:
    """Check fields that are declared as bool, int, float, str, a choice of texts, or None, too.

    Fields of other types are not checked. NumPy's numbers count as numbers; a bool is none.

    Args:
        instance: the dataclass.
        paths: names of text fields that may also be paths.

    Raises:
        InputError: a value of another type; the message names the field.
    """
    for name, declared in _plain_types(type(instance)).items():
        value = getattr(instance, name)
        if name in paths and isinstance(value, os.PathLike):
            continue
        if isinstance(value, (bool, np.bool_)):
            matches = bool in declared
        else:
            matches = any(isinstance(value, _ACCEPTED[one]) for one in declared)
        if not matches:
            names = " or ".join(_NAMES.get(one, "None") for one in declared)
            raise InputError(f"{name} must be {names}, got {_described(value)}")


@lru_cache(maxsize=64)
def _plain_types(cls: type[DataclassInstance]) -> dict[str, tuple[type, ...]]:
    """The types of the fields whose types are all plain."""
    hints = get_type_hints(cls)
    plain = {}
    for field in fields(cls):
        hint = hints[field.name]
        members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        members = tuple(str if get_origin(one) is Literal else one for one in members)
        if all(member in _ACCEPTED for member in members):
            plain[field.name] = members
    return plain


def _described(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
