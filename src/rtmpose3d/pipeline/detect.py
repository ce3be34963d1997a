"""Person detection: letterbox, one network call per batch, selection as in the reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rtmpose3d.geometry.letterbox import image_boxes_from_letterbox, letterbox_into
from rtmpose3d.geometry.nms import non_maximum_suppression
from rtmpose3d.runtime import Candidates, DetectorSession
from rtmpose3d.structures import Detections, FloatArray, Image, IntArray

IMAGES_PER_CALL = 8  # bounds the memory of a long list


def detect_people(
    session: DetectorSession, images: Sequence[Image], *, bbox_thr: float
) -> list[Detections]:
    """Detect the people of each image.

    Args:
        session: a detector.
        images: any number of (H, W, 3) uint8 BGR images of any sizes.
        bbox_thr: people must score above this.

    Returns:
        One `Detections` per image, best first.
    """
    detections: list[Detections] = []
    for start in range(0, len(images), IMAGES_PER_CALL):
        part = images[start : start + IMAGES_PER_CALL]
        width, height = session.input_size_wh
        batch = np.empty((len(part), height, width, 3), np.uint8)
        scales = [letterbox_into(image, pixels) for image, pixels in zip(part, batch, strict=True)]
        detections += [
            filter_candidates(candidates, session, scale_wh, bbox_thr=bbox_thr)
            for candidates, scale_wh in zip(session.run(batch), scales, strict=True)
        ]
    return detections


def filter_candidates(
    candidates: Candidates, session: DetectorSession, scale_wh: FloatArray, *, bbox_thr: float
) -> Detections:
    """Select the people among the candidates of an image, in the order of the reference.

    Score above 0.05, the best 1000 of each scale, clipped to the network's input, back to image
    pixels, empty boxes dropped, non-maximum suppression at an IoU of 0.6, the best 100. The
    caller's threshold comes first: a candidate never displaces one of a higher score, so that the
    same people remain as if it came last, of a tenth of the candidates.

    Args:
        candidates: of one image.
        session: the detector they come from.
        scale_wh: (2,) input pixels per image pixel over x and y.
        bbox_thr: people must score above this.
    """
    spec = session.spec
    keep = _best_per_scale(candidates, max(spec.score_thr, bbox_thr), spec.pre_nms)
    boxes = np.clip(candidates.boxes_xyxy[keep], 0, np.tile(session.input_size_wh, 2))
    boxes = image_boxes_from_letterbox(boxes, scale_wh)
    scores = candidates.scores[keep]
    solid = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    boxes, scores = boxes[solid], scores[solid]
    kept = non_maximum_suppression(boxes, scores, iou_thr=spec.iou_thr, max_boxes=spec.max_people)
    return Detections(
        boxes_xyxy=boxes[kept].astype(np.float32), scores=scores[kept].astype(np.float32)
    )


def select_main_person(people: Detections) -> Detections:
    """Select the person with the largest area times score; without people the result is empty."""
    if len(people) <= 1:
        return people
    sides = people.boxes_xyxy[:, 2:] - people.boxes_xyxy[:, :2]
    best = int(np.argmax(sides.prod(axis=1) * people.scores))
    return people.select(slice(best, best + 1))


def _best_per_scale(candidates: Candidates, score_thr: float, max_boxes: int) -> IntArray:
    kept, start = [], 0
    for size in candidates.level_sizes:
        scores = candidates.scores[start : start + size]
        above = np.flatnonzero(scores > score_thr)
        order = np.argsort(-scores[above], kind="stable")[:max_boxes]
        kept.append(start + above[order])
        start += size
    return np.concatenate(kept)
