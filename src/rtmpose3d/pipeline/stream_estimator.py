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
from rtmpose3d.geometry.boxes import iou_matrix
from rtmpose3d.pipeline.early_ids import EarlyIds
from rtmpose3d.pipeline.estimator import DEFAULT_POSE_OPTIONS, PoseEstimator, PoseOptions
from rtmpose3d.structures import Detections, FloatArray, Frame, PoseResult
from rtmpose3d.tracking import LiveSmoother, Tracker, TrackerOptions
from rtmpose3d.tracking.options import DEFAULT_TRACKER_OPTIONS

Smoothing = Literal["live", "offline", "off"]
SMOOTHING: tuple[Smoothing, ...] = ("live", "offline", "off")
CameraRule = Callable[[Frame], "Camera | None"]

DETECT_EVERY = 5  # frames; measured in docs/results.md
_SAME_PERSON_IOU = 0.3


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """Treatment of consecutive frames.

    Attributes:
        track: whether people get identities.
        smooth: "live" without delay, "offline" from past and future, or "off".
        detect_every: the detector runs at least every this many frames; 1 for all frames.
        max_people: people per frame; those with a track come first, then large, sure boxes.
        tracker: options of the tracker.

    Raises:
        InputError: a number that is not positive, or smoothing or predicted boxes without tracks.
        UnknownNameError: there is no such smoothing.
    """

    track: bool = True
    smooth: Smoothing = "live"
    detect_every: int = DETECT_EVERY
    max_people: int | None = None
    tracker: TrackerOptions = DEFAULT_TRACKER_OPTIONS

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
        camera: of all frames, or a function that gives that of a frame; None for that which the
            frame has, or the default field of view.
        is_live: whether results must not wait for later frames.
    """

    def __init__(
        self,
        estimator: PoseEstimator,
        options: StreamOptions,
        pose_options: PoseOptions = DEFAULT_POSE_OPTIONS,
        *,
        camera: Camera | CameraRule | None = None,
        is_live: bool = False,
    ) -> None:
        self._estimator, self._options, self._pose_options = estimator, options, pose_options
        self._camera = camera
        self._tracker = Tracker(options.tracker) if options.track else None
        self._smoother = LiveSmoother() if options.smooth == "live" else None
        wait = 0 if is_live or not options.track else options.tracker.min_hits - 1
        self._early_ids = EarlyIds(wait)
        self._since_detection = options.detect_every
        self._scores: dict[int, float] = {}
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
        predicted = self._predict(frames)
        known = self._complete(frames, predicted)
        results = self._estimator.run(frames, self._pose_options, people=known)
        ready: list[PoseResult] = []
        for result, boxes in zip(results, predicted, strict=True):
            tracked = self._track(result, detected=boxes is None)
            ready += self._early_ids.add(tracked)
        return [self._finish(result) for result in ready]

    def flush(self) -> list[PoseResult]:
        """The results that still wait, at the end of the stream."""
        return [self._finish(result) for result in self._early_ids.flush()]

    def _with_camera(self, frame: Frame) -> Frame:
        if self._camera is None:
            return frame
        if isinstance(self._camera, Camera):
            return replace(frame, camera=self._camera)
        return replace(frame, camera=self._camera(frame) or frame.camera)

    # -- people --------------------------------------------------------------------------------

    def _predict(self, frames: Sequence[Frame]) -> list[Detections | None]:
        """People whose boxes follow from their tracks; None for frames to be detected in."""
        people: list[Detections | None] = []
        for position, frame in enumerate(frames):
            tracks = None if self._is_due(position) else self._predicted_people(frame)
            if tracks is None or not len(tracks):  # no one to follow
                self._since_detection = 0
                tracks = None
                self.detections += 1
            self._since_detection += 1
            people.append(tracks)
        return people

    def _is_due(self, position: int) -> bool:
        """Whether the detector runs in a frame, by its position among those of one call."""
        if self._tracker is None or self._since_detection >= self._options.detect_every:
            return True
        return position == 0 and self._tracker.needs_detection

    def _predicted_people(self, frame: Frame) -> Detections:
        assert self._tracker is not None
        boxes, ids = self._tracker.predict_boxes(_time_s(frame))
        inside = _touches_image(boxes, frame.size_wh)
        scores = [self._scores.get(int(one), self._pose_options.bbox_thr) for one in ids[inside]]
        return Detections(
            boxes_xyxy=np.asarray(boxes[inside], np.float32), scores=np.array(scores, np.float32)
        )

    def _complete(
        self, frames: Sequence[Frame], predicted: Sequence[Detections | None]
    ) -> list[Detections]:
        """The people of all frames, detected where they are not predicted; at most max_people."""
        everyone = self._estimator.detect(frames, self._pose_options, known=predicted)
        limit = self._options.max_people
        if limit is None:
            return everyone
        return [
            self._select_people(people, frame, limit) if len(people) > limit else people
            for frame, people in zip(frames, everyone, strict=True)
        ]

    def _select_people(self, people: Detections, frame: Frame, limit: int) -> Detections:
        """People with a track first, then by area times score, in their order."""
        size = np.prod(people.boxes_xyxy[:, 2:] - people.boxes_xyxy[:, :2], axis=1) * people.scores
        followed = np.zeros(len(people), bool)
        if self._tracker is not None:
            boxes, _ = self._tracker.predict_boxes(_time_s(frame))
            if len(boxes):
                overlap = iou_matrix(people.boxes_xyxy, boxes)
                followed = overlap.max(axis=1) >= _SAME_PERSON_IOU
        best = np.lexsort((-size, ~followed))[:limit]
        return people.select(np.sort(best))

    def _track(self, result: PoseResult, *, detected: bool) -> PoseResult:
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
        )
        if detected:
            known = zip(ids.tolist(), result.bbox_scores.tolist(), strict=True)
            self._scores = {one: score for one, score in known if one > 0}
        return replace(result, track_ids=ids)

    def _finish(self, result: PoseResult) -> PoseResult:
        """A result without people who have no identity, smoothed."""
        if result.track_ids is not None:
            result = result[result.track_ids > 0]
        return result if self._smoother is None else self._smoother.update(result)


def _time_s(frame: Frame) -> float:
    if frame.time_s is None:
        raise InputError("people can be tracked in frames with times only")
    return frame.time_s


def _touches_image(boxes: FloatArray, size_wh: tuple[int, int]) -> np.ndarray:
    """(T,) bool, boxes that have pixels inside the image."""
    width, height = size_wh
    finite = np.isfinite(boxes).all(axis=1)
    solid = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    overlaps = (
        (boxes[:, 0] < width) & (boxes[:, 1] < height) & (boxes[:, 2] > 0) & (boxes[:, 3] > 0)
    )
    return finite & solid & overlaps
