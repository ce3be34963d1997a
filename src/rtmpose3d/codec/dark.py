"""DARK: peaks refined between bins, from slope and curvature of the blurred log-distribution.

Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation", CVPR 2020,
with mmpose's widths (`refine_simcc_dark`). No published whole-body model uses it by default.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FLOOR, _CEILING = 1e-3, 50.0  # refine_simcc_dark clips to these before the logarithm
_LABEL_REACH = 3  # sigmas that a labelled keypoint may lie outside the axis (SimCCLabel)
_EPSILON = np.float32(1e-9)  # added to the curvature there


def refine_peaks(
    logits: NDArray[np.float32], peaks: NDArray[np.intp], sigma: float
) -> NDArray[np.float32]:
    """Refine peaks to locations between bins.

    Args:
        logits: (N, K, bins) float32 of one axis; not changed.
        peaks: (N, K) index of the highest bin.
        sigma: width of this axis' labels in bins.

    Returns:
        (N, K) float32 bins, at most 3 sigma outside the axis; the peak itself where the
        refined one would be farther out.
    """
    log_p = np.log(np.clip(_blurred(logits, blur_size(sigma)), _FLOOR, _CEILING))
    last = logits.shape[2] - 1
    window = (peaks[:, :, None] + np.arange(-2, 3)).clip(0, last)  # the edge bin repeats
    far_left, left, middle, right, far_right = np.moveaxis(
        np.take_along_axis(log_p, window, axis=2), 2, 0
    )
    slope = np.float32(0.5) * (right - left)
    curvature = _EPSILON + np.float32(0.25) * (far_right - 2 * middle + far_left)
    refined = peaks - slope / curvature
    # Where the distribution is flat or hollow the parabola has no peak nearby; the reference then
    # returns coordinates as far as 10^8 px away.
    reach = _LABEL_REACH * sigma
    possible = (refined >= -reach) & (refined <= last + reach)
    return np.where(possible, refined, peaks).astype(np.float32)


def blur_size(sigma: float) -> int:
    """Bins of the blur for labels of this width: mmpose's rule, made odd."""
    size = int((sigma * 20 - 7) // 3)
    return max(1, size - 1 if size % 2 == 0 else size)


def _blurred(logits: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Gaussian blur with zeros outside, scaled back to the peak's height."""
    half = size // 2
    width = 0.3 * (half - 1) + 0.8  # OpenCV's width of a Gaussian kernel of this size
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / width) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    bins = logits.shape[2]
    padded = np.pad(logits, ((0, 0), (0, 0), (half, half)))
    blurred = np.zeros_like(logits)
    for shift, weight in enumerate(kernel):
        blurred += weight * padded[:, :, shift : shift + bins]
    before = logits.max(axis=2, keepdims=True)
    after = blurred.max(axis=2, keepdims=True)
    positive = (before > 0) & (after > 0)  # others are flat at the floor, whatever the factor
    factor = np.divide(before, after, out=np.ones_like(before), where=positive)
    return blurred * factor
