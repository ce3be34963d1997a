"""`LiveSmoother`: results smoothed frame by frame, without waiting for later ones.

Keypoints in pixels and depths relative to the root go through One-Euro filters, after the motion
that a person's joints have in common, which the filters need not delay; the depth of the root goes
through a Kalman filter of its track; positions in camera space follow from these, so that 2D
and 3D agree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import camera_from_relative
from rtmpose3d.geometry.proportions import MEAN_STATURE_M
from rtmpose3d.skeletons import NUM_KEYPOINTS
from rtmpose3d.structures import BoolArray, FloatArray, IntArray, PoseResult
from rtmpose3d.tracking.smoothing.one_euro import OneEuroState, low_pass_gain, one_euro_step
from rtmpose3d.tracking.smoothing.options import DEFAULT_SMOOTHER_OPTIONS, SmootherOptions
from rtmpose3d.tracking.smoothing.reliability import person_sizes, reliability
from rtmpose3d.tracking.smoothing.root_filter import RootState, initial_root, root_step

_JOINTS = slice(0, 17)  # whose motion counts as common
_RELIABLE = 0.3  # weight of a joint that counts
_MIN_JOINTS = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class _Filters:
    """Filters of T tracks, one row for each."""

    track_ids: IntArray  # (T,)
    times_s: FloatArray  # (T,) of the last frame with the track
    points: OneEuroState  # (T, K, 2) px
    depths: OneEuroState  # (T, K) metres, relative to the root
    roots: RootState  # (T,); NaN before the first frame and without 3D

    @classmethod
    def empty(cls, track_ids: IntArray, time_s: float) -> _Filters:
        tracks = len(track_ids)
        return cls(
            track_ids=track_ids,
            times_s=np.full(tracks, time_s),
            points=OneEuroState.empty((tracks, NUM_KEYPOINTS, 2)),
            depths=OneEuroState.empty((tracks, NUM_KEYPOINTS)),
            roots=RootState.empty(tracks),
        )

    def select(self, rows: IntArray | BoolArray) -> _Filters:
        return _Filters(
            track_ids=self.track_ids[rows],
            times_s=self.times_s[rows],
            points=self.points.select(rows),
            depths=self.depths.select(rows),
            roots=self.roots.select(rows),
        )

    def joined(self, other: _Filters) -> _Filters:
        return _Filters(
            track_ids=np.concatenate([self.track_ids, other.track_ids]),
            times_s=np.concatenate([self.times_s, other.times_s]),
            points=self.points.joined(other.points),
            depths=self.depths.joined(other.depths),
            roots=self.roots.joined(other.roots),
        )


class LiveSmoother:
    """Smooths the results of a stream; a class because it holds the filters between frames."""

    def __init__(self, options: SmootherOptions = DEFAULT_SMOOTHER_OPTIONS) -> None:
        self.options = options
        self._filters = _Filters.empty(np.zeros(0, np.int64), 0.0)
        self._time_s = -np.inf

    def update(self, result: PoseResult) -> PoseResult:
        """Smooth the next result of a stream.

        Args:
            result: with `track_ids` and `time_s`. People without an identifier, -1, are left as
                they are.

        Returns:
            The result with smoothed keypoints_2d and, in 3D, keypoints_camera, root_depth_m and
            root_depth_std_m.

        Raises:
            InputError: no track_ids or time_s, a time that does not increase, or one identifier
                twice.
        """
        ids, time_s = checked_track_ids(result), checked_time(result, self._time_s)
        self._time_s = time_s
        people = np.flatnonzero(ids >= 0)
        filters = self._select_filters(ids[people], time_s)
        kept = ~np.isin(self._filters.track_ids, ids[people])
        kept &= time_s - self._filters.times_s <= self.options.reset_s
        if len(people) == 0:
            self._filters = self._filters.select(kept)
            return result
        filters, smoothed = self._step(filters, result[people], time_s)
        self._filters = self._filters.select(kept).joined(filters)
        return inserted(result, people, smoothed)

    def _select_filters(self, track_ids: IntArray, time_s: float) -> _Filters:
        """Filters of these tracks, empty ones for tracks that are new or were lost too long."""
        known = self._filters
        recent = known.select(time_s - known.times_s <= self.options.reset_s)
        new = track_ids[~np.isin(track_ids, recent.track_ids)]
        every = recent.joined(_Filters.empty(new, time_s))
        row = {int(track_id): i for i, track_id in enumerate(every.track_ids)}
        return every.select(np.array([row[int(track_id)] for track_id in track_ids], np.int64))

    def _step(
        self, filters: _Filters, people: PoseResult, time_s: float
    ) -> tuple[_Filters, PoseResult]:
        """One step of the filters of all people, and the smoothed people."""
        options = self.options
        dt_s = np.where(filters.times_s < time_s, time_s - filters.times_s, 1.0)
        weight = reliability(people)
        measured = np.asarray(people.keypoints_2d, np.float64)
        common = common_motion(filters.points.value, measured, weight)
        common = common * low_pass_gain(options.common_cutoff_hz, dt_s)[:, None]
        points = one_euro_step(
            replace(filters.points, value=filters.points.value + common[:, None]),
            measured,
            dt_s[:, None, None],
            weight[..., None],
            min_cutoff_hz=options.min_cutoff_hz,
            beta=(options.beta / person_sizes(people))[:, None, None],
            speed_cutoff_hz=options.speed_cutoff_hz,
        )
        times_s = np.full(len(people), time_s)
        filters = replace(filters, points=points, times_s=times_s)
        dtype = people.keypoints_2d.dtype
        smoothed = replace(people, keypoints_2d=points.value.astype(dtype))
        if people.keypoints_camera is None:
            return filters, smoothed
        relative_m, depth_m, std_m = relative_depths(people)
        depths = one_euro_step(
            filters.depths,
            relative_m,
            dt_s[:, None],
            weight,
            min_cutoff_hz=options.depth_min_cutoff_hz,
            beta=options.beta / MEAN_STATURE_M,
            speed_cutoff_hz=options.speed_cutoff_hz,
        )
        is_new = np.isnan(filters.roots.mean[:, 0])
        roots = root_step(filters.roots, depth_m, std_m, dt_s).replaced_where(
            is_new, initial_root(depth_m, std_m)
        )
        filters = replace(filters, depths=depths, roots=roots)
        return filters, with_depths(smoothed, depths.value, roots.depth_m, roots.std_m)


def common_motion(before: FloatArray, measured: FloatArray, weight: FloatArray) -> FloatArray:
    """Median motion of the reliable joints of each person.

    Args:
        before: (N, K, 2) filtered points, px; NaN where there are none yet.
        measured: (N, K, 2) px.
        weight: (N, K) reliability of the measured points.

    Returns:
        (N, 2) px; 0 for people with few reliable joints.
    """
    motion = (measured - before)[:, _JOINTS]
    usable = np.isfinite(motion).all(axis=2) & (weight[:, _JOINTS] > _RELIABLE)
    common = np.zeros((len(motion), 2))
    for i in np.flatnonzero(usable.sum(axis=1) >= _MIN_JOINTS):
        common[i] = np.median(motion[i, usable[i]], axis=0)
    return common


def checked_track_ids(result: PoseResult) -> IntArray:
    """(N,) identifiers of the people.

    Raises:
        InputError: the result has none, or one of them twice.
    """
    if result.track_ids is None:
        raise InputError("smoothing follows tracks, but the result has no track_ids")
    ids = np.asarray(result.track_ids, np.int64)
    if len(np.unique(ids[ids >= 0])) < (ids >= 0).sum():
        raise InputError(f"track_ids must be unique in a frame, got {ids.tolist()}")
    return ids


def checked_time(result: PoseResult, previous_s: float) -> float:
    """Time of a result.

    Raises:
        InputError: it has none, or one that is not above that of the result before.
    """
    if result.time_s is None:
        raise InputError("smoothing needs the time of each frame, but time_s is None")
    if result.time_s <= previous_s:
        raise InputError(
            f"time_s must increase from frame to frame, got {result.time_s} after {previous_s}"
        )
    return float(result.time_s)


def relative_depths(people: PoseResult) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Depths (N, K) relative to the roots, those of the roots (N,), their deviations (N,); metres.

    An unknown deviation counts as the whole depth.
    """
    assert people.keypoints_camera is not None
    assert people.root_depth_m is not None
    depth_m = np.asarray(people.root_depth_m, np.float64)
    relative_m = np.asarray(people.keypoints_camera, np.float64)[..., 2] - depth_m[:, None]
    if people.root_depth_std_m is None:
        return relative_m, depth_m, depth_m
    std_m = np.asarray(people.root_depth_std_m, np.float64)
    return relative_m, depth_m, np.where(np.isfinite(std_m), std_m, depth_m)


def with_depths(
    people: PoseResult, relative_m: FloatArray, root_depth_m: FloatArray, std_m: FloatArray
) -> PoseResult:
    """The people with other depths, lifted from their keypoints_2d.

    Args:
        people: N people in 3D.
        relative_m: (N, K) depths relative to the roots.
        root_depth_m: (N,) depths of the roots; those that were given remain.
        std_m: (N,) their standard deviations.
    """
    assert people.camera is not None
    assert people.root_depth_m is not None
    given = np.array([source == "given" for source in people.root_depth_source], bool)
    depth_m = np.where(given, people.root_depth_m, root_depth_m)
    dtype = people.keypoints_2d.dtype
    points = camera_from_relative(
        people.keypoints_2d.astype(np.float64), relative_m, depth_m, people.camera
    )
    return replace(
        people,
        keypoints_camera=points.astype(dtype),
        root_depth_m=depth_m.astype(dtype),
        root_depth_std_m=np.where(given, 0.0, std_m).astype(dtype),
    )


def inserted(result: PoseResult, people: IntArray, replaced: PoseResult) -> PoseResult:
    """The result with some of its people replaced.

    Args:
        result: N people.
        people: (P,) indices of those to replace.
        replaced: P people.
    """
    changes: dict[str, FloatArray] = {}
    for name in ("keypoints_2d", "keypoints_camera", "root_depth_m", "root_depth_std_m"):
        old, new = getattr(result, name), getattr(replaced, name)
        if old is not None and new is not None:
            changes[name] = old.copy()
            changes[name][people] = new
    return replace(result, **changes)  # pyright: ignore[reportArgumentType]
