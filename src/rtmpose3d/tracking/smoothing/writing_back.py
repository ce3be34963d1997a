"""Smoothed tracks put back into the results of their frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtmpose3d.structures import BoolArray, FloatArray, PoseResult
from rtmpose3d.structures.fields import person_fields
from rtmpose3d.tracking.smoothing.live import with_depths
from rtmpose3d.tracking.smoothing.series import TrackSeries
from rtmpose3d.tracking.smoothing.swaps import flipped_groups


@dataclass(frozen=True, kw_only=True, eq=False)
class SmoothedTrack:
    """Smoothed values of a series of F frames.

    Attributes:
        track: the series.
        points: (F, K, 2) px.
        swapped: (F, 3) frames in which sides were exchanged, see `swaps`.
        relative_m: (F, K) depths relative to the root; None without 3D.
        root_depth_m: (F,) depths of the root; None without 3D.
        root_std_m: (F,) their standard deviations; None without 3D.
    """

    track: TrackSeries
    points: FloatArray
    swapped: BoolArray
    relative_m: FloatArray | None = None
    root_depth_m: FloatArray | None = None
    root_std_m: FloatArray | None = None


def with_tracks(results: Sequence[PoseResult], tracks: Sequence[SmoothedTrack]) -> list[PoseResult]:
    """Results with smoothed tracks, in frames without a sighting as additional people.

    Args:
        results: of a stream, in order.
        tracks: of the same results.

    Returns:
        The results, with `filled` set.
    """
    people: list[dict[int, PoseResult]] = [{} for _ in results]
    added: list[list[PoseResult]] = [[] for _ in results]
    for track in tracks:
        for row, frame in enumerate(track.track.frames.tolist()):
            person = int(track.track.people[row])
            if person >= 0:
                people[frame][person] = _smoothed_person(results[frame][person], track, row)
            else:
                added[frame].append(_filled_person(results, track, row))
    return [
        _joined(
            result,
            [people[i].get(j, result[j]) for j in range(len(result))] + added[i],
            filled=len(added[i]),
        )
        for i, result in enumerate(results)
    ]


def _smoothed_person(person: PoseResult, track: SmoothedTrack, row: int) -> PoseResult:
    """One person with the smoothed values of one frame."""
    dtype = person.keypoints_2d.dtype
    known = np.isfinite(track.points[row])
    points = np.where(known, track.points[row], person.keypoints_2d[0])
    swapped = track.swapped[row : row + 1]
    exchanged = {
        name: flipped_groups(getattr(person, name), swapped)
        for name in ("scores", "confidence", "keypoints_2d_std", "depth_std_m")
        if getattr(person, name) is not None
    }
    person = replace(person, keypoints_2d=points[None].astype(dtype), **exchanged)
    if track.relative_m is None or track.root_depth_m is None or track.root_std_m is None:
        return person
    index = slice(row, row + 1)
    return with_depths(
        person, track.relative_m[index], track.root_depth_m[index], track.root_std_m[index]
    )


def _filled_person(results: Sequence[PoseResult], track: SmoothedTrack, row: int) -> PoseResult:
    """A person who was not seen in a frame, from the sightings before and after."""
    series = track.track
    seen = series.seen
    before, after = seen[seen < row][-1], seen[seen > row][0]
    first, last = (results[int(series.frames[i])][int(series.people[i])] for i in (before, after))
    weight = (series.times_s[row] - series.times_s[before]) / (
        series.times_s[after] - series.times_s[before]
    )
    nearest, frame = (last if weight > 0.5 else first), results[int(series.frames[row])]
    between = ((1 - weight) * first.bboxes + weight * last.bboxes).astype(first.bboxes.dtype)
    person = replace(
        nearest,
        bboxes=between,
        bbox_scores=np.minimum(first.bbox_scores, last.bbox_scores),
        scores=np.minimum(first.scores, last.scores),
        confidence=np.minimum(first.confidence, last.confidence),
        camera=frame.camera or nearest.camera,
    )
    return _smoothed_person(person, track, row)


def _joined(result: PoseResult, people: list[PoseResult], *, filled: int) -> PoseResult:
    """A result with these people; the last ones are marked as filled."""
    marks = np.zeros(len(people), np.int64)
    marks[len(people) - filled :] = 1
    if not people:
        return replace(result, filled=marks)
    changes: dict[str, object] = {"filled": marks}
    for entry in person_fields(type(result)):
        if not entry.stored or entry.name == "filled":
            continue
        values = [getattr(person, entry.name) for person in people]
        if any(value is None for value in values):
            continue
        if isinstance(values[0], tuple):
            changes[entry.name] = tuple(item for value in values for item in value)
        else:
            changes[entry.name] = np.concatenate(values)
    return replace(result, **changes)  # pyright: ignore[reportArgumentType]
