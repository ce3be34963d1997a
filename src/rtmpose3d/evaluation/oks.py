"""OKS, the likeness of two sets of keypoints, and the average precision that COCO makes of it.

Steps and numbers are those of COCO's and COCO-WholeBody's official evaluation: likeness relative
to the person's area and each keypoint's tolerance, greedy matching by falling score, precision
interpolated at 101 recalls, mean over ten thresholds, at most 20 detections a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtmpose3d.structures import BoolArray, FloatArray

OKS_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).round(2).tolist())
RECALLS = np.linspace(0, 1, 101)
MAX_DETECTIONS = 20  # a picture; COCO's evaluation of keypoints
EPS = float(np.spacing(1))


@dataclass(frozen=True, kw_only=True, eq=False)
class OksImage:
    """One picture's detections against its annotations.

    Attributes:
        oks: (D, G) likeness of every detection with every annotated person.
        scores: (D,) of the detections.
        ignored: (G,) bool, annotations that may be found but need not be (crowds, no keypoints).
        crowd: (G,) bool, ignored annotations that may be found more than once.
    """

    oks: FloatArray
    scores: FloatArray
    ignored: BoolArray
    crowd: BoolArray


@dataclass(frozen=True, kw_only=True)
class AveragePrecision:
    """Figures of COCO's evaluation, 0 to 1; nan where nobody is annotated.

    Attributes:
        ap, ap50, ap75: mean over the ten thresholds, and at likeness 0.5 and 0.75.
        ar: mean of the highest recalls over the thresholds.
        people: how many annotated people count.
    """

    ap: float
    ap50: float
    ap75: float
    ar: float
    people: int


def oks_matrix(
    found: FloatArray,
    true: FloatArray,
    annotated: BoolArray,
    area_px2: FloatArray,
    boxes_xyxy: FloatArray,
    sigmas: FloatArray,
) -> FloatArray:
    """Likeness of every detection with every annotated person.

    Args:
        found: (D, K, 2) px.
        true: (G, K, 2) px.
        annotated: (G, K) bool. A person with none is compared by its box, as COCO does.
        area_px2: (G,) the person's area.
        boxes_xyxy: (G, 4) px.
        sigmas: (K,) tolerances, `WHOLEBODY.sigmas` of the keypoints in question.

    Returns:
        (D, G) in [0, 1].
    """
    gaps = found[:, None].astype(np.float64) - true[None]  # (D, G, K, 2)
    size = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    low, high = boxes_xyxy[:, :2] - size, boxes_xyxy[:, 2:] + size  # twice the box about it
    low, high = low[None, :, None], high[None, :, None]
    beyond = np.maximum(low - found[:, None], 0) + np.maximum(found[:, None] - high, 0)
    labelled = np.asarray(annotated.any(axis=1))  # (G,)
    squares = np.where(labelled[None, :, None, None], gaps, beyond)
    exponent = np.square(squares).sum(axis=3) / np.square(2 * sigmas)
    exponent /= 2 * (area_px2[None, :, None] + EPS)
    use = np.where(labelled[:, None], annotated, True)[None]
    return (np.exp(-exponent) * use).sum(axis=2) / use.sum(axis=2)


def average_precision(images: Sequence[OksImage]) -> AveragePrecision:
    """COCO's AP and AR over all pictures."""
    people = int(sum((~image.ignored).sum() for image in images))
    if people == 0:
        nan = float("nan")
        return AveragePrecision(ap=nan, ap50=nan, ap75=nan, ar=nan, people=0)
    kept = [_best_detections(image) for image in images]
    scores = np.concatenate([image.scores for image in kept])
    order = np.argsort(-scores, kind="stable")
    precisions, recalls = [], []
    for threshold in OKS_THRESHOLDS:
        outcome = np.concatenate([_match(image, threshold) for image in kept])[order]
        precision, recall = _curve(outcome, people)
        precisions.append(precision)
        recalls.append(recall)
    return AveragePrecision(
        ap=float(np.mean(precisions)),
        ap50=precisions[0],
        ap75=precisions[OKS_THRESHOLDS.index(0.75)],
        ar=float(np.mean(recalls)),
        people=people,
    )


def _best_detections(image: OksImage) -> OksImage:
    order = np.argsort(-image.scores, kind="stable")[:MAX_DETECTIONS]
    return OksImage(
        oks=image.oks[order],
        scores=image.scores[order],
        ignored=image.ignored,
        crowd=image.crowd,
    )


def _match(image: OksImage, threshold: float) -> FloatArray:
    """(D,) 1 for a hit, 0 for a false detection, nan for one that does not count."""
    order = np.argsort(image.ignored, kind="stable")  # people that count first
    taken = np.zeros(len(order), bool)
    outcome = np.zeros(len(image.scores))
    for d in range(len(outcome)):
        best, match = min(threshold, 1 - 1e-10), -1
        for g in order:
            if taken[g] and not image.crowd[g]:
                continue
            if match >= 0 and not image.ignored[match] and image.ignored[g]:
                break
            if image.oks[d, g] >= best:
                best, match = image.oks[d, g], int(g)
        if match >= 0:
            taken[match] = True
            outcome[d] = np.nan if image.ignored[match] else 1.0
    return outcome


def _curve(outcome: FloatArray, people: int) -> tuple[float, float]:
    """Interpolated precision over the 101 recalls, and the highest recall."""
    counted = outcome[~np.isnan(outcome)]
    hits, misses = np.cumsum(counted == 1), np.cumsum(counted == 0)
    if not len(hits):
        return 0.0, 0.0
    recall = hits / people
    precision = hits / (hits + misses + EPS)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(recall, RECALLS, side="left")
    inside = place < len(precision)
    values = np.where(inside, precision[np.minimum(place, len(precision) - 1)], 0.0)
    return float(values.mean()), float(recall[-1])
