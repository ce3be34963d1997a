"""Probabilities smoothed along an axis, so that a peak has high probability around it.

Where a distribution has several distant peaks, which of them is the highest bin is nearly random.
The probabilities summed under a Gaussian are highest where most probability is close: the best
single estimate, if an estimate is worth more the closer it is. The published models take the
highest bin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

REACH = 3.0  # standard deviations; beyond, the Gaussian counts as 0
ONE = np.ones(1, np.float32)
_BINS_PER_SIGMA = 6.0  # of the coarse search, which finds the neighbourhood of the peak
_RIVAL = 0.98  # a second coarse peak this high might be the higher one
_FLAT = 1e-5  # curvature, of the logarithm, below which neighbouring bins can hardly be compared
_AROUND = np.arange(-2, 3)  # bins about the coarse estimate that are compared
_ROWS = 1600  # at once: more do not stay in the processor's cache
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


def smoothed_peaks(
    axes: Sequence[NDArray[np.float32]], sigma_bins: float
) -> list[NDArray[np.intp]]:
    """The bins at which `smoothed` is highest, the first of equals, in a tenth of its time.

    The smoothed probabilities of groups of bins show where the peak is; only next to it are those
    of bins computed. Rows with rival peaks or without a clear one are smoothed in full.

    Args:
        axes: per axis (N, K, bins) at least 0, of any scale; N and K are the same on all.
        sigma_bins: standard deviation of the Gaussian.

    Returns:
        Per axis (N, K) indices of bins.
    """
    group = int(sigma_bins / _BINS_PER_SIGMA)
    bins = [axis.shape[2] for axis in axes]
    if group < 2 or not axes[0].size or any(n % group or n < 4 * group for n in bins):
        return [smoothed(axis, sigma_bins).argmax(axis=2) for axis in axes]
    people, keypoints = axes[0].shape[:2]
    peaks = np.empty((len(axes), people, keypoints), np.intp)
    step = max(_ROWS // (keypoints * len(axes)), 1)
    for start in range(0, people, step):
        part = slice(start, start + step)
        found = _peaks_from_groups([axis[part] for axis in axes], sigma_bins, group)
        peaks[:, part] = found.reshape(peaks[:, part].shape)
    return list(peaks)


def _peaks_from_groups(
    axes: Sequence[NDArray[np.float32]], sigma_bins: float, group: int
) -> NDArray[np.intp]:
    """The highest smoothed bins of the rows of all axes, one after the other: (R,)."""
    kernel = gaussian_kernel(sigma_bins)
    margin = len(kernel) // 2 + len(_AROUND) // 2
    rows, groups = _stack_rows(axes, margin, group)
    count = np.repeat([axis.shape[2] // group for axis in axes], len(rows) // len(axes))
    coarse = _smoothed_rows(groups, sigma_bins / group)
    every = np.arange(len(rows))
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
    offset = _smoothed_around(rows, estimate, kernel).argmax(axis=1)
    certain &= (offset > 0) & (offset < len(_AROUND) - 1)
    peaks = (estimate + _AROUND[offset]).clip(0, last)
    unclear = np.flatnonzero(~certain)
    if len(unclear):
        in_full = _smoothed_rows(rows[unclear, margin:-margin], sigma_bins)
        peaks[unclear] = in_full.argmax(axis=1).clip(0, last[unclear])
    return peaks


def _stack_rows(
    axes: Sequence[NDArray[np.float32]], margin: int, group: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The rows of all axes (R, ...), 0 beyond their ends: bins between margins, means of groups."""
    import cv2

    count, bins = axes[0].size // axes[0].shape[2], max(axis.shape[2] for axis in axes)
    rows = np.zeros((len(axes) * count, bins + 2 * margin), np.float32)
    groups = np.zeros((len(axes) * count, bins // group), np.float32)
    for number, axis in enumerate(axes):
        flat, part = axis.reshape(count, -1), slice(number * count, (number + 1) * count)
        rows[part, margin : margin + flat.shape[1]] = flat
        size = flat.shape[1] // group, count
        groups[part, : size[0]] = cv2.resize(flat, size, interpolation=cv2.INTER_AREA)
    return rows, groups


def _smoothed_around(
    rows: NDArray[np.float32], middle: NDArray[np.intp], kernel: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Smoothed probabilities at a few bins about one in each row (R,): (R, len(_AROUND)).

    The rows have margins in which the kernel fits about all of these bins.
    """
    width = len(kernel) + len(_AROUND) - 1
    windows = np.lib.stride_tricks.sliding_window_view(rows, width, axis=1)
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
