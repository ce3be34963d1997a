"""Probabilities smoothed along an axis, so that a peak has high probability around it.

Where a distribution has several distant peaks, which of them is the highest bin is nearly random.
The probabilities summed under a Gaussian are highest where most probability is close: the best
single estimate, if an estimate is worth more the closer it is. The published models take the
highest bin.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

REACH = 3.0  # standard deviations; beyond, the Gaussian counts as 0
ONE = np.ones(1, np.float32)


def gaussian_kernel(sigma_bins: float) -> NDArray[np.float32]:
    """The Gaussian's weights, (2 * ceil(3 sigma) + 1,), 1 in the middle."""
    reach = math.ceil(REACH * sigma_bins)
    offsets = np.arange(-reach, reach + 1, dtype=np.float64)
    return np.exp(-0.5 * (offsets / sigma_bins) ** 2).astype(np.float32)


def smoothed(probability: NDArray[np.float32], sigma_bins: float) -> NDArray[np.float32]:
    """Probabilities of each bin's neighbours summed under the Gaussian, 0 beyond the ends.

    Args:
        probability: (N, K, bins), of any scale.
        sigma_bins: standard deviation of the Gaussian.
    """
    import cv2  # the table of models imports this module, and must not need OpenCV

    if not probability.size:
        return probability
    rows = probability.reshape(-1, probability.shape[2])
    # Not a matrix product: BLAS and ONNX Runtime would keep each other's threads waiting.
    summed = cv2.sepFilter2D(
        rows, cv2.CV_32F, gaussian_kernel(sigma_bins), ONE, borderType=cv2.BORDER_CONSTANT
    )
    return np.asarray(summed, np.float32).reshape(probability.shape)
