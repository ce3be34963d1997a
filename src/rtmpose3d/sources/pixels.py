"""Conversion of grey levels of any dtype to uint8, without guessing ranges."""

from __future__ import annotations

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures.arrays import UInt8Array


def uint8_from_array(array: np.ndarray, name: str) -> UInt8Array:
    """Convert grey levels to uint8.

    uint8 is returned unchanged (not copied); of uint16 the upper eight bits are taken, as OpenCV
    does when it reads a 16-bit PNG; floats must lie in [0, 1] and are scaled by 255 and rounded.

    Args:
        array: any shape.
        name: of the array in messages.

    Raises:
        InputError: another dtype, floats outside [0, 1], NaN or infinity.
    """
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:  # of either byte order
        return (array >> 8).astype(np.uint8)
    if np.issubdtype(array.dtype, np.floating):
        return _uint8_from_floats(array, name)
    hint = "image.astype(numpy.uint8) if the values lie in 0 to 255"
    if array.dtype == np.bool_:
        hint = "a mask is no image; image.astype(numpy.uint8) * 255 makes it black and white"
    raise InputError(
        f"{name} is of dtype {array.dtype}; expected uint8, uint16 or floats in [0, 1] ({hint})"
    )


def _uint8_from_floats(array: np.ndarray, name: str) -> UInt8Array:
    low, high = float(np.min(array)), float(np.max(array))  # NaN if any value is
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(f"{name} holds NaN or infinity; floats must lie in [0, 1]")
    if low < 0 or high > 1:
        raise InputError(
            f"{name} holds floats from {low:.6g} to {high:.6g}; floats must lie in [0, 1]. "
            "If they are grey levels in 0 to 255: image.round().clip(0, 255).astype(numpy.uint8)"
        )
    return np.rint(array.astype(np.float32) * np.float32(255)).astype(np.uint8)
