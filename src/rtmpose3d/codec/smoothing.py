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
_BINS_PER_SIGMA = 6.0  # of the coarse search, which finds the neighbourhood of the peak
_RIVAL = 0.98  # a second coarse peak this high might be the higher one
_FLAT = 1e-5  # curvature, of the logarithm, below which neighbouring bins can hardly be compared
_AROUND = np.arange(-2, 3)  # bins about the coarse estimate that are compared


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
    if not probability.size:
        return probability
    rows = probability.reshape(-1, probability.shape[2])
    return _smoothed_rows(rows, sigma_bins).reshape(probability.shape)


def smoothed_peaks(probability: NDArray[np.float32], sigma_bins: float) -> NDArray[np.intp]:
    """The bin at which `smoothed` is highest, the first of equals, in a tenth of its time.

    The smoothed probabilities of groups of bins show where the peak is; only next to it are those
    of bins computed. Rows with rival peaks or without a clear one are smoothed in full.

    Args:
        probability: (N, K, bins) at least 0, of any scale.
        sigma_bins: standard deviation of the Gaussian.

    Returns:
        (N, K) indices of bins.
    """
    shape = probability.shape
    rows = np.ascontiguousarray(probability.reshape(-1, shape[2]))
    group = int(sigma_bins / _BINS_PER_SIGMA)
    if group < 2 or not rows.size or shape[2] % group or shape[2] < 4 * group:
        return smoothed(probability, sigma_bins).argmax(axis=2)
    peaks, certain = _peaks_from_groups(rows, sigma_bins, group)
    unclear = np.flatnonzero(~certain)
    if len(unclear):
        peaks[unclear] = _smoothed_rows(rows[unclear], sigma_bins).argmax(axis=1)
    return peaks.reshape(shape[:2])


def _peaks_from_groups(
    rows: NDArray[np.float32], sigma_bins: float, group: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The highest smoothed bin of each row (R,), and whether it is certainly that."""
    import cv2

    count, bins = rows.shape
    every = np.arange(count)
    means = cv2.resize(rows, (bins // group, count), interpolation=cv2.INTER_AREA)
    coarse = _smoothed_rows(np.asarray(means, np.float32), sigma_bins / group)
    best = coarse.argmax(axis=1).clip(1, bins // group - 2)
    high = coarse >= _RIVAL * coarse[every, best, None]
    slope = np.diff(coarse, axis=1)
    is_peak = (slope[:, :-1] > 0) & (slope[:, 1:] <= 0) & high[:, 1:-1]
    certain = (is_peak.sum(axis=1) == 1) & ~high[:, 0] & ~high[:, -1]
    # The top of a parabola through the logarithms of three groups.
    tiny = np.finfo(np.float32).tiny
    a, b, c = (np.log(np.maximum(coarse[every, best + k], tiny)) for k in (-1, 0, 1))
    curvature = 2 * b - a - c
    certain &= curvature > _FLAT
    top = best + (c - a) / (2 * np.maximum(curvature, _FLAT))
    estimate = np.rint(group * (top + 0.5) - 0.5).clip(0, bins - 1).astype(np.intp)
    near = _smoothed_around(rows, estimate, sigma_bins)
    offset = near.argmax(axis=1)
    certain &= (offset > 0) & (offset < len(_AROUND) - 1)
    return (estimate + _AROUND[offset]).clip(0, bins - 1), certain


def _smoothed_around(
    rows: NDArray[np.float32], middle: NDArray[np.intp], sigma_bins: float
) -> NDArray[np.float32]:
    """Smoothed probabilities at a few bins about one in each row (R,): (R, len(_AROUND))."""
    kernel = gaussian_kernel(sigma_bins)
    margin = len(kernel) // 2 + len(_AROUND) // 2
    padded = np.zeros((len(rows), rows.shape[1] + 2 * margin), np.float32)
    padded[:, margin:-margin] = rows
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * margin + 1, axis=1)
    near = np.lib.stride_tricks.sliding_window_view(
        windows[np.arange(len(rows)), middle], len(kernel), axis=1
    )
    # Both sides of the kernel are added first: a flipped row has the same sums to the last bit.
    half = len(kernel) // 2
    sides = near[:, :, :half] + near[:, :, :half:-1]
    return np.einsum("rkw,w->rk", sides, kernel[:half]) + kernel[half] * near[:, :, half]


def _smoothed_rows(rows: NDArray[np.float32], sigma_bins: float) -> NDArray[np.float32]:
    """`smoothed` of (R, bins)."""
    import cv2  # the table of models imports this module, and must not need OpenCV

    # Not a matrix product: BLAS and ONNX Runtime would keep each other's threads waiting. And
    # down columns, where OpenCV uses that the kernel is symmetric.
    columns = cv2.sepFilter2D(
        cv2.transpose(rows),
        cv2.CV_32F,
        ONE,
        gaussian_kernel(sigma_bins),
        borderType=cv2.BORDER_CONSTANT,
    )
    return np.asarray(cv2.transpose(columns), np.float32)
