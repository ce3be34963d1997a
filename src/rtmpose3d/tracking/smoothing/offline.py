"""`smooth_offline`: finished results smoothed with what comes before and after, without lag.

For each track: exchanged sides are mended; short gaps are filled, keypoints and depths pass a
Kalman smoother in both directions, and outliers count less in a second run; bones get constant
lengths.
Positions in camera space follow from the smoothed pixels and depths, so that 2D and 3D agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rtmpose3d.structures import BoolArray, FloatArray, PoseResult
from rtmpose3d.tracking.smoothing.constant_bones import with_constant_bones
from rtmpose3d.tracking.smoothing.kalman import smooth_series
from rtmpose3d.tracking.smoothing.live import checked_time, checked_track_ids
from rtmpose3d.tracking.smoothing.options import DEFAULT_OFFLINE_OPTIONS, OfflineOptions
from rtmpose3d.tracking.smoothing.root_filter import smooth_roots
from rtmpose3d.tracking.smoothing.series import TrackSeries, track_series
from rtmpose3d.tracking.smoothing.swaps import GROUPS, flipped_groups, swapped_frames
from rtmpose3d.tracking.smoothing.writing_back import SmoothedTrack, with_tracks

_OUTLIER_NU = 4.0  # Student's t: a residual of four deviations counts a quarter


def smooth_offline(
    results: Sequence[PoseResult], options: OfflineOptions = DEFAULT_OFFLINE_OPTIONS
) -> list[PoseResult]:
    """Smooth all results of a stream.

    Args:
        results: in order, with `track_ids` and `time_s`. People without an identifier, -1, are
            left as they are.
        options: strength of the smoothing and the longest gap to fill.

    Returns:
        The results with smoothed keypoints_2d and, in 3D, keypoints_camera, root_depth_m and
        root_depth_std_m. People who were not seen in a few frames are added to these, with
        `filled` 1.

    Raises:
        InputError: no track_ids or time_s, times that do not increase, or one identifier twice.
    """
    ids = [checked_track_ids(result) for result in results]
    times: list[float] = []
    for result in results:
        times.append(checked_time(result, times[-1] if times else -np.inf))
    series = track_series(results, ids, np.array(times), options.max_gap_s)
    return with_tracks(results, [_smooth_track(track, options) for track in series])


def _smooth_track(track: TrackSeries, options: OfflineOptions) -> SmoothedTrack:
    track, swapped = _with_sides_mended(track)
    noise = (options.noise * track.size_px)[:, None] / np.maximum(track.weight, 1e-3)
    points = _robustly_smoothed(
        track.times_s,
        track.points,
        np.broadcast_to(np.square(noise)[..., None], track.points.shape),
        options.acceleration * float(np.median(track.size_px)),
    )
    if track.relative_m is None or track.root_depth_m is None or track.root_std_m is None:
        return SmoothedTrack(track=track, points=points, swapped=swapped)
    depth_noise = options.depth_noise_m / np.maximum(track.weight, 1e-3)
    relative = _robustly_smoothed(
        track.times_s, track.relative_m, np.square(depth_noise), options.depth_acceleration
    )
    root_depth_m, root_std_m = smooth_roots(track.times_s, track.root_depth_m, track.root_std_m)
    smoothed = SmoothedTrack(
        track=track,
        points=points,
        swapped=swapped,
        relative_m=relative,
        root_depth_m=root_depth_m,
        root_std_m=root_std_m,
    )
    return with_constant_bones(smoothed)


def _with_sides_mended(track: TrackSeries) -> tuple[TrackSeries, BoolArray]:
    """The series with left and right as in most frames, and (F, 3) frames that were changed."""
    seen = track.seen
    swapped = np.zeros((len(track.frames), len(GROUPS)), bool)
    relative = track.relative_m
    swapped[seen] = swapped_frames(
        track.points[seen],
        None if relative is None else relative[seen],
        track.weight[seen],
        track.size_px[seen],
    )
    mended = replace(
        track,
        points=flipped_groups(track.points, swapped),
        weight=flipped_groups(track.weight, swapped),
        relative_m=None if relative is None else flipped_groups(relative, swapped),
    )
    return mended, swapped


def _robustly_smoothed(
    times_s: FloatArray, measured: FloatArray, variance: FloatArray, acceleration: float
) -> FloatArray:
    """Smoothed values; measurements far from them count less in a second run."""
    first, std = smooth_series(times_s, measured, variance, acceleration)
    squared = np.square(measured - first) / (variance + np.square(std))
    if measured.ndim == 3:  # x and y of a keypoint are right or wrong together
        squared = np.broadcast_to(squared.mean(axis=2, keepdims=True), measured.shape)
    inflation = (_OUTLIER_NU + squared) / (_OUTLIER_NU + 1)
    return smooth_series(times_s, measured, variance * np.maximum(inflation, 1.0), acceleration)[0]
