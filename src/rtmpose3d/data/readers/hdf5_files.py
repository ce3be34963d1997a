"""Untrusted HDF5 files: only what is stored in the file itself, and no more than memory holds.

HDF5 can name other files: external links, raw data in any file of the disk, virtual datasets.
Reading those would copy somebody's private files into a dataset that is published later.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rtmpose3d.errors import InputError, import_extra
from rtmpose3d.structures.arrays import NumberArray
from rtmpose3d.untrusted import brief, check_size
from rtmpose3d.untrusted.limits import DATASET_FILE_BYTES, HDF5_ARRAY_BYTES

if TYPE_CHECKING:
    import h5py


@contextmanager
def open_hdf5(path: Path, what: str) -> Iterator[h5py.Group]:
    """Open a file for reading; use it inside `untrusted.reading`.

    Raises:
        InputError: it is missing, a pipe or a device.
        MissingDependencyError: h5py is not installed.
    """
    import_extra("h5py", "data", "reading DNA-Rendering")
    import h5py

    check_size(path, DATASET_FILE_BYTES, what)
    with h5py.File(path, "r") as file:
        yield file


def get_group(parent: h5py.Group, name: str) -> h5py.Group:
    """A group within another one, by path.

    Raises:
        InputError: it is missing, no group, or a link to another object or file.
    """
    import h5py

    group = _get(parent, name)
    if not isinstance(group, h5py.Group):
        raise InputError(f"{_location(parent, name)} is an array, not a group")
    return group


def read_numbers(parent: h5py.Group, name: str) -> NumberArray:
    """The values of an array within a group, by path.

    Raises:
        InputError: it is missing, no array of numbers, larger than `HDF5_ARRAY_BYTES`, a link, or
            its values are in other files.
    """
    import h5py

    array = _get(parent, name)
    where = _location(parent, name)
    if not isinstance(array, h5py.Dataset):
        raise InputError(f"{where} is a group, not an array")
    if array.external or array.is_virtual:
        raise InputError(f"the values of {where} are in other files, which are not read")
    if array.dtype.kind not in "fiu" or array.shape is None:
        raise InputError(f"{where} holds no numbers")
    if array.size * array.dtype.itemsize > HDF5_ARRAY_BYTES:
        raise InputError(f"{where} has {array.size:,} numbers, and no such file has so many")
    return np.asarray(array[()])


def _get(parent: h5py.Group, name: str) -> object:
    import h5py

    found: object = parent
    for part in name.split("/"):
        if not isinstance(found, h5py.Group) or part not in found:
            raise InputError(f"{_location(parent, name)} is missing")
        if not isinstance(found.get(part, getlink=True), h5py.HardLink):
            raise InputError(f"{_location(parent, name)} is a link, which is not followed")
        found = found[part]
    return found


def _location(parent: h5py.Group, name: str) -> str:
    return brief(f"{str(parent.name).rstrip('/')}/{name}")
