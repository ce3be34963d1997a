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
from rtmpose3d.codec.rows import relative_probabilities
from rtmpose3d.codec.smoothing import smoothed_peaks, smoothing_margin
from rtmpose3d.codec.spec import SimCCSpec
from rtmpose3d.errors import InputError

_PEOPLE = 2  # at once: the probabilities of more do not stay in the processor's cache
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
    heights = _finite_peak_heights(simcc)
    people = range(0, max(len(simcc[0]), 1), _PEOPLE)
    parts = [slice(start, start + _PEOPLE) for start in people]
    decoded = [
        _decode([a[part] for a in simcc], [h[part] for h in heights], spec, with_std=with_std)
        for part in parts
    ]
    return decoded[0] if len(decoded) == 1 else _joined(decoded)


def _decode(
    simcc: Sequence[NDArray[np.float32]],
    heights: Sequence[NDArray[np.float32]],
    spec: SimCCSpec,
    *,
    with_std: bool,
) -> Decoded:
    """Decode checked logits of a few crops, whose highest are given."""
    shape = heights[0].shape  # (N, K)
    scores = np.minimum(heights[0], heights[1])
    positive = scores > 0
    needed = spec.axes if with_std or spec.decode_sigma is not None else 2
    reach = spec.confidence_bins[:needed]
    margin = max(reach) if spec.decode_sigma is None else smoothing_margin(spec.decode_sigma)
    rows = relative_probabilities(simcc[:needed], heights, spec.beta, margin)
    if spec.decode_sigma is None:
        peaks = np.stack([axis.argmax(axis=2) for axis in simcc])  # first of equals
    else:
        peaks = smoothed_peaks(rows, spec.decode_sigma).reshape(len(rows.bins), *shape)
    masses = rows.mass_near(peaks[:needed].ravel(), reach).reshape(2, *shape)
    std = None
    if with_std:
        sampled = np.ascontiguousarray(rows.inside()[:, _SAMPLED])
        spread = _sampled_spread(sampled, peaks.ravel())
        spread = np.moveaxis(spread.reshape(peaks.shape), 0, 2)
        std = np.where(positive[:, :, None], spread, np.float32(np.nan))
    bins = np.moveaxis(peaks, 0, 2)  # (N, K, A)
    if spec.use_dark:
        pairs = zip(simcc, peaks, spec.sigma, strict=True)
        bins = np.stack([refine_peaks(axis, peak, sigma) for axis, peak, sigma in pairs], axis=2)
    return Decoded(
        bins=np.where(positive[:, :, None], bins, np.asarray(-1, bins.dtype)),
        scores=scores,
        confidence=np.where(positive, np.minimum(masses[0], masses[1]), np.float32(0)),
        std_bins=std,
    )


def _joined(parts: Sequence[Decoded]) -> Decoded:
    """The crops of all parts."""
    std = [part.std_bins for part in parts if part.std_bins is not None]
    return Decoded(
        bins=np.concatenate([part.bins for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        confidence=np.concatenate([part.confidence for part in parts]),
        std_bins=np.concatenate(std) if std else None,
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
        rows = relative_probabilities([sampled], [sampled.max(axis=2)], spec.beta, 0)
        spread = _sampled_spread(rows.values, bins[:, :, axis].ravel())
        spreads.append(spread.reshape(bins.shape[:2]))
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


def _finite_peak_heights(simcc: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """The highest logit of each keypoint, (N, K) per axis; a NaN is the highest."""
    heights = []
    for name, logits in zip("xyz", simcc, strict=False):
        height = logits.max(axis=2)
        finite = np.isfinite(height)
        if not finite.all():
            bad = np.argwhere(~finite)
            crop, keypoint = bad[0]
            raise InputError(
                f"logits must be finite, but the peak over {name} of crop {crop}, keypoint "
                f"{keypoint} is {height[crop, keypoint]} ({len(bad)} such peaks); check the "
                "weights and, in half precision, the device"
            )
        heights.append(height)
    return heights


def _sampled_spread(
    p: NDArray[np.float32], peak: NDArray[np.integer | np.floating]
) -> NDArray[np.float32]:
    """(R,) root of the mean squared distance from the peak, in bins.

    Every third bin is used: distributions are several bins wide, so that their moments hardly
    change, and this takes a third of the time.

    Args:
        p: (R, bins / 3), the probability of every third bin, of any scale.
        peak: (R,), index of a bin.
    """
    middle = _STD_STEP * (p.shape[1] // 2) + _STD_STEP // 2
    bins = np.arange(p.shape[1], dtype=np.float32) - np.float32(p.shape[1] // 2)
    # einsum, not a matrix product: see rtmpose3d.codec.smoothing
    mass = p.sum(axis=1)
    first = np.einsum("rb,b->r", p, bins) / mass
    second = np.einsum("rb,b->r", p, bins**2) / mass
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
