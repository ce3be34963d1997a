"""`StreamEstimator`: poses of consecutive frames, with the state over time.

The detector runs every few frames and when the tracker asks for it; in between, boxes follow from
the last poses and their motion. People get identities, and their motion is smoothed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.geometry import Camera
from rtmpose3d.geometry.boxes import box_areas, intersection_areas, iou_matrix
from rtmpose3d.pipeline.early_ids import EarlyIds
from rtmpose3d.pipeline.estimator import DEFAULT_POSE_OPTIONS, PoseEstimator, PoseOptions
from rtmpose3d.pipeline.plausibility import plausible_people
from rtmpose3d.structures import BoolArray, Detections, FloatArray, Frame, IntArray, PoseResult
from rtmpose3d.tracking import LiveSmoother, Tracker, TrackerOptions
from rtmpose3d.tracking.appearance import body_colours
from rtmpose3d.tracking.options import DEFAULT_TRACKER_OPTIONS

Smoothing = Literal["live", "offline", "off"]
SMOOTHING: tuple[Smoothing, ...] = ("live", "offline", "off")
CameraRule = Callable[[Frame], "Camera | None"]

DETECT_EVERY = 8  # frames, by measurement: docs/results.md
_SAME_PERSON_IOU = 0.3
_SAME_PERSON_OVERLAP = 0.6  # of the smaller box
_NO_SCORES = np.zeros(0, np.float32)


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """Treatment of consecutive frames.

    Attributes:
        track: whether people get identities.
        smooth: "live" without delay, "offline" from past and future, or "off".
        detect_every: the detector runs at least every this many frames; 1 for all frames.
        max_people: people per frame; those with a track come first, then large, sure boxes.
        tracker: options of the tracker; None: the default ones, and where the pose network
            confirms detections (`plausible_people`), tracks start at any score.

    Raises:
        InputError: a number that is not positive, or smoothing or predicted boxes without tracks.
        UnknownNameError: there is no such smoothing.
    """

    track: bool = True
    smooth: Smoothing = "live"
    detect_every: int = DETECT_EVERY
    max_people: int | None = None
    tracker: TrackerOptions | None = None

    def __post_init__(self) -> None:
        if self.smooth not in SMOOTHING:
            raise UnknownNameError("smoothing", self.smooth, SMOOTHING)
        for name in ("detect_every", "max_people"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or value < 1):
                raise InputError(f"{name} must be a whole number from 1, got {value!r}")
        if not self.track and (self.smooth != "off" or self.detect_every != 1):
            raise InputError(
                "smoothing and boxes between detections need tracks; without them use "
                'smooth="off" and detect_every=1'
            )


class StreamEstimator:
    """Poses of the frames of one stream, in order; holds tracks and filters.

    Args:
        estimator: detector and pose network.
        options: treatment of consecutive frames.
        pose_options: selection of people, and known facts for 3D.
        camera: gives the camera of a frame; None, or where it gives None: that which the frame
            has, or the default field of view.
        is_live: whether results must not wait for later frames.
    """

    def __init__(
        self,
        estimator: PoseEstimator,
        options: StreamOptions,
        pose_options: PoseOptions = DEFAULT_POSE_OPTIONS,
        *,
        camera: CameraRule | None = None,
        is_live: bool = False,
    ) -> None:
        self._estimator, self._options, self._pose_options = estimator, options, pose_options
        self._camera = camera
        self._tracker_options = options.tracker or _tracker_options(estimator)
        self._tracker = Tracker(self._tracker_options) if options.track else None
        self._smoother = LiveSmoother() if options.smooth == "live" else None
        wait = 0 if is_live or not options.track else self._tracker_options.min_hits - 1
        self._early_ids = EarlyIds(wait, self._tracker_options.min_age_s)
        self._since_detection = options.detect_every
        self.detections = 0
        """Number of frames in which the detector ran."""

    def run(self, frames: Sequence[Frame]) -> list[PoseResult]:
        """Estimate the poses of the next frames, whose people share the network's batches.

        Args:
            frames: with times that increase, if people are tracked.

        Returns:
            Results that are complete, in order: those of these frames, or of earlier ones where
            identities wait for confirmation.

        Raises:
            InputError: an unusable image, time or option.
            BackendError: the runtime failed.
        """
        frames = [self._with_camera(frame) for frame in frames]
        people, is_detected = self._find_people(frames)
        results = self._estimator.run(frames, self._pose_options, people=people)
        ready: list[PoseResult] = []
        for result, detected in zip(results, is_detected, strict=True):
            ready += self._early_ids.add(self._track(*self._confirm(result, detected)))
        return [self._finish(result) for result in ready]

    def flush(self) -> list[PoseResult]:
        """The results that still wait, at the end of the stream."""
        return [self._finish(result) for result in self._early_ids.flush()]

    def _with_camera(self, frame: Frame) -> Frame:
        if self._camera is None:
            return frame
        return replace(frame, camera=self._camera(frame) or frame.camera)

    # -- people --------------------------------------------------------------------------------

    def _find_people(self, frames: Sequence[Frame]) -> tuple[list[Detections], list[BoolArray]]:
        """The people of each frame, and whether each of them comes from the detector.

        In a frame with detection, people whose track no detection overlaps are added: the
        detector misses some that the pose network recognises.
        """
        predicted = [self._predict_people(frame) for frame in frames]
        due = [self._is_due(i, people) for i, people in enumerate(predicted)]
        known = [None if is_due else people for is_due, people in zip(due, predicted, strict=True)]
        detected = self._estimator.detect(frames, self._pose_options, known=known)
        everyone, is_detected = [], []
        for frame, people, tracked, is_due in zip(frames, detected, predicted, due, strict=True):
            added = _not_overlapping(tracked, people) if is_due else people.select(slice(0))
            boxes = np.concatenate([people.boxes_xyxy, added.boxes_xyxy])
            scores = np.concatenate([people.scores, added.scores])
            mask = np.arange(len(boxes)) < (len(people) if is_due else 0)
            chosen = self._choose(Detections(boxes_xyxy=boxes, scores=scores), frame)
            everyone.append(Detections(boxes_xyxy=boxes[chosen], scores=scores[chosen]))
            is_detected.append(mask[chosen])
        return everyone, is_detected

    def _is_due(self, position: int, predicted: Detections) -> bool:
        """Whether the detector runs in a frame, by its position among those of one call."""
        due = (
            self._tracker is None
            or not len(predicted)
            or self._since_detection >= self._options.detect_every
            or (position == 0 and self._tracker.needs_detection)
        )
        self._since_detection = 1 if due else self._since_detection + 1
        self.detections += due
        return due

    def _predict_people(self, frame: Frame) -> Detections:
        """The people of the last frame where they are expected in this one."""
        if self._tracker is None:
            return Detections(boxes_xyxy=np.zeros((0, 4), np.float32), scores=_NO_SCORES)
        boxes, _, scores = self._tracker.predict_boxes(_time_s(frame))
        inside = _touches_image(boxes, frame.size_wh)
        return Detections(
            boxes_xyxy=np.asarray(boxes[inside], np.float32),
            scores=np.asarray(scores[inside], np.float32),
        )

    def _choose(self, people: Detections, frame: Frame) -> IntArray:
        """Indices of the people to estimate, at most `max_people`."""
        limit = 1 if self._pose_options.single_person else self._options.max_people
        if limit is None or len(people) <= limit:
            return np.arange(len(people))
        return self._select_people(people, frame, limit)

    def _select_people(self, people: Detections, frame: Frame, limit: int) -> IntArray:
        """Indices of people: those with a track first, then by area times score."""
        size = np.prod(people.boxes_xyxy[:, 2:] - people.boxes_xyxy[:, :2], axis=1) * people.scores
        followed = np.zeros(len(people), bool)
        if self._tracker is not None:
            boxes, _, _ = self._tracker.predict_boxes(_time_s(frame))
            if len(boxes):
                overlap = iou_matrix(people.boxes_xyxy, boxes)
                followed = overlap.max(axis=1) >= _SAME_PERSON_IOU
        best = np.lexsort((-size, ~followed))[:limit]
        return np.sort(best)

    def _confirm(self, result: PoseResult, detected: BoolArray) -> tuple[PoseResult, BoolArray]:
        """A result without detections that the pose network contradicts."""
        plausible = plausible_people(
            *(result.bboxes, result.bbox_scores, result.keypoints_2d, result.confidence),
            self._estimator.pose.spec,
            detected=detected,
        )
        if plausible.all():
            return result, detected
        return result[np.flatnonzero(plausible)], detected[plausible]

    def _track(self, result: PoseResult, detected: BoolArray) -> PoseResult:
        if self._tracker is None:
            return result
        if result.time_s is None:
            raise InputError("people can be tracked in frames with times only")
        ids = self._tracker.update(
            result.bboxes,
            result.bbox_scores,
            result.keypoints_2d,
            result.confidence,
            result.time_s,
            detected=detected,
            colours=self._colours(result),
        )
        return replace(result, track_ids=ids)

    def _colours(self, result: PoseResult) -> FloatArray | None:
        if result.image is None:
            return None
        confident = result.confidence >= self._tracker_options.min_confidence
        return body_colours(result.image, result.keypoints_2d, confident)

    def _finish(self, result: PoseResult) -> PoseResult:
        """A result without people who have no identity, smoothed."""
        if result.track_ids is not None:
            result = result[result.track_ids > 0]
        return result if self._smoother is None else self._smoother.update(result)


def _tracker_options(estimator: PoseEstimator) -> TrackerOptions:
    """Default options; what the pose network confirmed needs no score to be followed."""
    if estimator.pose.spec.min_person_confidence is None:
        return DEFAULT_TRACKER_OPTIONS
    return replace(DEFAULT_TRACKER_OPTIONS, min_birth_score=0.0)


def _time_s(frame: Frame) -> float:
    if frame.time_s is None:
        raise InputError("people can be tracked in frames with times only")
    return frame.time_s


def _not_overlapping(tracked: Detections, detected: Detections) -> Detections:
    """People with a track that no detection covers; a detection covers one of them."""
    if not len(tracked) or not len(detected):
        return tracked
    inner, outer = tracked.boxes_xyxy[:, None], detected.boxes_xyxy[None]
    smaller = np.maximum(np.minimum(box_areas(inner), box_areas(outer)), 1e-6)
    overlap = intersection_areas(inner, outer) / smaller
    left = np.ones(len(tracked), bool)
    while overlap.max(initial=0.0) >= _SAME_PERSON_OVERLAP:
        person, detection = np.unravel_index(int(overlap.argmax()), overlap.shape)
        left[person] = False
        overlap[person], overlap[:, detection] = 0.0, 0.0
    return tracked.select(np.flatnonzero(left))


def _touches_image(boxes: FloatArray, size_wh: tuple[int, int]) -> np.ndarray:
    """(T,) bool, boxes that have pixels inside the image."""
    width, height = size_wh
    finite = np.isfinite(boxes).all(axis=1)
    solid = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    overlaps = (
        (boxes[:, 0] < width) & (boxes[:, 1] < height) & (boxes[:, 2] > 0) & (boxes[:, 3] > 0)
    )
    return finite & solid & overlaps
