"""Array types that the signatures use."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.floating]
"""float32 unless the docstring says float64."""
IntArray: TypeAlias = NDArray[np.integer]
NumberArray: TypeAlias = NDArray[np.floating | np.integer]
BoolArray: TypeAlias = NDArray[np.bool_]
UInt8Array: TypeAlias = NDArray[np.uint8]
Image: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) uint8, channels in OpenCV's order (BGR), contiguous."""
