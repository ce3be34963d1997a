"""A smoothed track with bones of constant lengths, and the root depth that they determine."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from rtmpose3d.geometry import Camera, camera_from_relative
from rtmpose3d.skeletons import HIPS
from rtmpose3d.structures import FloatArray
from rtmpose3d.tracking.smoothing.bones import (
    BoneLengths,
    constrained,
    measured_lengths,
    refined_root_depths,
)
from rtmpose3d.tracking.smoothing.root_filter import smooth_log_depths
from rtmpose3d.tracking.smoothing.writing_back import SmoothedTrack

_ROUNDS = 2  # root depths and lengths depend on each other
_CORRECTIONS = 2  # smoothed moves towards constant lengths, before the exact one
_CORRECTION_S = 0.1  # over which these are smoothed


def with_constant_bones(track: SmoothedTrack) -> SmoothedTrack:
    """The track with bones of constant lengths; as it is without 3D or without reliable bones."""
    camera, relative, root = track.track.camera, track.relative_m, track.root_depth_m
    if camera is None or relative is None or root is None or track.root_std_m is None:
        return track
    weight = _interpolated(track.track.weight, track.track.seen)
    lengths = measured_lengths(_space(track.points, relative, root, camera), weight)
    if len(lengths.pairs) == 0:
        return track
    for _ in range(_ROUNDS):
        refined, log_std = refined_root_depths(
            track.points, relative, weight, root, lengths, camera
        )
        root = smooth_log_depths(track.track.times_s, refined, log_std)
        # Lengths and depths could grow together: the mean depth stays that of the estimates.
        root = root * np.exp(np.mean(np.log(track.root_depth_m / root)))
        lengths = measured_lengths(_space(track.points, relative, root, camera), weight)
    return _constrained_track(replace(track, root_depth_m=root), weight, lengths, camera)


def _constrained_track(
    track: SmoothedTrack, weight: FloatArray, lengths: BoneLengths, camera: Camera
) -> SmoothedTrack:
    assert track.relative_m is not None
    assert track.root_depth_m is not None
    space = _space(track.points, track.relative_m, track.root_depth_m, camera)
    for _ in range(_CORRECTIONS):
        correction = constrained(space, weight, lengths) - space
        space = space + _smoothed_in_time(correction, track.track.times_s)
    space = constrained(space, weight, lengths)
    root = space[:, list(HIPS), 2].mean(axis=1)
    return replace(
        track,
        points=camera.project(space),
        relative_m=space[..., 2] - root[:, None],
        root_depth_m=root,
    )


def _space(
    points: FloatArray, relative_m: FloatArray, root_depth_m: FloatArray, camera: Camera
) -> FloatArray:
    """(F, K, 3) metres, camera space."""
    return camera_from_relative(points, relative_m, root_depth_m, camera).astype(np.float64)


def _interpolated(weight: FloatArray, seen: np.ndarray) -> FloatArray:
    """(F, K) weights; frames without a sighting get those of the last one before."""
    last = np.maximum.accumulate(
        np.where(np.isin(np.arange(len(weight)), seen), np.arange(len(weight)), 0)
    )
    return weight[last]


def _smoothed_in_time(values: FloatArray, times_s: FloatArray) -> FloatArray:
    """(F, K, 3) means under a Gaussian in time."""
    frames = np.arange(len(times_s))
    interval = float(np.median(np.diff(times_s))) if len(times_s) > 1 else _CORRECTION_S
    reach = min(math.ceil(3 * _CORRECTION_S / interval), len(times_s) - 1)
    total, weights = np.zeros_like(values), np.zeros(len(times_s))
    for shift in range(-reach, reach + 1):
        other = np.clip(frames + shift, 0, len(times_s) - 1)
        weight = np.exp(-0.5 * np.square((times_s[other] - times_s) / _CORRECTION_S))
        weight = np.where(other == frames + shift, weight, 0.0)
        total += weight[:, None, None] * values[other]
        weights += weight
    return total / weights[:, None, None]
