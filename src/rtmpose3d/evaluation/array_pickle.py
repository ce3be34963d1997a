"""Pickled dictionaries of arrays, read without running what is in them: data sets' camera files."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

from rtmpose3d.errors import InputError
from rtmpose3d.structures import FloatArray

_ARRAY_PARTS = {"_reconstruct", "ndarray", "dtype", "scalar"}


class _ArrayUnpickler(pickle.Unpickler):
    """Rebuilds numpy arrays and plain containers, and refuses everything else."""

    def find_class(self, module: str, name: str) -> object:
        if module.split(".")[0] == "numpy" and name in _ARRAY_PARTS:
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        raise pickle.UnpicklingError(f"{module}.{name} is not an array")


def read_pickled_arrays(path: Path) -> Mapping[object, Mapping[str, FloatArray]]:
    """A pickled dictionary of dictionaries of arrays.

    Raises:
        InputError: it cannot be read, or holds anything but arrays, numbers and containers.
    """
    try:
        with path.open("rb") as file:
            content = _ArrayUnpickler(file).load()
    except Exception as error:  # a broken pickle raises whatever its broken bytes lead to
        raise InputError(f"{path} is no pickle of arrays: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold a dictionary, got a {type(content).__name__}")
    return content
