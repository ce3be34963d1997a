"""One track: the state of its box over time, and the person as last seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from rtmpose3d.structures import BoolArray, FloatArray
from rtmpose3d.tracking.appearance import unknown_colours
from rtmpose3d.tracking.box_filter import (
    BoxState,
    corrected_state,
    initial_state,
    predicted_state,
    re_updated_state,
)
from rtmpose3d.tracking.similarity import TRACKED, TrackedPoses

NO_ID = -1
_MIN_EXTENT_KEYPOINTS = 5  # confident keypoints that a box can be derived from
_MARGIN_RANGE = (-0.1, 0.6)  # of the extent of the keypoints; hair, hidden legs
_LEVEL_S = 1.0  # seconds over which the usual confidence of a track is averaged
# Speeds of keypoints relative to the centre of the box, heights / s: limbs, then head and trunk.
_LIMB_SPEED, _TRUNK_SPEED = 0.35, 0.12
_LONGEST_MOTION_S = 0.5  # limbs swing about the body, so later they are no farther
_LIMBS = (7, 8, 9, 10, 13, 14, 15, 16, *range(17, 23))
_SPEEDS = np.where(np.isin(np.arange(len(TRACKED)), _LIMBS), _LIMB_SPEED, _TRUNK_SPEED)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sighting:
    """One person in one frame.

    Attributes:
        box_xyxy: (4,) px.
        score: of the box.
        keypoints_2d: (23, 2) px, body and feet.
        confident: (23,) bool.
        mean_confidence: mean over the 17 keypoints of the body.
        time_s: time of the frame.
        colours: (6, 3) of its appearance, NaN where unknown.
        is_apart: whether no other person covers much of its box.
    """

    box_xyxy: FloatArray
    score: float
    keypoints_2d: FloatArray
    confident: BoolArray
    mean_confidence: float
    time_s: float
    colours: FloatArray
    is_apart: bool

    @property
    def extent_xyxy(self) -> FloatArray | None:
        """(4,) smallest box around the confident keypoints; None if they are too few."""
        points = self.keypoints_2d[self.confident]
        if len(points) < _MIN_EXTENT_KEYPOINTS:
            return None
        return np.concatenate([points.min(axis=0), points.max(axis=0)])


@dataclass(kw_only=True, eq=False)
class Track:
    """A person over time. Created from a first sighting; `advance`, then `see` or `miss`.

    Attributes:
        state: estimate of the box at the time of the last frame.
        seen: the last sighting.
        seen_state: estimate of the box at that sighting.
        first_s: time of the first sighting.
        track_id: its identifier, `NO_ID` until it is confirmed.
        hits: number of sightings.
        missed_times_s: times of the frames since the last sighting.
        history: times and boxes of recent sightings, oldest first.
        margin: (4,) by how much boxes exceed the keypoints, relative to their extent.
        score: of the last detection.
        confidence_level: usual mean confidence of the body.
        colours: (6, 3) usual appearance, NaN where unknown.
        colour_samples: number of sightings, apart from others, that `colours` is the mean of.
    """

    state: BoxState
    seen: Sighting
    seen_state: BoxState
    first_s: float
    track_id: int = NO_ID
    hits: int = 1
    missed_times_s: list[float] = field(default_factory=list)
    history: list[tuple[float, FloatArray]] = field(default_factory=list)
    margin: FloatArray = field(default_factory=lambda: np.full(4, 0.08))
    score: float = 0.0
    confidence_level: float = 0.0
    colours: FloatArray = field(default_factory=lambda: unknown_colours(1)[0])
    colour_samples: int = 0

    @classmethod
    def from_sighting(cls, seen: Sighting) -> Track:
        """A track of a person seen for the first time."""
        state = initial_state(seen.box_xyxy, seen.time_s)
        track = cls(state=state, seen=seen, seen_state=state, first_s=seen.time_s)
        track.history.append((seen.time_s, seen.box_xyxy))
        track.score, track.confidence_level = seen.score, seen.mean_confidence
        track._update_colours(1.0)
        return track

    @property
    def is_lost(self) -> bool:
        """Whether the person was missed in the last frame."""
        return bool(self.missed_times_s)

    def advance(self, time_s: float) -> None:
        """Predict the box at the time of the next frame."""
        self.state = predicted_state(self.state, time_s)

    def see(self, seen: Sighting, *, memory_s: float, detected: bool) -> None:
        """Continue with a sighting in the frame to which the track was advanced.

        Args:
            seen: the person.
            memory_s: seconds of sightings to keep in the history.
            detected: whether the box is a detector's, which updates `margin` and `score`.
        """
        if self.is_lost:
            self.state = re_updated_state(
                self.seen_state,
                self.seen.box_xyxy,
                seen.box_xyxy,
                [*self.missed_times_s, seen.time_s],
            )
            self.missed_times_s = []
        else:
            self.state = corrected_state(self.state, seen.box_xyxy)
        elapsed = seen.time_s - self.seen.time_s
        weight = 1 - np.exp(-elapsed / _LEVEL_S)
        self.confidence_level += weight * (seen.mean_confidence - self.confidence_level)
        self.seen, self.seen_state = seen, self.state
        self.hits += 1
        self.history.append((seen.time_s, seen.box_xyxy))
        while len(self.history) > 2 and self.history[1][0] <= seen.time_s - memory_s:
            self.history.pop(0)
        if detected:
            self.score = seen.score
            self._update_margin(weight)
        self._update_colours(weight)

    def miss(self, time_s: float) -> None:
        """Note a frame without a sighting."""
        self.missed_times_s.append(time_s)

    def _update_margin(self, weight: float) -> None:
        extent = self.seen.extent_xyxy
        if extent is None:
            return
        size = np.maximum(np.tile(extent[2:] - extent[:2], 2), 1.0)
        outwards = np.array([-1, -1, 1, 1]) * (self.seen.box_xyxy - extent) / size
        weight = max(weight, 0.3)
        self.margin = self.margin + weight * (np.clip(outwards, *_MARGIN_RANGE) - self.margin)

    def _update_colours(self, weight: float) -> None:
        """Average the appearance while the person is apart from others."""
        if not self.seen.is_apart and self.colour_samples:
            return
        if self.seen.is_apart:
            self.colour_samples += 1
            weight = max(weight, 1 / self.colour_samples)
        else:  # better than nothing until the person is apart
            weight = 0.5
        change = np.where(np.isnan(self.colours), 0.0, self.seen.colours - self.colours)
        known = np.where(np.isnan(self.colours), self.seen.colours, self.colours)
        self.colours = known + weight * np.nan_to_num(change)

    def next_box(self, time_s: float) -> FloatArray:
        """(4,) box of the person in the next frame: around the last pose, moved."""
        state = self.seen_state
        shift = (predicted_state(state, time_s).mean - state.mean)[:2, 0]
        return self.pose_box(self.seen) + np.tile(shift, 2)

    def pose_box(self, seen: Sighting) -> FloatArray:
        """(4,) box around a pose as a detector would draw it; the sighting's own without one."""
        extent = seen.extent_xyxy
        if extent is None:
            return seen.box_xyxy
        size = np.maximum(np.tile(extent[2:] - extent[:2], 2), 1.0)
        return extent + np.array([-1, -1, 1, 1]) * self.margin * size


ExpectedPoses: TypeAlias = Callable[[list["Track"]], tuple[TrackedPoses, FloatArray]]
"""From T tracks to their poses in the present frame and the tolerances (T, 23) px of these."""


def predicted_poses(tracks: list[Track]) -> tuple[TrackedPoses, FloatArray]:
    """Poses moved with the predicted boxes, and their standard deviations (T, 23) px."""
    shifts = np.array([t.state.mean[:2, 0] - t.seen_state.mean[:2, 0] for t in tracks])
    boxes = np.array([track.state.box_xyxy for track in tracks])
    tolerance = np.hypot(_limb_motion(tracks), [[track.state.centre_std_px] for track in tracks])
    return _moved(tracks, boxes, shifts), tolerance


def poses_last_seen(tracks: list[Track]) -> tuple[TrackedPoses, FloatArray]:
    """Poses where they were last seen, and their standard deviations (T, 23) px."""
    boxes = np.array([track.seen.box_xyxy for track in tracks])
    return _moved(tracks, boxes, np.zeros((len(tracks), 2))), _limb_motion(tracks)


def _limb_motion(tracks: list[Track]) -> FloatArray:
    """(T, 23) px by which keypoints may have moved relative to the box since last seen."""
    elapsed = [min(track.state.time_s - track.seen.time_s, _LONGEST_MOTION_S) for track in tracks]
    heights = [track.state.height_px for track in tracks]
    return np.multiply(elapsed, heights)[:, None] * _SPEEDS


def _moved(tracks: list[Track], boxes_xyxy: FloatArray, shifts: FloatArray) -> TrackedPoses:
    keypoints = np.array([track.seen.keypoints_2d for track in tracks])
    return TrackedPoses(
        boxes_xyxy=boxes_xyxy,
        keypoints_2d=keypoints + shifts[:, None],
        confident=np.array([track.seen.confident for track in tracks]),
    )
