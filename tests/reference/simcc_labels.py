"""SimCC labels and weights of keypoints: mmpose's `SimCCLabel` and RTMW3D's `SimCC3DLabel`.

Bins are rounded half to even; a keypoint of visibility below 0.5 has no label; one whose label is
completely outside an axis has no weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from rtmpose3d.codec import SimCCSpec
from rtmpose3d.skeletons import HIPS

_VISIBLE = 0.5  # SimCCLabel: a keypoint below it gets no label
_REACH = 3  # sigmas around a keypoint that must touch the axis (SimCCLabel, "3-sigma rule")
_Z_WITHOUT_DEPTH = 1.0  # SimCC3DLabel, before the split ratio, at weight 0


@dataclass(frozen=True, kw_only=True)
class EncodedSimCC:
    """Labels and weights of N people with K keypoints.

    Attributes:
        labels: per axis (x, y[, z]) (N, K, bins) float32; 0 everywhere without a label.
        weights: (N, K) float32, the visibility, 0 where a coordinate is out of range.
        depth_weights: (N, K) float32, `weights` for z: all 0 without 3D.
        root_depth_m: (N,) depth of the root in the given frame; None without 3D.
    """

    labels: tuple[NDArray[np.float32], ...]
    weights: NDArray[np.float32]
    depth_weights: NDArray[np.float32]
    root_depth_m: NDArray[np.floating] | None


def encode_simcc(
    keypoints_px: NDArray[np.floating],
    visible: NDArray[np.floating] | None,
    spec: SimCCSpec,
    *,
    keypoints_3d: NDArray[np.floating] | None = None,
) -> EncodedSimCC:
    """Labels and weights.

    Args:
        keypoints_px: (N, K, 2) x and y in pixels of the crop.
        visible: (N, K) in [0, 1]; None: all visible.
        spec: the model's codec.
        keypoints_3d: (N, K, 3) metres; of it only z, forward from the camera, is used, relative
            to the middle of the hips. None: no depth is known, its weight is 0.
    """
    if visible is None:
        visible = np.ones(keypoints_px.shape[:2])
    visible = visible.astype(np.float32)
    root_depth_m = None
    coordinates = [keypoints_px[:, :, 0], keypoints_px[:, :, 1]]
    if spec.depth_size is not None and keypoints_3d is None:
        coordinates.append(np.full_like(coordinates[0], _Z_WITHOUT_DEPTH))
    elif spec.depth_size is not None:
        root_depth_m = keypoints_3d[:, list(HIPS), 2].mean(axis=1)
        depth = keypoints_3d[:, :, 2] - root_depth_m[:, None]
        coordinates.append((depth / spec.depth_range_m + 1) * (spec.depth_size / 2))

    labelled = visible >= _VISIBLE
    bins = _nearest_bins(np.stack(coordinates, axis=2), labelled, spec)  # (N, K, A)
    reach = _REACH * np.asarray(spec.sigma)
    in_range = ((bins - reach < spec.bins) & (bins + reach + 1 >= 0)).all(axis=2)
    weights = np.where(labelled & ~in_range, np.float32(0), visible)
    labels = tuple(
        _gaussians(bins[:, :, axis], labelled & in_range, size, spec.sigma[axis], spec.normalize)
        for axis, size in enumerate(spec.bins)
    )
    return EncodedSimCC(
        labels=labels,
        weights=weights,
        depth_weights=np.zeros_like(weights) if root_depth_m is None else weights,
        root_depth_m=root_depth_m,
    )


def _nearest_bins(
    coordinates: NDArray[np.floating], labelled: NDArray[np.bool_], spec: SimCCSpec
) -> NDArray[np.int64]:
    """(N, K, A) nearest bin of each coordinate, half to even; 0 without a label."""
    bins = np.around(np.where(labelled[:, :, None], coordinates, 0) * spec.split_ratio)
    limit = 10.0 * max(spec.bins)  # far enough to be out of range, near enough for an integer
    return bins.clip(-limit, limit).astype(np.int64)


def _gaussians(
    means: NDArray[np.int64],
    drawn: NDArray[np.bool_],
    size: int,
    sigma: float,
    normalize: bool,
) -> NDArray[np.float32]:
    """(N, K, size) Gaussians around bins: windows of one that is computed once."""
    margin = math.ceil(_REACH * sigma) + 1  # a mean may be this far outside
    distance = np.arange(-(size + margin), size + margin + 1, dtype=np.float64)
    curve = np.exp(-(distance**2) / (2 * sigma**2)).astype(np.float32)
    if normalize:
        curve = (curve / (sigma * math.sqrt(2 * math.pi))).astype(np.float32)
    labels = np.zeros((*means.shape, size), np.float32)
    labels[drawn] = sliding_window_view(curve, size)[size + margin - means[drawn]]
    return labels
