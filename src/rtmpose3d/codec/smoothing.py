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

from rtmpose3d.codec.rows import ProbabilityRows

REACH = 3.0  # standard deviations; beyond, the Gaussian counts as 0
ONE = np.ones(1, np.float32)
_GROUPS_PER_SIGMA = 3.0  # of the coarse search, which finds the neighbourhood of the peak
_RIVAL = 0.98  # a second coarse peak this high might be the higher one
_FLAT = 1e-5  # curvature, of the logarithm, below which neighbouring bins can hardly be compared
_AROUND = np.arange(-2, 3)  # bins about the coarse estimate that are compared
_TINY = np.finfo(np.float32).tiny


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


def smoothing_margin(sigma_bins: float) -> int:
    """The margin of rows that `smoothed_peaks` needs."""
    return math.ceil(REACH * sigma_bins) + len(_AROUND) // 2


def smoothed_peaks(rows: ProbabilityRows, sigma_bins: float) -> NDArray[np.intp]:
    """The bin at which `smoothed` is highest, the first of equals, in a tenth of its time.

    The smoothed probabilities of groups of bins show where the peak is; only next to it are those
    of bins computed. Rows with rival peaks or without a clear one are smoothed in full.

    Args:
        rows: of a margin of at least `smoothing_margin`.
        sigma_bins: standard deviation of the Gaussian.

    Returns:
        (R,) indices of bins.
    """
    group = int(sigma_bins / _GROUPS_PER_SIGMA)
    if not rows.values.size:
        return np.zeros(len(rows.values), np.intp)
    if group < 2 or any(n % group or n < 4 * group for n in rows.bins):
        axes = [rows.axis(number) for number in range(len(rows.bins))]
        return np.concatenate([_smoothed_rows(a, sigma_bins).argmax(axis=1) for a in axes])
    return _peaks_from_groups(rows, sigma_bins, group)


def _peaks_from_groups(rows: ProbabilityRows, sigma_bins: float, group: int) -> NDArray[np.intp]:
    """The highest smoothed bin of each row (R,)."""
    groups = _group_means(rows, group)
    count = np.repeat([n // group for n in rows.bins], rows.per_axis)
    coarse = _smoothed_rows(groups, sigma_bins / group)
    every = np.arange(len(count))
    best = coarse.argmax(axis=1).clip(1, count - 2)
    limit = _RIVAL * coarse[every, best]
    high = coarse >= limit[:, None]
    rises = coarse[:, 1:] > coarse[:, :-1]
    tops = rises[:, :-1] & ~rises[:, 1:] & high[:, 1:-1]
    certain = (np.count_nonzero(tops, axis=1) == 1) & ~high[:, 0]
    certain &= coarse[every, count - 1] < limit
    # The top of a parabola through the logarithms of three groups.
    a, b, c = (np.log(np.maximum(coarse[every, best + k], _TINY)) for k in (-1, 0, 1))
    curvature = 2 * b - a - c
    certain &= curvature > _FLAT
    top = best + (c - a) / (2 * np.maximum(curvature, _FLAT))
    last = count * group - 1
    estimate = np.rint(group * (top + 0.5) - 0.5).clip(0, last).astype(np.intp)
    offset = _smoothed_around(rows, estimate, sigma_bins).argmax(axis=1)
    certain &= (offset > 0) & (offset < len(_AROUND) - 1)
    peaks = (estimate + _AROUND[offset]).clip(0, last)
    unclear = np.flatnonzero(~certain)
    if len(unclear):
        in_full = _smoothed_rows(rows.inside()[unclear], sigma_bins)
        peaks[unclear] = in_full.argmax(axis=1).clip(0, last[unclear])
    return peaks


def _group_means(rows: ProbabilityRows, group: int) -> NDArray[np.float32]:
    """(R, groups) mean of each group of bins, 0 beyond the axis' ends."""
    import cv2

    means = np.zeros((len(rows.values), max(rows.bins) // group), np.float32)
    for number, bins in enumerate(rows.bins):
        part, size = number * rows.per_axis, (bins // group, rows.per_axis)
        small = cv2.resize(rows.axis(number), size, interpolation=cv2.INTER_AREA)
        means[part : part + size[1], : size[0]] = small
    return means


def _smoothed_around(
    rows: ProbabilityRows, middle: NDArray[np.intp], sigma_bins: float
) -> NDArray[np.float32]:
    """Smoothed probabilities at a few bins about one in each row (R,): (R, len(_AROUND))."""
    kernel = gaussian_kernel(sigma_bins)
    windows = rows.windows(middle, smoothing_margin(sigma_bins))
    near = np.lib.stride_tricks.sliding_window_view(windows, len(kernel), axis=1)
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
