"""Pickled dictionaries of arrays, read without running what is in them: datasets' camera files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rtmpose3d.data.array_files import read_pickle
from rtmpose3d.errors import InputError
from rtmpose3d.structures import FloatArray


def read_pickled_arrays(path: Path) -> Mapping[object, Mapping[str, FloatArray]]:
    """A pickled dictionary of dictionaries of arrays.

    Raises:
        InputError: it cannot be read, or holds anything but arrays, numbers and containers.
    """
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold a dictionary, got a {type(content).__name__}")
    return content
