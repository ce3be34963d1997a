"""Close-ups: images that one person's face fills, in which a detector of whole people finds none.

The pose network sees such a face well if the image as a whole is the person's box, and says by its
confidence whether there is one. Measured in docs/results.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rtmpose3d.pipeline.pose import Poses, estimate_poses
from rtmpose3d.runtime import PoseSession
from rtmpose3d.skeletons import PART_INDICES
from rtmpose3d.structures import Detections, Image

_FACE = PART_INDICES["face"]


def find_close_ups(
    session: PoseSession,
    images: Sequence[Image],
    *,
    bbox_thr: float,
    flip_test: bool | None = None,
    with_std: bool = False,
) -> list[tuple[Detections, Poses] | None]:
    """Find the person whose face fills an image.

    Args:
        session: a pose network.
        images: (H, W, 3) uint8 BGR, without detections.
        bbox_thr: people must score above this.
        flip_test: also run every image flipped; None for the default of the model.
        with_std: also compute standard deviations.

    Returns:
        Per image the person and the pose, or None if there is no close-up, as always if the
        model has no `min_close_up_confidence`. The box is the image, the score the mean
        confidence of the face.
    """
    minimum = session.spec.min_close_up_confidence
    if minimum is None or not images:
        return [None] * len(images)
    boxes = [np.array([[0, 0, *image.shape[1::-1]]], np.float32) for image in images]
    poses = estimate_poses(session, images, boxes, flip_test=flip_test, with_std=with_std)
    found: list[tuple[Detections, Poses] | None] = []
    for box, pose in zip(boxes, poses, strict=True):
        scores = pose.confidence[:, _FACE].mean(axis=1)
        is_close_up = scores[0] >= minimum and scores[0] > bbox_thr
        found.append((Detections(boxes_xyxy=box, scores=scores), pose) if is_close_up else None)
    return found
