"""Markdown tables of the bundled models' sheet: a model next to the mean pose.

All numbers come from `rtmpose3d.evaluation`; only the comparison and its layout are here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from mean_pose import MeanPose

from rtmpose3d.evaluation import MatchedPeople
from rtmpose3d.evaluation.metrics import (
    PCK_THRESHOLDS,
    AveragePrecision,
    DetectionMetrics,
    Metrics2D,
    OksImage,
    average_precision,
    metrics_2d,
    mpjpe,
    oks_matrix,
    pa_mpjpe,
    pck_by_confidence,
    relative_errors,
    relative_to_root,
)
from rtmpose3d.skeletons import HIPS, PART_INDICES, WHOLEBODY
from rtmpose3d.structures import BoolArray, FloatArray

PARTS = ("body", "feet", "face", "hands")


def matches_by_dataset(people: MatchedPeople) -> Mapping[str, MatchedPeople]:
    """The people of each dataset, datasets in order of appearance."""
    datasets = np.array(people.datasets)
    return {
        name: people.select(np.flatnonzero(datasets == name))
        for name in dict.fromkeys(people.datasets)
    }


def pck_table(people: MatchedPeople, mean: MeanPose) -> Iterator[str]:
    """PCK of every part at three thresholds, model and mean pose.

    Where the dataset labels occlusion, also the model's PCK of unoccluded keypoints.
    """
    ours = _metrics(people, people.predicted_px)
    baseline = _metrics(people, mean.in_boxes(people.boxes_xyxy))
    clear: Mapping[str, Metrics2D] = {}
    if people.occluded is not None:
        clear = _metrics(people, people.predicted_px, people.annotated & ~people.occluded)
    more = ("PCK of unoccluded ones", "unoccluded") if clear else ()
    yield _row("part", *(f"PCK@{t:g}" for t in PCK_THRESHOLDS), "mean pose", "keypoints", *more)
    yield _rule(1 + len(PCK_THRESHOLDS) + 2 + len(more))
    for part, row in ours.items():
        yield _row(
            part,
            *(f"**{share(s)}**" for s in row.pck),
            _shares(baseline[part]),
            str(row.keypoints),
            *((_shares(clear[part]), str(clear[part].keypoints)) if clear else ()),
        )


def dataset_table(people: MatchedPeople, mean: MeanPose, threshold: float = 0.1) -> Iterator[str]:
    """PCK at one threshold by dataset, the mean pose in brackets."""
    yield _row("data", "boxes", *PARTS)
    yield _rule(2 + len(PARTS))
    for name, chosen in matches_by_dataset(people).items():
        ours, baseline = (
            _metrics(chosen, predicted, thresholds=(threshold,))
            for predicted in (chosen.predicted_px, mean.in_boxes(chosen.boxes_xyxy))
        )
        cells = [
            f"{share(ours[part].pck[0])} ({share(baseline[part].pck[0])})"
            if ours[part].keypoints
            else "–"
            for part in PARTS
        ]
        yield _row(name, str(len(chosen)), *cells)


def oks_table(people: MatchedPeople, mean: MeanPose) -> Iterator[str]:
    """AP of every part over people whose box encloses the person, model and mean pose."""
    if not len(people):
        return
    yield _row("part", "OKS-AP", "AP@.5", "AP@.75", "AR", "mean pose AP", "people")
    yield _rule(7)
    for part in PARTS:
        index = PART_INDICES[part]
        scores = people.scores * people.confidence[:, index].mean(axis=1)
        ours = part_ap(people, people.predicted_px, scores, part)
        placed = mean.in_boxes(people.boxes_xyxy)
        baseline = part_ap(people, placed, np.ones(len(people)), part)
        if ours.people:
            values = [f"**{share(ours.ap)}**", *map(share, (ours.ap50, ours.ap75, ours.ar))]
            yield _row(f"{part} ({len(index)})", *values, share(baseline.ap), str(ours.people))


def part_ap(
    people: MatchedPeople, predicted_px: FloatArray, scores: FloatArray, part: str
) -> AveragePrecision:
    """AP of one part, one detection per person.

    Args:
        people: annotated people.
        predicted_px: (N, 133, 2) px; nan for people who were not detected.
        scores: (N,) scores of the detections.
        part: a key of `PART_INDICES`.
    """
    index = PART_INDICES[part]
    images = []
    for path in dict.fromkeys(people.image_paths):
        rows = np.array([i for i, other in enumerate(people.image_paths) if other == path])
        detected = rows[np.isfinite(predicted_px[rows]).all(axis=(1, 2))]
        annotated = people.annotated[rows][:, index]
        oks = oks_matrix(
            predicted_px[detected][:, index],
            people.truth_px[rows][:, index],
            annotated,
            people.area_px2[rows],
            people.boxes_xyxy[rows],
            WHOLEBODY.sigmas[index],
        )
        ignored = np.logical_not(annotated.any(axis=1))
        crowd = np.zeros(len(rows), bool)
        images.append(OksImage(oks=oks, scores=scores[detected], ignored=ignored, crowd=crowd))
    return average_precision(images)


def table_3d(people: MatchedPeople, mean: MeanPose) -> Iterator[str]:
    """Errors in 3D by dataset and part, pelvis-aligned and best aligned, in millimetres."""
    if not people.has_3d:
        return
    yield _row("data", "part", "MPJPE, mm", "PA-MPJPE, mm", "mean pose", "mean pose, PA", "people")
    yield _rule(7)
    for name, chosen in matches_by_dataset(people).items():
        truth, predicted = chosen.truth_camera_m, chosen.predicted_camera_m
        if truth is None or predicted is None:
            continue
        known = np.isfinite(truth).all(axis=2) & chosen.annotated
        rows = known[:, list(HIPS)].all(axis=1) & chosen.detected
        if rows.any():
            truth = np.where(known[..., None], truth, 0.0)
            yield from _rows_3d(name, predicted[rows], truth[rows], known[rows], mean)


def _rows_3d(
    name: str, predicted: FloatArray, truth: FloatArray, known: BoolArray, mean: MeanPose
) -> Iterator[str]:
    truth, ours = relative_to_root(truth), relative_to_root(predicted)
    baseline = np.broadcast_to(mean.relative_m, truth.shape)
    for part in PARTS:
        index = PART_INDICES[part]
        use = known[:, index]
        if not use.any():
            continue
        values = [
            1000 * float(np.nanmean(measure(which[:, index], truth[:, index], use)))
            if np.isfinite(which[:, index][use]).all()
            else float("nan")
            for which in (ours, baseline)
            for measure in (mpjpe, pa_mpjpe)
        ]
        cells = ["–" if math.isnan(value) else f"{value:.0f}" for value in values]
        yield _row(name, part, f"**{cells[0]}**", *cells[1:], str(int(use.any(axis=1).sum())))


def confidence_table(people: MatchedPeople) -> Iterator[str]:
    """PCK@0.1 of the keypoints of each tenth of confidence."""
    errors = relative_errors(people.predicted_px, people.truth_px, people.boxes_xyxy)
    yield _row("confidence", "PCK@0.1", "keypoints")
    yield _rule(3)
    for row in pck_by_confidence(errors, people.confidence, people.annotated):
        yield _row(f"{row.low:.1f} to {row.high:.1f}", share(row.pck), str(row.keypoints))


def detector_table(by_threshold: Mapping[float, DetectionMetrics]) -> Iterator[str]:
    """Recall and precision at several score thresholds."""
    yield _row("score above", "recall", "precision", "people", "detections")
    yield _rule(5)
    for threshold, row in by_threshold.items():
        yield _row(
            f"{threshold:g}",
            share(row.recall),
            share(row.precision),
            str(row.people),
            str(row.detections),
        )


def share(value: float) -> str:
    """A share as text: .87; a dash for nan."""
    if math.isnan(value):
        return "–"
    return "1.00" if value >= 0.995 else f"{value:.2f}".removeprefix("0")


def _metrics(
    people: MatchedPeople,
    predicted_px: FloatArray,
    annotated: BoolArray | None = None,
    thresholds: tuple[float, ...] = PCK_THRESHOLDS,
) -> dict[str, Metrics2D]:
    errors = relative_errors(predicted_px, people.truth_px, people.boxes_xyxy)
    use = people.annotated if annotated is None else annotated
    return metrics_2d(errors, use, parts=PARTS, thresholds=thresholds)


def _shares(metrics: Metrics2D) -> str:
    """One cell with the PCK at all thresholds."""
    return " / ".join(share(value) for value in metrics.pck)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _rule(columns: int) -> str:
    return "|---|" + "---:|" * (columns - 1)
