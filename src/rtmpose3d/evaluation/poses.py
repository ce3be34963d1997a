"""Predicted poses of one image, as protocols score and match them: `ImagePoses`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rtmpose3d.skeletons import NUM_KEYPOINTS
from rtmpose3d.structures import Detections, FloatArray, PoseResult


@dataclass(frozen=True, kw_only=True, eq=False)
class ImagePoses:
    """D predicted poses of one image.

    Attributes:
        keypoints_px: (D, 133, 2) px.
        keypoint_scores: (D, 133) scores or confidences. In COCO's results a part whose scores are
            all 0 or less was not detected.
        scores: (D,) scores of the poses.
        part_scores: (D,) scores of some parts, by COCO's name; `scores` count for the others.
        keypoints_camera_m: (D, 133, 3) metres, camera space; None for 2D models.
    """

    keypoints_px: FloatArray
    keypoint_scores: FloatArray
    scores: FloatArray
    part_scores: Mapping[str, FloatArray] = field(default_factory=dict)
    keypoints_camera_m: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def scores_for(self, part: str) -> FloatArray:
        """(D,) scores for a part, by COCO's name."""
        return self.part_scores.get(part, self.scores)


NO_POSES = ImagePoses(
    keypoints_px=np.zeros((0, NUM_KEYPOINTS, 2)),
    keypoint_scores=np.zeros((0, NUM_KEYPOINTS)),
    scores=np.zeros(0),
)


def poses_from_result(result: PoseResult) -> ImagePoses:
    """Poses of a result of this package, with confidences and the scores of the boxes."""
    return ImagePoses(
        keypoints_px=result.keypoints_2d,
        keypoint_scores=result.confidence,
        scores=result.bbox_scores,
        keypoints_camera_m=result.keypoints_camera,
    )


def detections_from_result(result: PoseResult) -> Detections:
    """Boxes that the poses of a result were estimated in."""
    return Detections(boxes_xyxy=result.bboxes, scores=result.bbox_scores)
