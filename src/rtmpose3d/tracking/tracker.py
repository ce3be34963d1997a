"""`Tracker`: identities of people over the frames of a stream.

A Kalman filter on boxes with the observation-centric steps of OC-SORT (Cao et al., CVPR 2023):
momentum in the association, recovery at the last sighting, re-update after an absence. Similarity
is that of boxes (IoU), of poses (OKS over confident keypoints) and of the colours of clothes and
skin. A person who returns after `max_lost_s` seconds gets a new id.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.boxes import box_areas, intersection_areas, iou_matrix
from rtmpose3d.skeletons import NUM_KEYPOINTS
from rtmpose3d.structures import BoolArray, FloatArray, IntArray
from rtmpose3d.tracking.appearance import NUM_REGIONS, unknown_colours
from rtmpose3d.tracking.association import Match, associate, stacked
from rtmpose3d.tracking.options import DEFAULT_TRACKER_OPTIONS, TrackerOptions
from rtmpose3d.tracking.similarity import TRACKED, oks_matrix
from rtmpose3d.tracking.track import NO_ID, Sighting, Track

_BODY = slice(0, 17)  # keypoints whose confidence is that of a pose
_OUTSIDE = 0.1  # of the size of a box: keypoints farther out have left it
_LEFT_SHARE = 0.1  # of the confident keypoints: with more of them outside, a pose left its box
_DROP = 0.6  # of a track's usual confidence: below it, confidence dropped
_APART = 0.15  # of a box that others cover: people are apart
_GONE = 0.35  # of a track's usual confidence: below it, a predicted box has no person


class Tracker:
    """Identifies people over time; a class because it holds the tracks between frames.

    Times may be irregular but must increase. Nothing depends on the number of frames per second
    except `TrackerOptions.min_hits`.
    """

    def __init__(self, options: TrackerOptions = DEFAULT_TRACKER_OPTIONS) -> None:
        self.options = options
        self._tracks: list[Track] = []
        self._next_id = 1
        self._time_s = -math.inf
        self._needs_detection = True

    @property
    def needs_detection(self) -> bool:
        """Whether people should be detected in the next frame.

        True if there is no one to follow, a track was just lost, a pose left its box, or the
        confidence of a pose dropped.
        """
        return self._needs_detection

    def update(
        self,
        boxes: FloatArray,
        scores: FloatArray,
        keypoints: FloatArray,
        keypoint_scores: FloatArray,
        time_s: float,
        *,
        detected: bool | BoolArray = True,
        colours: FloatArray | None = None,
    ) -> IntArray:
        """Assign the people of the next frame to tracks.

        Args:
            boxes: (N, 4) x1, y1, x2, y2, px.
            scores: (N,) of the boxes, 0 to 1.
            keypoints: (N, 133, 2) px.
            keypoint_scores: (N, 133) confidence, 0 to 1.
            time_s: time of the frame, above that of the frame before.
            detected: whether the boxes are a detector's, one for all or (N,); False for those of
                `predict_boxes`: then motion is measured from the poses, and no track starts.
            colours: (N, 6, 3) from `body_colours`; None: colours are not compared.

        Returns:
            (N,) int64 identifiers from 1, never reused; -1 for people who are not confirmed yet
            and for duplicates, which are to be dropped.

        Raises:
            InputError: other shapes, or a time that does not increase.
        """
        people = self._sightings(boxes, scores, keypoints, keypoint_scores, colours, time_s)
        self._time_s = time_s
        for track in self._tracks:
            track.advance(time_s)
        found = associate(self._tracks, people, self.options)
        is_detected = np.broadcast_to(np.asarray(detected, bool), (len(people),))
        found = {
            i: match
            for i, match in found.items()
            if is_detected[i] or not _dropped(people[i], match.track, _GONE)
        }
        duplicates = self._duplicates(people, found)
        matches = {i: match.track for i, match in found.items() if i not in duplicates}
        uncertain = any(
            _left_box(people[i]) or _dropped(people[i], track, _DROP)
            for i, track in matches.items()
        )
        lost = self._continue_tracks(people, matches, is_detected)
        for i in range(len(people)):
            if is_detected[i] and i not in matches and i not in duplicates:
                self._start_track(people[i], matches, i)
        self._needs_detection = lost or uncertain or all(t.is_lost for t in self._tracks)
        ids = np.full(len(people), NO_ID, np.int64)
        for i, track in matches.items():
            ids[i] = track.track_id
        return ids

    def predict_boxes(self, time_s: float) -> tuple[FloatArray, IntArray, FloatArray]:
        """Boxes of the people seen in the last frame, as expected at a later time.

        Args:
            time_s: time of the next frame.

        Returns:
            (T, 4) float32 px, (T,) int64 identifiers, -1 for tracks not confirmed yet, and (T,)
            float32 scores of the last detections.
        """
        live = [track for track in self._tracks if not track.is_lost]
        boxes = np.array([track.next_box(time_s) for track in live], np.float32).reshape(-1, 4)
        ids = np.array([track.track_id for track in live], np.int64)
        return boxes, ids, np.array([track.score for track in live], np.float32)

    def _sightings(
        self,
        boxes: FloatArray,
        scores: FloatArray,
        keypoints: FloatArray,
        keypoint_scores: FloatArray,
        colours: FloatArray | None,
        time_s: float,
    ) -> list[Sighting]:
        """Checked people of a frame."""
        people = len(boxes)
        colours = unknown_colours(people) if colours is None else colours
        expected = (
            ("boxes", boxes, (people, 4)),
            ("scores", scores, (people,)),
            ("keypoints", keypoints, (people, NUM_KEYPOINTS, 2)),
            ("keypoint_scores", keypoint_scores, (people, NUM_KEYPOINTS)),
            ("colours", colours, (people, NUM_REGIONS, 3)),
        )
        for name, array, shape in expected:
            if np.shape(array) != shape:
                raise InputError(f"{name} must have shape {shape}, got {np.shape(array)}")
        if not (math.isfinite(time_s) and time_s > self._time_s):
            raise InputError(
                f"time_s must be finite and above that of the frame before, {self._time_s}, "
                f"got {time_s!r}"
            )
        boxes = np.asarray(boxes, np.float64)
        if not np.isfinite(boxes).all():
            raise InputError("boxes must be finite")
        points = np.asarray(keypoints, np.float64)[:, TRACKED]
        confidence = np.asarray(keypoint_scores, np.float64)[:, TRACKED]
        usable = np.isfinite(points).all(axis=2) & np.isfinite(confidence)
        confident = usable & (confidence >= self.options.min_confidence)
        apart = _are_apart(boxes)
        body = np.where(usable, confidence, 0.0)[:, _BODY].mean(axis=1)
        return [
            Sighting(
                box_xyxy=boxes[i],
                score=float(scores[i]),
                keypoints_2d=np.where(usable[i, :, None], points[i], 0.0),
                confident=confident[i],
                mean_confidence=float(body[i]),
                time_s=time_s,
                colours=colours[i],
                is_apart=bool(apart[i]),
            )
            for i in range(people)
        ]

    def _duplicates(self, people: list[Sighting], matches: dict[int, Match]) -> set[int]:
        """People who are another one a second time: of two, the one who fits its track less.

        Of two without a track, the later one; detections come best first.
        """
        if len(people) < 2:
            return set()
        poses = stacked(people)
        oks = np.nan_to_num(oks_matrix(poses, poses))
        overlap = iou_matrix(poses.boxes_xyxy, poses.boxes_xyxy)
        same = (oks >= self.options.duplicate_oks) | (overlap >= self.options.duplicate_iou)
        order = sorted(
            range(len(people)),
            key=lambda i: (-matches[i].gain if i in matches else 0, i),
        )
        kept: list[int] = []
        for i in order:
            if not any(same[i, j] for j in kept):
                kept.append(i)
        return set(order) - set(kept)

    def _continue_tracks(
        self, people: list[Sighting], matches: dict[int, Track], is_detected: BoolArray
    ) -> bool:
        """Update all tracks, end old ones; whether one that was seen until now is lost."""
        options = self.options
        index_by_track = {id(track): i for i, track in matches.items()}
        lost, alive = False, []
        for track in self._tracks:
            index = index_by_track.get(id(track))
            if index is None:
                lost |= not track.is_lost
                track.miss(self._time_s)
                tentative = track.track_id == NO_ID
                if tentative or self._time_s - track.seen.time_s > options.max_lost_s:
                    continue
            else:
                person, detected = people[index], bool(is_detected[index])
                if not detected:
                    person = replace(person, box_xyxy=track.pose_box(person))
                track.see(person, memory_s=options.momentum_s, detected=detected)
                self._confirm(track)
            alive.append(track)
        self._tracks = alive
        return lost

    def _start_track(self, person: Sighting, matches: dict[int, Track], index: int) -> None:
        if person.score < self.options.min_birth_score:
            return
        track = Track.from_sighting(person)
        self._confirm(track)
        self._tracks.append(track)
        matches[index] = track

    def _confirm(self, track: Track) -> None:
        """Give a track its identifier after enough sightings."""
        age_s = self._time_s - track.first_s
        old_enough = track.hits >= self.options.min_hits and age_s >= self.options.min_age_s
        if track.track_id == NO_ID and old_enough:
            track.track_id = self._next_id
            self._next_id += 1


def _are_apart(boxes_xyxy: FloatArray) -> BoolArray:
    """(N,) whether no other box covers much of a box."""
    shared = intersection_areas(boxes_xyxy[:, None], boxes_xyxy[None])
    np.fill_diagonal(shared, 0.0)
    return shared.max(axis=1, initial=0.0) < _APART * np.maximum(box_areas(boxes_xyxy), 1e-6)


def _left_box(person: Sighting) -> bool:
    """Whether confident keypoints are outside the box that the pose was estimated in."""
    points = person.keypoints_2d[person.confident]
    if not len(points):
        return False
    low, high = person.box_xyxy[:2], person.box_xyxy[2:]
    margin = _OUTSIDE * (high - low)
    outside = ((points < low - margin) | (points > high + margin)).any(axis=1)
    return float(outside.mean()) > _LEFT_SHARE


def _dropped(person: Sighting, track: Track, share: float) -> bool:
    """Whether the confidence of a pose fell below a share of its track's usual one."""
    return person.mean_confidence < share * track.confidence_level
