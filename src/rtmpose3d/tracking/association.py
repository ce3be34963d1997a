"""Association of the people of a frame with tracks: similarities, then optimal assignment.

Four rounds: confirmed tracks where they are predicted; those that remain where they were last
seen (OC-SORT's recovery, for people who stopped while hidden); those that were lost by appearance,
in the surroundings; then tracks not confirmed yet.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from rtmpose3d.geometry.boxes import iou_matrix
from rtmpose3d.structures import FloatArray
from rtmpose3d.tracking.appearance import appearance_matrix
from rtmpose3d.tracking.assignment import optimal_pairs
from rtmpose3d.tracking.options import TrackerOptions
from rtmpose3d.tracking.similarity import TrackedPoses, oks_matrix
from rtmpose3d.tracking.track import (
    NO_ID,
    ExpectedPoses,
    Sighting,
    Track,
    poses_last_seen,
    predicted_poses,
)

_REACH, _REACH_SPEED = 0.4, 1.0  # heights, and heights / s, that a lost person may be away
_SIZE_CHANGE = 0.5  # of the logarithm of the height of a lost person
_MIN_MOTION = 0.05  # heights; a shorter motion has no reliable direction


@dataclass(frozen=True, kw_only=True, eq=False)
class Match:
    """A track that a person continues, and how well the two agree."""

    track: Track
    gain: float


def associate(
    tracks: list[Track], people: list[Sighting], options: TrackerOptions
) -> dict[int, Match]:
    """Tracks of the people of a frame.

    Args:
        tracks: advanced to the time of the frame.
        people: of the frame.
        options: weights and thresholds.

    Returns:
        Index of a person -> match, for those who continue a track.
    """
    confirmed = [track for track in tracks if track.track_id != NO_ID]
    matches: dict[int, Match] = {}
    _extend(matches, confirmed, people, _gains(predicted_poses, options))
    _extend(matches, confirmed, people, _gains(poses_last_seen, options))
    lost = [track for track in confirmed if track.is_lost]
    _extend(matches, lost, people, partial(_recognition_gains, options=options))
    tentative = [track for track in tracks if track.track_id == NO_ID]
    _extend(matches, tentative, people, _gains(predicted_poses, options))
    return matches


def stacked(people: list[Sighting]) -> TrackedPoses:
    """Boxes and poses of people as arrays."""
    keypoints = [person.keypoints_2d for person in people]
    return TrackedPoses(
        boxes_xyxy=np.array([person.box_xyxy for person in people]).reshape(-1, 4),
        keypoints_2d=np.array(keypoints).reshape(len(people), -1, 2),
        confident=np.array([p.confident for p in people], bool).reshape(len(people), -1),
    )


GainRule: TypeAlias = Callable[[list[Track], list[Sighting]], FloatArray]
"""From T tracks and N people to (T, N) gains of pairs, 0 for those that are excluded."""


def _extend(
    matches: dict[int, Match], tracks: list[Track], people: list[Sighting], rule: GainRule
) -> None:
    """Add the best pairs of tracks and people that are not matched yet."""
    taken = {id(match.track) for match in matches.values()}
    free_tracks = [track for track in tracks if id(track) not in taken]
    free_people = [i for i in range(len(people)) if i not in matches]
    if not free_tracks or not free_people:
        return
    gain = rule(free_tracks, [people[i] for i in free_people])
    for row, column in zip(*optimal_pairs(gain), strict=True):
        track = free_tracks[row]
        matches[free_people[column]] = Match(track=track, gain=float(gain[row, column]))


def _gains(expected: ExpectedPoses, options: TrackerOptions) -> GainRule:
    """Gains by similarity of boxes and poses, direction of motion and appearance."""

    def rule(tracks: list[Track], people: list[Sighting]) -> FloatArray:
        poses, tolerance_px = expected(tracks)
        similarity = combined_similarity(poses, stacked(people), tolerance_px, options)
        appearance = _appearance(tracks, people)
        gain = similarity - options.min_similarity
        gain = gain + options.momentum_weight * _direction_agreement(tracks, people)
        gain = gain + options.appearance_weight * (np.nan_to_num(appearance, nan=0.5) - 0.5)
        possible = similarity >= options.min_similarity
        possible &= ~(appearance < options.min_appearance)
        # Momentum and appearance rank pairs but exclude none.
        return np.where(possible, np.maximum(gain, 1e-3), 0.0)

    return rule


def _recognition_gains(
    tracks: list[Track], people: list[Sighting], options: TrackerOptions
) -> FloatArray:
    """Gains of people who reappear where they may have gone, by appearance."""
    appearance = np.nan_to_num(_appearance(tracks, people), nan=0.0)
    boxes = stacked(people).boxes_xyxy
    centres, heights = _centre(boxes), boxes[:, 3] - boxes[:, 1]
    gain = np.zeros((len(tracks), len(people)))
    for i, track in enumerate(tracks):
        height = track.seen_state.height_px
        elapsed = track.state.time_s - track.seen.time_s
        reach = height * (_REACH + _REACH_SPEED * elapsed)
        expected = np.array([_centre(track.state.box_xyxy), _centre(track.seen.box_xyxy)])
        away = np.linalg.norm(centres - expected[:, None], axis=2).min(axis=0)
        similar_size = np.abs(np.log(np.maximum(heights, 1) / height)) < _SIZE_CHANGE
        possible = (away < reach) & similar_size & (appearance[i] >= options.min_recognition)
        gain[i] = np.where(possible, appearance[i] * (1 - 0.5 * away / reach), 0.0)
    return gain


def _appearance(tracks: list[Track], people: list[Sighting]) -> FloatArray:
    """(T, N) similarity of colours; NaN where unknown."""
    return appearance_matrix(
        np.array([track.colours for track in tracks]),
        np.array([person.colours for person in people]),
    )


def combined_similarity(
    a: TrackedPoses, b: TrackedPoses, tolerance_px: FloatArray | None, options: TrackerOptions
) -> FloatArray:
    """(N, M) weighted mean of IoU and OKS; IoU alone where poses share too few keypoints."""
    overlap = iou_matrix(a.boxes_xyxy, b.boxes_xyxy)
    oks = oks_matrix(a, b, tolerance_px)
    weighted = (1 - options.pose_weight) * overlap + options.pose_weight * oks
    return np.where(np.isnan(oks), overlap, weighted)


def _direction_agreement(tracks: list[Track], people: list[Sighting]) -> FloatArray:
    """(T, N) from -0.5, backwards, to 0.5, onwards: OC-SORT's momentum; 0 without a motion."""
    centres = np.array([_centre(person.box_xyxy) for person in people])
    agreement = np.zeros((len(tracks), len(people)))
    for i, track in enumerate(tracks):
        start = _centre(track.history[0][1])
        past = _centre(track.seen.box_xyxy) - start
        motion = centres - start
        shortest = _MIN_MOTION * track.state.height_px
        lengths = np.linalg.norm(motion, axis=1)
        if math.hypot(*past) < shortest:
            continue
        cosine = motion @ past / np.maximum(lengths * math.hypot(*past), 1e-9)
        angle = np.arccos(np.clip(cosine, -1, 1))
        agreement[i] = np.where(lengths < shortest, 0.0, 0.5 - angle / math.pi)
    return agreement


def _centre(box_xyxy: FloatArray) -> FloatArray:
    return (box_xyxy[..., :2] + box_xyxy[..., 2:]) / 2
