"""OKS, the similarity of two sets of keypoints, and the average precision that COCO makes of it.

Steps and numbers are those of COCO's and COCO-WholeBody's official evaluation: similarity relative
to the person's area and each keypoint's tolerance, greedy matching by falling score, precision
interpolated at 101 recalls, mean over ten thresholds, at most 20 detections an image, people of
all sizes and of medium and large ones by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtmpose3d.structures import BoolArray, FloatArray

OKS_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).round(2).tolist())
RECALLS = np.linspace(0, 1, 101)
MAX_DETECTIONS = 20  # an image; COCO's evaluation of keypoints
MEDIUM_PX2 = (32.0**2, 96.0**2)  # areas of medium and large people; COCO's evaluation of keypoints
LARGE_PX2 = (96.0**2, 1e5**2)
EPS = float(np.spacing(1))


@dataclass(frozen=True, kw_only=True, eq=False)
class OksImage:
    """One image's detections against its annotations.

    Attributes:
        oks: (D, G) similarity of every detection with every annotated person.
        scores: (D,) of the detections.
        ignored: (G,) bool, annotations that may be found but need not be (crowds, no keypoints).
        crowd: (G,) bool, ignored annotations that may be found more than once.
        found_area_px2: (D,) of the detections; None: there are no figures of medium and large.
        true_area_px2: (G,) of the annotated people; None likewise.
    """

    oks: FloatArray
    scores: FloatArray
    ignored: BoolArray
    crowd: BoolArray
    found_area_px2: FloatArray | None = None
    true_area_px2: FloatArray | None = None


@dataclass(frozen=True, kw_only=True)
class AveragePrecision:
    """Figures of COCO's evaluation, 0 to 1; nan where nobody is annotated.

    Attributes:
        ap, ap50, ap75: mean over the ten thresholds, and at similarity 0.5 and 0.75.
        ar: mean of the highest recalls over the thresholds.
        people: how many annotated people count.
        ar50, ar75: highest recall at similarity 0.5 and 0.75.
        ap_medium, ap_large, ar_medium, ar_large: people of 32 x 32 to 96 x 96 pixels of area, and
            of more; nan also where areas are not given.
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
    found: FloatArray,
    true: FloatArray,
    annotated: BoolArray,
    area_px2: FloatArray,
    boxes_xyxy: FloatArray,
    sigmas: FloatArray,
) -> FloatArray:
    """Similarity of every detection with every annotated person.

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
    """COCO's AP and AR over all images."""
    kept = [_best_detections(image) for image in images]
    everybody = _figures(kept)
    if everybody is None:
        nan = float("nan")
        return AveragePrecision(ap=nan, ap50=nan, ap75=nan, ar=nan, people=0)
    precisions, recalls, people = everybody
    half, quarters = OKS_THRESHOLDS.index(0.5), OKS_THRESHOLDS.index(0.75)
    medium, large = _mean_figures(kept, MEDIUM_PX2), _mean_figures(kept, LARGE_PX2)
    return AveragePrecision(
        ap=float(np.mean(precisions)),
        ap50=precisions[half],
        ap75=precisions[quarters],
        ar=float(np.mean(recalls)),
        people=people,
        ar50=recalls[half],
        ar75=recalls[quarters],
        ap_medium=medium[0],
        ap_large=large[0],
        ar_medium=medium[1],
        ar_large=large[1],
    )


def _mean_figures(
    images: Sequence[OksImage], range_px2: tuple[float, float]
) -> tuple[float, float]:
    """AP and AR of people of some size; nan without areas, or where there is nobody."""
    if any(image.found_area_px2 is None or image.true_area_px2 is None for image in images):
        return float("nan"), float("nan")
    figures = _figures(images, range_px2)
    if figures is None:
        return float("nan"), float("nan")
    return float(np.mean(figures[0])), float(np.mean(figures[1]))


def _figures(
    images: Sequence[OksImage], range_px2: tuple[float, float] | None = None
) -> tuple[list[float], list[float], int] | None:
    """Precision and recall at every threshold, and the number of people; None without any."""
    ignored = [_ignored(image, range_px2) for image in images]
    people = int(sum((~leave).sum() for leave in ignored))
    if people == 0:
        return None
    order = np.argsort(-np.concatenate([image.scores for image in images]), kind="stable")
    precisions, recalls = [], []
    for threshold in OKS_THRESHOLDS:
        outcomes = [
            _match(image, leave, threshold, range_px2)
            for image, leave in zip(images, ignored, strict=True)
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
    area = image.found_area_px2
    return replace(
        image,
        oks=image.oks[order],
        scores=image.scores[order],
        found_area_px2=None if area is None else area[order],
    )


def _match(
    image: OksImage,
    ignored: BoolArray,
    threshold: float,
    range_px2: tuple[float, float] | None,
) -> FloatArray:
    """(D,) 1 for a hit, 0 for a false detection, nan for one that does not count."""
    order = np.argsort(ignored, kind="stable").tolist()  # people that count first
    leave, crowd, oks = ignored.tolist(), image.crowd.tolist(), image.oks.tolist()
    likely = (image.oks >= threshold).any(axis=1).tolist() if order else [False] * len(oks)
    taken = [False] * len(order)
    outcome = np.zeros(len(image.scores))
    if range_px2 is not None and image.found_area_px2 is not None:
        outcome[_outside(image.found_area_px2, range_px2)] = np.nan
    for d in np.flatnonzero(likely).tolist():
        best, match = min(threshold, 1 - 1e-10), -1
        for g in order:
            if taken[g] and not crowd[g]:
                continue
            if match >= 0 and not leave[match] and leave[g]:
                break
            if oks[d][g] >= best:
                best, match = oks[d][g], g
        if match >= 0:
            taken[match] = True
            outcome[d] = np.nan if leave[match] else 1.0
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
