"""From SimCC logits to bins, scores and confidences, and from bins to pixels and metres.

Everything is vectorised over N crops and K keypoints; `rtmpose3d.codec` defines score and
confidence. Non-finite peaks are an error, never a keypoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.codec.dark import refine_peaks
from rtmpose3d.codec.smoothing import smoothed_peaks
from rtmpose3d.codec.spec import SimCCSpec
from rtmpose3d.errors import InputError

_STD_STEP = 3  # bins
_SAMPLED = slice(_STD_STEP // 2, None, _STD_STEP)  # of the bins, those of standard deviations


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Decoded output of a pose network for N crops with K keypoints.

    Attributes:
        bins: (N, K, A) int64, index of the highest SimCC bin per axis (A = 2: x, y; 3: x, y, z),
            or, where the spec's decode_sigma is set, of the bin around which the probability is
            highest; the first of equals; -1 on every axis where the score is not above 0 (the
            reference's rule). float32, between bins, where the spec's use_dark is set.
        scores: (N, K) float32, the raw score: the smaller of the two peaks over x and over y.
        confidence: (N, K) float32 in [0, 1], as `rtmpose3d.codec` defines it.
        std_bins: (N, K, A) float32, standard deviation per axis in bins, as `rtmpose3d.codec`
            defines it; None where it was not computed.
    """

    bins: NDArray[np.integer | np.floating]
    scores: NDArray[np.floating]
    confidence: NDArray[np.floating]
    std_bins: NDArray[np.floating] | None = None

    def __len__(self) -> int:
        return len(self.bins)


def decode_simcc(
    simcc: Sequence[NDArray[np.floating]], spec: SimCCSpec, *, with_std: bool = False
) -> Decoded:
    """Decode logits to bins, scores and confidences.

    Args:
        simcc: per axis (x, y[, z]) the network's raw logits, (N, K, bins); not changed.
        spec: the model's codec.
        with_std: also compute standard deviations.

    Returns:
        Bins, scores and confidences of N crops with K keypoints.

    Raises:
        InputError: shapes that the spec does not have, or a peak that is NaN or infinite.
    """
    simcc = _checked(simcc, spec)
    peaks = [axis.argmax(axis=2) for axis in simcc]  # first of equals, as the reference
    heights = _finite_peak_heights(simcc, peaks)
    scores = np.minimum(heights[0], heights[1])  # (N, K)
    positive = scores > 0
    needed = spec.axes if with_std or spec.decode_sigma is not None else 2
    probabilities = [
        _relative_probability(logits, height, spec.beta)
        for logits, height in zip(simcc[:needed], heights, strict=False)
    ]
    if spec.decode_sigma is not None:
        peaks = smoothed_peaks(probabilities, spec.decode_sigma)
    masses = [
        _mass_near(probabilities[axis], peaks[axis], spec.confidence_bins[axis]) for axis in (0, 1)
    ]
    std = None
    if with_std:
        spreads = [
            _sampled_spread(p[:, :, _SAMPLED], peak)
            for p, peak in zip(probabilities, peaks, strict=True)
        ]
        std = np.where(positive[:, :, None], np.stack(spreads, axis=2), np.float32(np.nan))
    bins = np.stack(peaks, axis=2)  # (N, K, A)
    if spec.use_dark:
        pairs = zip(simcc, peaks, spec.sigma, strict=True)
        bins = np.stack([refine_peaks(axis, peak, sigma) for axis, peak, sigma in pairs], axis=2)
    return Decoded(
        bins=np.where(positive[:, :, None], bins, np.asarray(-1, bins.dtype)),
        scores=scores,
        confidence=np.where(positive, np.minimum(masses[0], masses[1]), np.float32(0)),
        std_bins=std,
    )


def std_around(
    simcc: Sequence[NDArray[np.floating]], bins: NDArray[np.integer | np.floating], spec: SimCCSpec
) -> NDArray[np.float32]:
    """Standard deviations around decoded bins, where a network decodes by itself.

    Args:
        simcc: per axis the network's raw logits, (N, K, bins).
        bins: (N, K, A) as in `Decoded`.
        spec: the model's codec.

    Returns:
        (N, K, A) float32, in bins, as in `Decoded`; NaN where there is no bin.

    Raises:
        InputError: shapes that the spec does not have, or logits that are not finite.
    """
    spreads = []
    for axis, logits in enumerate(_checked(simcc, spec)):
        sampled = logits[:, :, _SAMPLED]
        p = _relative_probability(sampled, sampled.max(axis=2), spec.beta)
        spreads.append(_sampled_spread(p, bins[:, :, axis]))
    return np.where((bins >= 0).all(axis=2, keepdims=True), np.stack(spreads, axis=2), np.nan)


def keypoints_from_bins(
    bins: NDArray[np.integer | np.floating], spec: SimCCSpec
) -> tuple[NDArray[np.floating], NDArray[np.floating] | None]:
    """Coordinates of bins: pixels of the crop, metres of depth.

    Args:
        bins: (N, K, A) as in `Decoded`.
        spec: the model's codec.

    Returns:
        (N, K, 2) float32, x and y in pixels of the crop, and (N, K) float32, depth relative to
        the root in metres (positive: farther from the camera), or None for 2D. A bin of -1
        gives -1 / split_ratio px, as in the reference.

    Raises:
        InputError: not one bin per axis of the spec.
    """
    if bins.ndim != 3 or bins.shape[2] != spec.axes:
        raise InputError(f"bins must be (N, K, {spec.axes}), got shape {bins.shape}")
    # Division in float32 and in this order, so that the values equal the reference's bit by bit.
    locations = bins.astype(np.float32) / np.float32(spec.split_ratio)
    if spec.depth_size is None:
        return locations, None
    half = np.float32(spec.depth_size / 2)
    depth_m = (locations[:, :, 2] / half - np.float32(1)) * np.float32(spec.depth_range_m)
    return locations[:, :, :2].copy(), depth_m


def _checked(simcc: Sequence[NDArray[np.floating]], spec: SimCCSpec) -> list[NDArray[np.float32]]:
    """The logits as float32, of the shapes that the spec expects."""
    shapes = [np.shape(axis) for axis in simcc]
    leading = shapes[0][:2] if shapes else ()
    if len(leading) != 2 or shapes != [(*leading, bins) for bins in spec.bins]:
        wanted = ", ".join(f"(N, K, {bins})" for bins in spec.bins)
        raise InputError(f"simcc must hold {spec.axes} arrays of shapes {wanted}, got {shapes}")
    return [np.asarray(axis, dtype=np.float32) for axis in simcc]


def _finite_peak_heights(
    simcc: Sequence[NDArray[np.float32]], peaks: Sequence[NDArray[np.intp]]
) -> list[NDArray[np.float32]]:
    """The logit at each peak, (N, K) per axis; argmax stops at a NaN, so none can hide."""
    heights = []
    for name, logits, peak in zip("xyz", simcc, peaks, strict=False):
        height = np.take_along_axis(logits, peak[:, :, None], axis=2)[:, :, 0]
        bad = np.argwhere(~np.isfinite(height))
        if len(bad):
            crop, keypoint = bad[0]
            raise InputError(
                f"logits must be finite, but the peak over {name} of crop {crop}, keypoint "
                f"{keypoint} is {height[crop, keypoint]} ({len(bad)} such peaks); check the "
                "weights and, in half precision, the device"
            )
        heights.append(height)
    return heights


def _relative_probability(
    logits: NDArray[np.float32], height: NDArray[np.float32], beta: float
) -> NDArray[np.float32]:
    """exp(beta * (logits - peak)): the softmax before its division, 1 at the peak."""
    import cv2  # the table of models imports this module, and must not need OpenCV

    with np.errstate(over="ignore"):  # -inf is the right exponent there
        exponent = logits - height[:, :, None]
        exponent *= np.float32(beta)
    rows = exponent.reshape(-1, exponent.shape[2])
    if rows.size:
        cv2.exp(rows, dst=rows)  # a fifth of NumPy's time
    return exponent


def _mass_near(p: NDArray[np.float32], peak: NDArray[np.intp], reach: int) -> NDArray[np.float32]:
    """Probability within `reach` bins of the peak, (N, K), of (N, K, bins) of any scale."""
    window = peak[:, :, None] + np.arange(-reach, reach + 1)
    inside = (window >= 0) & (window < p.shape[2])
    near = np.take_along_axis(p, window.clip(0, p.shape[2] - 1), axis=2)
    mass = np.where(inside, near, np.float32(0)).sum(axis=2) / p.sum(axis=2)
    return np.minimum(mass, np.float32(1))


def _sampled_spread(
    p: NDArray[np.float32], peak: NDArray[np.integer | np.floating]
) -> NDArray[np.float32]:
    """(N, K) root of the mean squared distance from the peak, in bins.

    Every third bin is used: distributions are several bins wide, so that their moments hardly
    change, and this takes a third of the time.

    Args:
        p: (N, K, bins / 3), the probability of every third bin, of any scale.
        peak: (N, K), index of a bin.
    """
    middle = _STD_STEP * (p.shape[2] // 2) + _STD_STEP // 2
    bins = np.arange(p.shape[2], dtype=np.float32) - np.float32(p.shape[2] // 2)
    # einsum, not a matrix product: see rtmpose3d.codec.smoothing
    mass = p.sum(axis=2)
    first = np.einsum("nkb,b->nk", p, bins) / mass
    second = np.einsum("nkb,b->nk", p, bins**2) / mass
    centre = (peak.astype(np.float32) - np.float32(middle)) / _STD_STEP
    variance = np.maximum(second - 2 * centre * first + centre**2, 0)
    return (_STD_STEP * np.sqrt(variance)).astype(np.float32)


def std_from_bins(
    std_bins: NDArray[np.floating], spec: SimCCSpec
) -> tuple[NDArray[np.floating], NDArray[np.floating] | None]:
    """Standard deviations of coordinates: pixels of the crop, metres of depth.

    Args:
        std_bins: (N, K, A) as in `Decoded`.
        spec: the model's codec.

    Returns:
        (N, K, 2) float32 px of the crop and (N, K) float32 metres, or None for 2D.
    """
    std = std_bins / np.float32(spec.split_ratio)
    if spec.depth_size is None:
        return std, None
    return std[:, :, :2].copy(), std[:, :, 2] * np.float32(2 * spec.depth_range_m / spec.depth_size)
