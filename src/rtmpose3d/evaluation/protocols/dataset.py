"""Evaluation on any dataset: errors in pixels, and errors in 3D where there is 3D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.data import DATASETS, AnnotatedImage, PoseRecord, group_by_image, read_dataset
from rtmpose3d.data.candidates import ReadOptions
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.evaluation.errors import SkippedItems
from rtmpose3d.evaluation.matching import (
    MatchedPeople,
    assign_by_iou,
    collect_matches,
    detection_target,
)
from rtmpose3d.evaluation.metrics import (
    detection_metrics,
    keypoint_metrics_2d,
    keypoint_metrics_3d,
    metrics_2d,
    metrics_3d,
    pck_by_confidence,
    relative_errors,
    root_metrics,
    select_poses_3d,
)
from rtmpose3d.evaluation.metrics.metrics_2d import PARTS_2D, errors_by_part
from rtmpose3d.evaluation.metrics.metrics_3d import PARTS_3D, pelvis_aligned_errors_m
from rtmpose3d.evaluation.poses import NO_POSES, detections_from_result, poses_from_result
from rtmpose3d.evaluation.reports import tables
from rtmpose3d.evaluation.reports.documents import Table
from rtmpose3d.evaluation.reports.histogram import BOX_AXIS, MPJPE_AXIS
from rtmpose3d.evaluation.result import Evaluation
from rtmpose3d.evaluation.running import Predicted, RunOptions
from rtmpose3d.structures import FloatArray

DETECTION_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
_SPLITS = ("val", "test")  # preferred where none is named


def read_annotated_images(
    name: str,
    folder: Path,
    skipped: SkippedItems,
    *,
    split: str | None = None,
    every: int = 1,
    annotations: str | None = None,
    images: str | None = None,
) -> list[AnnotatedImage]:
    """Reads the people of a dataset, with crowds and ignored people.

    Args:
        name: name of the dataset, a key of `DATASETS`.
        folder: folder of the dataset.
        skipped: collects bad annotations, and counts those that a rule excludes.
        split: name of the split; None: val, test or the only one.
        every: take every n-th image.
        annotations: annotation file to use instead, relative to the folder.
        images: image folder to use instead, relative to the folder.

    Raises:
        UnknownNameError: there is no such dataset or split.
        InputError: the data cannot be used, or an annotation is bad and may not be skipped.
    """
    if name not in DATASETS:
        raise UnknownNameError("dataset", name, DATASETS)
    splits = list(DATASETS[name].splits)
    reading = read_dataset(
        name,
        folder,
        split or next((s for s in _SPLITS if s in splits), splits[0]),
        on_bad="skip",
        options=ReadOptions(every=every, keep_ignored=True, check_images=False),
        annotations=annotations,
        images=images,
    )
    records = list(reading)
    for bad in reading.bad:
        skipped.add(bad.text)
    skipped.add_by_rule("annotations", reading.skipped)
    return group_by_image(records)


@dataclass(frozen=True, kw_only=True)
class DatasetProtocol:
    """PCK and errors in pixels; MPJPE and more where annotations and model have 3D.

    Attributes:
        title: name for reports.
    """

    title: str

    def counts(self, record: PoseRecord) -> bool:
        """Whether a person counts: no crowd, not ignored, with labels, the box in the image."""
        excluded = record.crowd or record.ignored
        return not excluded and bool(record.annotated.any()) and record.box_in_image

    def score(self, predicted: Predicted, options: RunOptions) -> Evaluation:
        """Scores the results of a model; see `evaluate.Protocol`."""
        detected = options.boxes != "annotated"
        matches = self.match(predicted, detected=detected)
        more = [detector_table(predicted)] if options.boxes == "detected" else []
        return score_matches(self.title, matches, len(predicted.images), more_tables=more)

    def match(self, predicted: Predicted, *, detected: bool) -> MatchedPeople:
        """Pairs each person who counts with the pose in their box.

        Args:
            predicted: images and results of the model.
            detected: whether people were detected; they are then matched at an IoU of 0.5.

        Raises:
            InputError: no person counts; the annotated boxes do not enclose people.
        """
        people, poses, assigned = [], [], []
        for image in predicted.images:
            result = predicted.results.get(image.key)
            chosen = [i for i, record in enumerate(image.people) if self.counts(record)]
            people.append([image.people[i] for i in chosen])
            poses.append(NO_POSES if result is None else poses_from_result(result))
            if result is None:
                assigned.append(np.full(len(chosen), -1))
            elif detected:
                boxes = detections_from_result(result)
                assigned.append(assign_by_iou(image, chosen, boxes))
            else:
                assigned.append(np.arange(len(chosen)))
        _check_people([record for image in people for record in image], detected=detected)
        return collect_matches(people, poses, assigned)


def _check_people(people: Sequence[PoseRecord], *, detected: bool) -> None:
    if not people:
        raise InputError("there is no annotated person to evaluate on")
    other = next((record for record in people if record.box_kind != "person"), None)
    if detected and other is not None:
        raise InputError(
            f"{other.source}: annotated boxes enclose {other.box_kind}, which detections of people "
            "cannot be matched with; use the annotated boxes"
        )


def score_matches(
    title: str,
    matches: MatchedPeople,
    images: int,
    *,
    first_tables: Sequence[Table] = (),
    more_tables: Sequence[Table] = (),
) -> Evaluation:
    """Computes all metrics of matched people.

    Args:
        title: name for reports.
        matches: annotated people and their poses.
        images: number of images.
        first_tables: tables to put before the common ones.
        more_tables: tables to put after them.
    """
    errors = relative_errors(matches.predicted_px, matches.truth_px, matches.boxes_xyxy)
    annotated = matches.annotated
    parts, keypoints = metrics_2d(errors, annotated), keypoint_metrics_2d(errors, annotated)
    confidence = pck_by_confidence(errors, matches.confidence, annotated)
    metrics: dict[str, object] = {
        "parts": tables.document_2d(parts),
        "keypoints": tables.document_2d(keypoints),
        "confidence": [asdict(row) for row in confidence],
    }
    oks = matches.oks
    metrics_in_3d, tables_3d, errors_m = score_3d(matches)
    summary = [
        *first_tables,
        *tables_3d[:-1],
        tables.table_2d(parts),
        *more_tables,
        tables.confidence_table(confidence),
    ]
    if errors_m is None:
        case_errors, captions = 1 - oks, [f"OKS {value:.2f}" for value in oks.tolist()]
        part_errors = errors_by_part(100 * errors, annotated, PARTS_2D)
    else:
        case_errors, captions = cases_3d(errors_m)
        part_errors = errors_by_part(1000 * errors_m, np.isfinite(errors_m), PARTS_3D)
    return Evaluation(
        title=title,
        metrics=metrics | metrics_in_3d,
        tables=[*summary, *tables_3d[-1:], tables.keypoint_table_2d(keypoints)],
        summary=len(summary),
        matches=matches,
        part_errors=part_errors,
        axis=BOX_AXIS if errors_m is None else MPJPE_AXIS,
        case_errors=case_errors,
        case_captions=captions,
        facts={"people": f"{len(matches)} in {images} images"},
        predictions=predictions_document(matches),
    )


def score_3d(
    matches: MatchedPeople,
) -> tuple[dict[str, object], list[Table], FloatArray | None]:
    """Metrics in 3D as plain data, their tables (that of every keypoint last), and the errors.

    Returns:
        Empty without 3D; errors are (N, 133) metres, pelvis-aligned.
    """
    truth, predicted = matches.truth_camera_m, matches.predicted_camera_m
    if truth is None or predicted is None:
        return {}, [], None
    poses = select_poses_3d(predicted, truth, matches.annotated)
    parts, roots = metrics_3d(poses), root_metrics(poses)
    errors_m = pelvis_aligned_errors_m(predicted, truth, matches.annotated)
    keypoints = keypoint_metrics_3d(errors_m)
    document: dict[str, object] = {
        "h3wb_mm": tables.h3wb_lines(parts),
        "parts_3d": {part: asdict(row) for part, row in parts.items()},
        "root": asdict(roots),
        "keypoints_mpjpe_mm": {name: row[1] for name, row in keypoints.items()},
    }
    in_tables = [tables.table_3d(parts), tables.root_table(roots)]
    return document, [*in_tables, tables.keypoint_table_3d(keypoints)], errors_m


def cases_3d(errors_m: FloatArray) -> tuple[FloatArray, list[str]]:
    """(N,) MPJPE of each person in mm, nan where unknown, and the same as text."""
    known = np.isfinite(errors_m)
    count, total = known.sum(axis=1), np.where(known, errors_m, 0.0).sum(axis=1)
    mpjpe_mm = 1000 * np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return mpjpe_mm, [
        "not detected" if np.isnan(mm) else f"MPJPE {mm:.0f} mm" for mm in mpjpe_mm.tolist()
    ]


def detector_table(predicted: Predicted) -> Table:
    """Recall and precision of the detector at several score thresholds."""
    images = [image for image in predicted.images if image.key in predicted.results]
    results = [predicted.results[image.key] for image in images]
    targets = [
        detection_target(image, result.image_size_wh)
        for image, result in zip(images, results, strict=True)
    ]
    detections = [detections_from_result(result) for result in results]
    return tables.detection_table(
        {
            threshold: detection_metrics(targets, detections, score_thr=threshold)
            for threshold in DETECTION_THRESHOLDS
        }
    )


def predictions_document(matches: MatchedPeople) -> list[dict[str, object]]:
    """The prediction of each person as plain data: pixels, and metres in camera space."""
    rows, has_pose = [], matches.detected
    for i, name in enumerate(matches.names):
        detected = bool(has_pose[i])
        row: dict[str, object] = {
            "person": name,
            "box_xyxy_px": matches.boxes_xyxy[i].round(3).tolist(),
            "keypoints_2d_px": matches.predicted_px[i].round(3).tolist() if detected else None,
        }
        if matches.predicted_camera_m is not None:
            metres = matches.predicted_camera_m[i].astype(np.float64).round(5).tolist()
            row["keypoints_camera_m"] = metres if detected else None
        rows.append(row)
    return rows
