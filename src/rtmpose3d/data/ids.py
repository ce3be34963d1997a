"""Ids of images, annotations and categories: whole numbers or text, compared as ids.

Tools write one id in several ways: 785, 785.0 (pandas, where a column has gaps), "785" (CSV, some
exporters). All of these are the same id. Any other text, "000785" or a UUID, is an id of its own.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import TypeAlias

from rtmpose3d.errors import InputError
from rtmpose3d.untrusted import brief

FileId: TypeAlias = int | str
"""An id as the file has it; a float that is whole as an int."""

_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]{0,17}))(?:\.0+)?")


def parse_id(value: object, name: str) -> FileId:
    """The id that a JSON value is.

    Args:
        value: int, whole float, or text.
        name: of the field, for messages.

    Raises:
        InputError: it is none of these, so no id: a list, an object, true, 1.5, "" or null.
    """
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise InputError(f"{name} must be a whole number or text, got {brief(value)}")


def id_key(value: FileId) -> Hashable:
    """A key that is equal for all spellings of an id: 785, "785" and "785.0"."""
    if isinstance(value, int):
        return value
    text = value.strip()
    whole = _WHOLE.fullmatch(text)
    return int(whole[1]) if whole else text


def id_order(value: FileId | None) -> tuple[int, int, str]:
    """A key to sort ids by: none first, then numbers, then text."""
    if value is None:
        return (0, 0, "")
    key = id_key(value)
    return (1, key, "") if isinstance(key, int) else (2, 0, str(key))
