"""How many people a detector finds, and how many of its finds are people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtmpose3d.geometry.boxes import iou_matrix
from rtmpose3d.structures import BoolArray, Detections, FloatArray

IOU_THRESHOLD = 0.5
LEAST_HEIGHT = 0.2  # of the image: smaller people need not be found


@dataclass(frozen=True, kw_only=True, eq=False)
class AnnotatedImage:
    """The people of one image.

    Attributes:
        boxes_xyxy: (G, 4) px.
        ignored: (G,) bool, regions that need not be found and may be (crowds).
        size_wh: of the image, px.
        complete: whether everybody is annotated; if not, the image tells nothing of precision.
    """

    boxes_xyxy: FloatArray
    ignored: BoolArray
    size_wh: tuple[int, int]
    complete: bool = True


@dataclass(frozen=True, kw_only=True)
class DetectionScores:
    """Counts over many images, at one score threshold.

    Attributes:
        people: annotated, taller than a fifth of the image.
        hits: of them found.
        finds: detections taller than a fifth of the image, in completely annotated images.
        false: of them on nobody.
    """

    people: int
    hits: int
    finds: int
    false: int

    @property
    def recall(self) -> float:
        """Share of the people who were found; nan if there are none."""
        return self.hits / self.people if self.people else float("nan")

    @property
    def precision(self) -> float:
        """Share of the finds who are people; nan if there are none."""
        return 1 - self.false / self.finds if self.finds else float("nan")


def score_detections(
    images: Sequence[AnnotatedImage], found: Sequence[Detections], *, score_thr: float
) -> DetectionScores:
    """Match detections to people, best first, each person once, at an IoU of 0.5.

    A detection on a small person or on an ignored region is neither right nor wrong.

    Args:
        images: annotated images.
        found: each one's detections.
        score_thr: detections with less do not count.
    """
    counts = np.zeros(4, int)
    for image, detections in zip(images, found, strict=True):
        counts += _of_image(image, detections.select(detections.scores >= score_thr))
    people, hits, finds, false = counts.tolist()
    return DetectionScores(people=people, hits=hits, finds=finds, false=false)


def _of_image(image: AnnotatedImage, found: Detections) -> tuple[int, int, int, int]:
    least = LEAST_HEIGHT * image.size_wh[1]
    owner = match_boxes(found, image.boxes_xyxy, image.ignored)
    tall = _heights(image.boxes_xyxy) > least
    wanted = tall & ~image.ignored
    hits = len(set(owner[owner >= 0].tolist()) & set(np.flatnonzero(wanted).tolist()))
    if not image.complete:
        return int(wanted.sum()), hits, 0, 0
    high = _heights(found.boxes_xyxy) > least
    right = np.isin(owner, np.flatnonzero(wanted))
    wrong = (owner < 0) & high
    return int(wanted.sum()), hits, int(right.sum() + wrong.sum()), int(wrong.sum())


def match_boxes(
    found: Detections,
    boxes_xyxy: FloatArray,
    ignored: BoolArray | None = None,
    *,
    iou_thr: float = IOU_THRESHOLD,
) -> np.ndarray:
    """(D,) the row of each detection's person, -1 for none; each person once, best scores first.

    An ignored region may be found again and again, and by any detection that lies mostly in it.
    """
    owner = np.full(len(found), -1)
    ignored = np.zeros(len(boxes_xyxy), bool) if ignored is None else ignored
    if not len(found) or not len(boxes_xyxy):
        return owner
    iou = iou_matrix(found.boxes_xyxy.astype(np.float64), boxes_xyxy.astype(np.float64))
    free = ~ignored
    for d in np.argsort(-found.scores, kind="stable"):
        candidates = np.where(free, iou[d], -1.0)
        best = int(candidates.argmax())
        if candidates[best] >= iou_thr:
            owner[d], free[best] = best, False
            continue
        covered = np.where(ignored, _covered(found.boxes_xyxy[d], boxes_xyxy), 0.0)
        if covered.max() >= iou_thr:
            owner[d] = int(covered.argmax())
    return owner


def _covered(box: FloatArray, regions: FloatArray) -> FloatArray:
    """(G,) share of the box that lies in each region: COCO's measure for crowds."""
    sides = np.minimum(box[2:], regions[:, 2:]) - np.maximum(box[:2], regions[:, :2])
    area = max(float(np.prod(box[2:] - box[:2])), EPS_PX2)
    return np.clip(sides, 0, None).prod(axis=1) / area


EPS_PX2 = 1e-9


def _heights(boxes_xyxy: FloatArray) -> FloatArray:
    return boxes_xyxy[:, 3] - boxes_xyxy[:, 1]
