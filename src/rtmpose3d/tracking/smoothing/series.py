"""Tracks of finished results as arrays over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtmpose3d.geometry import Camera
from rtmpose3d.structures import FloatArray, IntArray, PoseResult
from rtmpose3d.tracking.smoothing.live import relative_depths
from rtmpose3d.tracking.smoothing.reliability import person_sizes, reliability


@dataclass(frozen=True, kw_only=True, eq=False)
class TrackSeries:
    """One track over F frames without a long gap; rows without a sighting are NaN.

    Attributes:
        track_id: its identifier.
        frames: (F,) indices of the results, consecutive.
        people: (F,) index of the person in each result; -1 in frames without a sighting.
        times_s: (F,).
        points: (F, K, 2) px.
        weight: (F, K) reliability, 0 to 1.
        size_px: (F,) sizes of the person, interpolated.
        relative_m: (F, K) depths relative to the root; None without 3D.
        root_depth_m: (F,) depths of the root; None without 3D.
        root_std_m: (F,) their standard deviations; None without 3D.
        camera: of all frames; None without 3D, or if it changes.
    """

    track_id: int
    frames: IntArray
    people: IntArray
    times_s: FloatArray
    points: FloatArray
    weight: FloatArray
    size_px: FloatArray
    relative_m: FloatArray | None
    root_depth_m: FloatArray | None
    root_std_m: FloatArray | None
    camera: Camera | None

    @property
    def seen(self) -> IntArray:
        """(S,) rows with a sighting."""
        return np.flatnonzero(self.people >= 0)


def track_series(
    results: Sequence[PoseResult], ids: Sequence[IntArray], times_s: FloatArray, max_gap_s: float
) -> list[TrackSeries]:
    """Series of all tracks.

    Args:
        results: of a stream, in order.
        ids: identifiers of the people of each result.
        times_s: times of the results.
        max_gap_s: a track that was not seen for longer becomes two series.
    """
    sightings: dict[int, list[tuple[int, int]]] = {}
    for frame, frame_ids in enumerate(ids):
        for person, track_id in enumerate(frame_ids.tolist()):
            if track_id >= 0:
                sightings.setdefault(track_id, []).append((frame, person))
    found = []
    for track_id, pairs in sightings.items():
        frames = np.array([frame for frame, _ in pairs])
        gaps = np.flatnonzero(np.diff(times_s[frames]) > max_gap_s) + 1
        parts = np.split(np.arange(len(pairs)), gaps)
        found += [_series(track_id, [pairs[i] for i in part], results, times_s) for part in parts]
    return found


def _series(
    track_id: int,
    pairs: list[tuple[int, int]],
    results: Sequence[PoseResult],
    times_s: FloatArray,
) -> TrackSeries:
    frames = np.arange(pairs[0][0], pairs[-1][0] + 1)
    people = np.full(len(frames), -1)
    for frame, person in pairs:
        people[frame - frames[0]] = person
    seen = np.flatnonzero(people >= 0)
    persons = [results[frame][person] for frame, person in pairs]

    def spread(rows: list[FloatArray], fill: float) -> FloatArray:
        values = np.concatenate(rows).astype(np.float64)
        array = np.full((len(frames), *values.shape[1:]), fill)
        array[seen] = values
        return array

    relative = root = std = None
    if all(person.has_3d for person in persons):
        depths = [relative_depths(person) for person in persons]
        relative, root, std = (spread([d[i] for d in depths], np.nan) for i in range(3))
    sizes = np.concatenate([person_sizes(person) for person in persons])
    return TrackSeries(
        track_id=track_id,
        frames=frames,
        people=people,
        times_s=times_s[frames],
        points=spread([np.asarray(person.keypoints_2d) for person in persons], np.nan),
        weight=spread([reliability(person) for person in persons], 0.0),
        size_px=np.interp(times_s[frames], times_s[frames[seen]], sizes),
        relative_m=relative,
        root_depth_m=root,
        root_std_m=std,
        camera=persons[0].camera if len({person.camera for person in persons}) == 1 else None,
    )
