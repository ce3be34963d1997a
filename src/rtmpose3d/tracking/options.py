"""Options of the tracker."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rtmpose3d.errors import InputError


@dataclass(frozen=True, kw_only=True)
class TrackerOptions:
    """Settings of `Tracker`; times are seconds, so that they hold at any frame rate.

    Attributes:
        min_hits: frames in which a person must be seen before the track gets its id.
        min_age_s: seconds over which a person must be seen before the track gets its id.
        max_lost_s: seconds without being seen after which a track ends.
        min_birth_score: score that a detection needs to start a track.
        min_confidence: confidence from which a keypoint counts.
        min_similarity: similarity, 0 to 1, from which a detection may continue a track.
        pose_weight: weight of OKS in the similarity, 0 to 1; the rest is that of IoU.
        momentum_weight: weight of the change of direction.
        momentum_s: seconds over which a direction of motion is measured.
        appearance_weight: weight of the colours of clothes and skin, where they are known.
        min_appearance: similarity of colours, 0 to 1, below which a detection is someone else.
        min_recognition: similarity of colours, 0 to 1, by which a lost person is recognised
            beyond the position that the motion predicts.
        duplicate_oks: OKS from which two poses of one image count as one person.
        duplicate_iou: IoU from which two boxes of one image count as one person.

    Raises:
        InputError: a number outside its range.
    """

    min_hits: int = 3
    min_age_s: float = 0.06
    max_lost_s: float = 1.5
    min_birth_score: float = 0.4
    min_confidence: float = 0.3
    min_similarity: float = 0.2
    pose_weight: float = 0.5
    momentum_weight: float = 0.2
    momentum_s: float = 0.2
    appearance_weight: float = 1.5
    min_appearance: float = 0.005
    min_recognition: float = 0.5
    duplicate_oks: float = 0.85
    duplicate_iou: float = 0.85

    def __post_init__(self) -> None:
        if self.min_hits < 1:
            raise InputError(f"min_hits must be at least 1, got {self.min_hits!r}")
        for name in (
            "min_age_s",
            "max_lost_s",
            "momentum_s",
            "momentum_weight",
            "appearance_weight",
        ):
            value = getattr(self, name)
            if not (value >= 0 and math.isfinite(value)):
                raise InputError(f"{name} must be finite and at least 0, got {value!r}")
        for name in (
            "min_birth_score",
            "min_confidence",
            "min_similarity",
            "pose_weight",
            "min_appearance",
            "min_recognition",
            "duplicate_oks",
            "duplicate_iou",
        ):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise InputError(f"{name} must be between 0 and 1, got {value!r}")


DEFAULT_TRACKER_OPTIONS = TrackerOptions()
