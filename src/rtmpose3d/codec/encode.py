"""From keypoints to the SimCC labels and weights that a network is trained on.

The rules are mmpose's `SimCCLabel` and RTMW3D's `SimCC3DLabel`: bins rounded half to even, a
keypoint of visibility below 0.5 has no label, one whose label lies wholly outside has no weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from rtmpose3d.codec.spec import SimCCSpec
from rtmpose3d.errors import InputError

ROOT_KEYPOINTS = (11, 12)  # rtmw3d configurations, root_index: the hips
_VISIBLE = 0.5  # SimCCLabel: a keypoint below it gets no label
_REACH = 3  # sigmas around a keypoint that must touch the axis (SimCCLabel, "3-sigma rule")
_PLACE_WITHOUT_DEPTH = 1.0  # SimCC3DLabel puts z there (before the split ratio), at weight 0


@dataclass(frozen=True, kw_only=True)
class EncodedSimCC:
    """Labels and weights of N people with K keypoints.

    Attributes:
        labels: per axis (x, y[, z]) (N, K, bins) float32; 0 everywhere without a label.
        weights: (N, K) float32, the visibility, 0 where a location is out of range.
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
    root_keypoints: tuple[int, ...] = ROOT_KEYPOINTS,
) -> EncodedSimCC:
    """Make labels and weights. No argument is changed.

    Args:
        keypoints_px: (N, K, 2) x and y in pixels of the crop.
        visible: (N, K) in [0, 1]; None: all visible.
        spec: the model's codec.
        keypoints_3d: (N, K, 3) metres; of it only z, forward from the camera, is used, relative
            to the root. None: no depth is known, its weight is 0.
        root_keypoints: the root's depth is the mean of theirs.

    Returns:
        Labels and weights.

    Raises:
        InputError: shapes that do not fit, a visible keypoint that is not finite, or 3D for a
            2D model.
    """
    keypoints_px, visible = _checked(keypoints_px, visible)
    root_depth_m = None
    places = [keypoints_px[:, :, 0], keypoints_px[:, :, 1]]
    if spec.depth_size is None:
        if keypoints_3d is not None:
            raise InputError("keypoints_3d given to a codec without depth; use a 3D model's spec")
    elif keypoints_3d is None:
        places.append(np.full_like(places[0], _PLACE_WITHOUT_DEPTH))
    else:
        depth, root_depth_m = _relative_depth(keypoints_3d, keypoints_px, root_keypoints)
        places.append((depth / spec.depth_range_m + 1) * (spec.depth_size / 2))

    labelled = visible >= _VISIBLE
    bins = _nearest_bins(np.stack(places, axis=2), labelled, spec)  # (N, K, A)
    reach = _REACH * np.asarray(spec.sigma)
    in_range = ((bins - reach < spec.bins) & (bins + reach + 1 >= 0)).all(axis=2)
    weights = np.where(labelled & ~in_range, np.float32(0), visible)
    drawn = labelled & in_range
    labels = tuple(
        _gaussians(bins[:, :, axis], drawn, size, spec.sigma[axis], spec.normalize)
        for axis, size in enumerate(spec.bins)
    )
    return EncodedSimCC(
        labels=labels,
        weights=weights,
        depth_weights=np.zeros_like(weights) if root_depth_m is None else weights.copy(),
        root_depth_m=root_depth_m,
    )


def _checked(
    keypoints_px: NDArray[np.floating], visible: NDArray[np.floating] | None
) -> tuple[NDArray[np.floating], NDArray[np.float32]]:
    keypoints_px = _floating(keypoints_px)
    if keypoints_px.ndim != 3 or keypoints_px.shape[2] != 2:
        raise InputError(f"keypoints_px must be (N, K, 2), got shape {keypoints_px.shape}")
    if visible is None:
        return keypoints_px, np.ones(keypoints_px.shape[:2], np.float32)
    visible = np.asarray(visible, np.float32)
    if visible.shape != keypoints_px.shape[:2]:
        raise InputError(
            f"visible must be (N, K) = {keypoints_px.shape[:2]}, got shape {visible.shape}"
        )
    if not np.isfinite(visible).all():
        raise InputError("visible must be finite, got NaN or infinity")
    return keypoints_px, visible


def _floating(array: NDArray[np.floating]) -> NDArray[np.floating]:
    array = np.asarray(array)
    return array if np.issubdtype(array.dtype, np.floating) else array.astype(np.float32)


def _relative_depth(
    keypoints_3d: NDArray[np.floating],
    keypoints_px: NDArray[np.floating],
    root_keypoints: tuple[int, ...],
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Depth from the root (N, K) and of the root (N,), metres."""
    keypoints_3d = _floating(keypoints_3d)
    if keypoints_3d.shape != (*keypoints_px.shape[:2], 3):
        raise InputError(
            f"keypoints_3d must be (N, K, 3) with (N, K) = {keypoints_px.shape[:2]}, "
            f"got shape {keypoints_3d.shape}"
        )
    root_m = keypoints_3d[:, list(root_keypoints), 2].mean(axis=1)  # (N,)
    return keypoints_3d[:, :, 2] - root_m[:, None], root_m


def _nearest_bins(
    places: NDArray[np.floating], labelled: NDArray[np.bool_], spec: SimCCSpec
) -> NDArray[np.int64]:
    """Nearest bin of each place, half to even; 0 for keypoints without a label."""
    bad = np.argwhere(labelled & ~np.isfinite(places).all(axis=2))
    if len(bad):
        person, keypoint = bad[0]
        raise InputError(
            f"keypoint {keypoint} of person {person} is visible but its place is not finite "
            f"({places[person, keypoint].tolist()}); set its visibility to 0"
        )
    bins = np.around(np.where(labelled[:, :, None], places, 0) * spec.split_ratio)
    limit = 10.0 * max(spec.bins)  # far enough to be out of range, near enough for an integer
    return bins.clip(-limit, limit).astype(np.int64)


def _gaussians(
    means: NDArray[np.int64],
    drawn: NDArray[np.bool_],
    size: int,
    sigma: float,
    normalize: bool,
) -> NDArray[np.float32]:
    """(N, K, size) Gaussians around whole bins: windows of one that is computed once."""
    margin = math.ceil(_REACH * sigma) + 1  # a mean may lie this far outside
    distance = np.arange(-(size + margin), size + margin + 1, dtype=np.float64)
    curve = np.exp(-(distance**2) / (2 * sigma**2)).astype(np.float32)
    if normalize:
        curve = (curve / (sigma * math.sqrt(2 * math.pi))).astype(np.float32)
    labels = np.zeros((*means.shape, size), np.float32)
    labels[drawn] = sliding_window_view(curve, size)[size + margin - means[drawn]]
    return labels
