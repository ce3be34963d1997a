"""Object keypoint similarity (OKS) and COCO's average precision and recall.

Steps and constants are those of the official evaluations of COCO and COCO-WholeBody: similarity
relative to the person's area and each keypoint's sigma, greedy matching by decreasing score,
precision interpolated at 101 recalls, mean over ten thresholds, at most 20 detections per image,
for people of all sizes, and for medium and large people separately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtmpose3d.structures import BoolArray, FloatArray

OKS_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).round(2).tolist())
RECALLS = np.linspace(0, 1, 101)
MAX_DETECTIONS = 20  # per image; COCO's keypoint evaluation
MEDIUM_PX2 = (32.0**2, 96.0**2)  # areas of medium and large people; COCO's keypoint evaluation
LARGE_PX2 = (96.0**2, 1e5**2)
EPS = float(np.spacing(1))


@dataclass(frozen=True, kw_only=True, eq=False)
class OksImage:
    """Detections of one image compared with its annotations.

    Attributes:
        oks: (D, G) similarity of each detection with each annotated person.
        scores: (D,) scores of the detections.
        ignored: (G,) bool, annotations that may be matched but need not be (crowds, people
            without keypoints).
        crowd: (G,) bool, ignored annotations that may be matched more than once.
        predicted_area_px2: (D,) areas of the detections; None: no metrics by size.
        true_area_px2: (G,) areas of the annotated people; None: no metrics by size.
    """

    oks: FloatArray
    scores: FloatArray
    ignored: BoolArray
    crowd: BoolArray
    predicted_area_px2: FloatArray | None = None
    true_area_px2: FloatArray | None = None


@dataclass(frozen=True, kw_only=True)
class AveragePrecision:
    """Metrics of COCO's evaluation, 0 to 1; nan without annotated people.

    Attributes:
        ap, ap50, ap75: mean over the ten thresholds, and at thresholds 0.5 and 0.75.
        ar: maximum recall, mean over the thresholds.
        people: number of annotated people that count.
        ar50, ar75: maximum recall at thresholds 0.5 and 0.75.
        ap_medium, ap_large, ar_medium, ar_large: for people with an area of 32 x 32 to 96 x 96
            pixels, and above; nan also without areas.
    """

    ap: float
    ap50: float
    ap75: float
    ar: float
    people: int
    ar50: float = float("nan")
    ar75: float = float("nan")
    ap_medium: float = float("nan")
    ap_large: float = float("nan")
    ar_medium: float = float("nan")
    ar_large: float = float("nan")


def oks_matrix(
    predicted: FloatArray,
    truth: FloatArray,
    annotated: BoolArray,
    area_px2: FloatArray,
    boxes_xyxy: FloatArray,
    sigmas: FloatArray,
) -> FloatArray:
    """Similarity of each detection with each annotated person.

    Args:
        predicted: (D, K, 2) px.
        truth: (G, K, 2) px.
        annotated: (G, K) bool. A person without any is compared by its box, as COCO does.
        area_px2: (G,) area of the person.
        boxes_xyxy: (G, 4) px.
        sigmas: (K,) tolerances, `WHOLEBODY.sigmas` of the K keypoints.

    Returns:
        (D, G) in [0, 1].
    """
    gaps = predicted[:, None].astype(np.float64) - truth[None]  # (D, G, K, 2)
    size = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    low, high = boxes_xyxy[:, :2] - size, boxes_xyxy[:, 2:] + size  # twice the box about it
    low, high = low[None, :, None], high[None, :, None]
    beyond = np.maximum(low - predicted[:, None], 0) + np.maximum(predicted[:, None] - high, 0)
    labelled = np.asarray(annotated.any(axis=1))  # (G,)
    squares = np.where(labelled[None, :, None, None], gaps, beyond)
    exponent = np.square(squares).sum(axis=3) / np.square(2 * sigmas)
    exponent /= 2 * (area_px2[None, :, None] + EPS)
    use = np.where(labelled[:, None], annotated, True)[None]
    return (np.exp(-exponent) * use).sum(axis=2) / use.sum(axis=2)


def average_precision(images: Sequence[OksImage]) -> AveragePrecision:
    """COCO's AP and AR over all images."""
    kept = [_best_detections(image) for image in images]
    overall = _precisions_recalls(kept)
    if overall is None:
        nan = float("nan")
        return AveragePrecision(ap=nan, ap50=nan, ap75=nan, ar=nan, people=0)
    precisions, recalls, people = overall
    at50, at75 = OKS_THRESHOLDS.index(0.5), OKS_THRESHOLDS.index(0.75)
    medium, large = _ap_ar(kept, MEDIUM_PX2), _ap_ar(kept, LARGE_PX2)
    return AveragePrecision(
        ap=float(np.mean(precisions)),
        ap50=precisions[at50],
        ap75=precisions[at75],
        ar=float(np.mean(recalls)),
        people=people,
        ar50=recalls[at50],
        ar75=recalls[at75],
        ap_medium=medium[0],
        ap_large=large[0],
        ar_medium=medium[1],
        ar_large=large[1],
    )


def _ap_ar(images: Sequence[OksImage], range_px2: tuple[float, float]) -> tuple[float, float]:
    """AP and AR of people in a range of areas; nan without areas or without people."""
    if any(image.predicted_area_px2 is None or image.true_area_px2 is None for image in images):
        return float("nan"), float("nan")
    curves = _precisions_recalls(images, range_px2)
    if curves is None:
        return float("nan"), float("nan")
    return float(np.mean(curves[0])), float(np.mean(curves[1]))


def _precisions_recalls(
    images: Sequence[OksImage], range_px2: tuple[float, float] | None = None
) -> tuple[list[float], list[float], int] | None:
    """Precision and recall at each threshold, and the number of people; None without people."""
    ignored = [_ignored(image, range_px2) for image in images]
    people = int(sum((~ignore).sum() for ignore in ignored))
    if people == 0:
        return None
    order = np.argsort(-np.concatenate([image.scores for image in images]), kind="stable")
    precisions, recalls = [], []
    for threshold in OKS_THRESHOLDS:
        outcomes = [
            _match(image, ignore, threshold, range_px2)
            for image, ignore in zip(images, ignored, strict=True)
        ]
        precision, recall = _curve(np.concatenate(outcomes)[order], people)
        precisions.append(precision)
        recalls.append(recall)
    return precisions, recalls, people


def _ignored(image: OksImage, range_px2: tuple[float, float] | None) -> BoolArray:
    if range_px2 is None:
        return image.ignored
    assert image.true_area_px2 is not None
    return image.ignored | _outside(image.true_area_px2, range_px2)


def _outside(area_px2: FloatArray, range_px2: tuple[float, float]) -> BoolArray:
    return (area_px2 < range_px2[0]) | (area_px2 > range_px2[1])


def _best_detections(image: OksImage) -> OksImage:
    order = np.argsort(-image.scores, kind="stable")[:MAX_DETECTIONS]
    area = image.predicted_area_px2
    return replace(
        image,
        oks=image.oks[order],
        scores=image.scores[order],
        predicted_area_px2=None if area is None else area[order],
    )


def _match(
    image: OksImage,
    ignored: BoolArray,
    threshold: float,
    range_px2: tuple[float, float] | None,
) -> FloatArray:
    """(D,) 1 for a true positive, 0 for a false positive, nan for one that does not count."""
    order = np.argsort(ignored, kind="stable").tolist()  # people that count first
    ignore, crowd, oks = ignored.tolist(), image.crowd.tolist(), image.oks.tolist()
    plausible = (image.oks >= threshold).any(axis=1).tolist() if order else [False] * len(oks)
    taken = [False] * len(order)
    outcome = np.zeros(len(image.scores))
    if range_px2 is not None and image.predicted_area_px2 is not None:
        outcome[_outside(image.predicted_area_px2, range_px2)] = np.nan
    for d in np.flatnonzero(plausible).tolist():
        best, match = min(threshold, 1 - 1e-10), -1
        for g in order:
            if taken[g] and not crowd[g]:
                continue
            if match >= 0 and not ignore[match] and ignore[g]:
                break
            if oks[d][g] >= best:
                best, match = oks[d][g], g
        if match >= 0:
            taken[match] = True
            outcome[d] = np.nan if ignore[match] else 1.0
    return outcome


def _curve(outcome: FloatArray, people: int) -> tuple[float, float]:
    """Interpolated precision, mean over the 101 recalls, and the maximum recall."""
    counted = outcome[~np.isnan(outcome)]
    true_positives, false_positives = np.cumsum(counted == 1), np.cumsum(counted == 0)
    if not len(counted):
        return 0.0, 0.0
    recall = true_positives / people
    precision = true_positives / (true_positives + false_positives + EPS)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    index = np.searchsorted(recall, RECALLS, side="left")
    inside = index < len(precision)
    values = np.where(inside, precision[np.minimum(index, len(precision) - 1)], 0.0)
    return float(values.mean()), float(recall[-1])
