"""Association of the people of a frame with tracks: similarities, then optimal assignment.

Three rounds: confirmed tracks where they are predicted; those that remain where they were last
seen (OC-SORT's recovery, for people who stopped while hidden); then tracks not confirmed yet.
"""

from __future__ import annotations

import math

import numpy as np

from rtmpose3d.geometry.boxes import iou_matrix
from rtmpose3d.structures import FloatArray
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

_MIN_MOTION = 0.05  # heights; a shorter motion has no reliable direction


def associate(
    tracks: list[Track], people: list[Sighting], options: TrackerOptions
) -> dict[int, Track]:
    """Tracks of the people of a frame.

    Args:
        tracks: advanced to the time of the frame.
        people: of the frame.
        options: weights and thresholds.

    Returns:
        Index of a person -> track, for those who continue one.
    """
    confirmed = [track for track in tracks if track.track_id != NO_ID]
    matches: dict[int, Track] = {}
    _extend(matches, confirmed, people, predicted_poses, options)
    _extend(matches, confirmed, people, poses_last_seen, options)
    tentative = [track for track in tracks if track.track_id == NO_ID]
    _extend(matches, tentative, people, predicted_poses, options)
    return matches


def stacked(people: list[Sighting]) -> TrackedPoses:
    """Boxes and poses of people as arrays."""
    keypoints = [person.keypoints_2d for person in people]
    return TrackedPoses(
        boxes_xyxy=np.array([person.box_xyxy for person in people]).reshape(-1, 4),
        keypoints_2d=np.array(keypoints).reshape(len(people), -1, 2),
        confident=np.array([p.confident for p in people], bool).reshape(len(people), -1),
    )


def _extend(
    matches: dict[int, Track],
    tracks: list[Track],
    people: list[Sighting],
    expected: ExpectedPoses,
    options: TrackerOptions,
) -> None:
    """Add the best pairs of tracks and people that are not matched yet."""
    taken = {id(track) for track in matches.values()}
    free_tracks = [track for track in tracks if id(track) not in taken]
    free_people = [i for i in range(len(people)) if i not in matches]
    if not free_tracks or not free_people:
        return
    candidates = [people[i] for i in free_people]
    poses, tolerance_px = expected(free_tracks)
    similarity = combined_similarity(poses, stacked(candidates), tolerance_px, options)
    gain = similarity - options.min_similarity
    gain = gain + options.momentum_weight * _direction_agreement(free_tracks, candidates)
    # Momentum ranks pairs but excludes none.
    gain = np.where(similarity >= options.min_similarity, np.maximum(gain, 1e-3), 0.0)
    for row, column in zip(*optimal_pairs(gain), strict=True):
        matches[free_people[column]] = free_tracks[row]


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
    return (box_xyxy[:2] + box_xyxy[2:]) / 2
