"""Probabilities of all keypoints on all axes as rows of one array, so that each step is one call.

A person has 133 keypoints on two or three axes of a few hundred bins: little for a processor, but
every call of NumPy costs as much as a thousand bins.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LAYOUTS = 4  # that a thread keeps: two people and the last one, of two models
_LOWEST = np.float32(-70)  # exponent; denormal numbers, below exp(-87), take fifty times as long


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbabilityRows:
    """Distributions of A axes, those of x first: one row for each axis and keypoint.

    Attributes:
        values: (R, margin + largest number of bins + margin) of any scale, 0 beyond an axis' ends.
        bins: number of bins of each axis, (A,).
        margin: number of columns before the first bin.
    """

    values: NDArray[np.float32]
    bins: tuple[int, ...]
    margin: int

    @property
    def per_axis(self) -> int:
        """Rows of each axis."""
        return len(self.values) // len(self.bins)

    def inside(self) -> NDArray[np.float32]:
        """(R, largest number of bins), a view without margins."""
        return self.values[:, self.margin : self.margin + max(self.bins)]

    def axis(self, number: int) -> NDArray[np.float32]:
        """(R / A, bins) rows of an axis, a view."""
        rows = slice(number * self.per_axis, (number + 1) * self.per_axis)
        return self.values[rows, self.margin : self.margin + self.bins[number]]

    def windows(self, middle: NDArray[np.intp], reach: int) -> NDArray[np.float32]:
        """(R, 2 reach + 1) bins about one in each row (R,); the margin is at least the reach."""
        view = np.lib.stride_tricks.sliding_window_view(self.values, 2 * reach + 1, axis=1)
        return view[np.arange(len(middle)), middle + (self.margin - reach)]

    def mass_near(self, peak: NDArray[np.intp], reach: Sequence[int]) -> NDArray[np.float32]:
        """Probability within some bins of the peak, inclusive: (R,), for x and y only.

        Args:
            peak: (R,) indices of bins.
            reach: bins to either side, per axis.
        """
        widest = max(reach)
        near = np.split(self.windows(peak, widest)[: 2 * self.per_axis], 2)
        parts = zip(near, reach, strict=False)
        mass = [part[:, widest - r : widest + r + 1].sum(axis=1) for part, r in parts]
        # Not of `values`: the order of a sum would depend on the other axes and the margin.
        total = [self.axis(number).sum(axis=1) for number in range(2)]
        return np.minimum(np.concatenate(mass) / np.concatenate(total), np.float32(1))


def relative_probabilities(
    simcc: Sequence[NDArray[np.float32]],
    heights: Sequence[NDArray[np.float32]],
    beta: float,
    margin: int,
) -> ProbabilityRows:
    """exp(beta * (logits - highest)): the softmax before its division, 1 at the highest bin.

    Values below exp(-70) are that: a sum of float32 does not contain them. The rows are valid until
    the next call in the same thread.

    Args:
        simcc: per axis (N, K, bins) logits.
        heights: per axis (N, K), the highest logit, finite.
        beta: factor on the logits.
        margin: columns before the first and behind the last bin.
    """
    import cv2  # the table of models imports this module, and must not need OpenCV

    count, bins = heights[0].size, tuple(axis.shape[2] for axis in simcc)
    rows = _of_thread.rows(count, bins, margin)
    for number, (logits, height) in enumerate(zip(simcc, heights, strict=False)):
        inside = rows.axis(number)
        with np.errstate(over="ignore"):  # -inf is the right exponent there
            exponent = logits.reshape(inside.shape) - height.reshape(count, 1)
            exponent *= np.float32(beta)
            np.maximum(exponent, _LOWEST, out=exponent)
        if inside.size:
            cv2.exp(exponent, dst=inside)  # a fifth of NumPy's time
    return rows


class _Kept(threading.local):
    """Rows that a thread uses again, whose margins stay 0: new memory takes as long as all else."""

    def __init__(self) -> None:
        self.layouts: dict[tuple[int, tuple[int, ...], int], ProbabilityRows] = {}

    def rows(self, count: int, bins: tuple[int, ...], margin: int) -> ProbabilityRows:
        """Rows of a layout, with the values of their last use."""
        layout = (count, bins, margin)
        rows = self.layouts.get(layout)
        if rows is None:
            values = np.zeros((len(bins) * count, max(bins) + 2 * margin), np.float32)
            rows = ProbabilityRows(values=values, bins=bins, margin=margin)
            if len(self.layouts) == _LAYOUTS:
                self.layouts.clear()
            self.layouts[layout] = rows
        return rows


_of_thread = _Kept()
