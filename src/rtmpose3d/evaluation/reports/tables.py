"""Tables of metrics, and the same as plain data: one function per metric family."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rtmpose3d.evaluation.metrics import (
    PCK_THRESHOLDS,
    AveragePrecision,
    ConfidenceBin,
    DetectionMetrics,
    Metrics2D,
    Metrics3D,
    RootMetrics,
)
from rtmpose3d.evaluation.reports.documents import Table, number, percent

COCO_COLUMNS: Mapping[str, str] = {  # official name -> field of `AveragePrecision`
    "AP": "ap",
    "AP .5": "ap50",
    "AP .75": "ap75",
    "AP (M)": "ap_medium",
    "AP (L)": "ap_large",
    "AR": "ar",
    "AR .5": "ar50",
    "AR .75": "ar75",
    "AR (M)": "ar_medium",
    "AR (L)": "ar_large",
}
H3WB_LINES = (  # line of the official script, part, whether aligned at the part's own root
    ("Pelvis aligned MPJPE", "wholebody", False),
    ("Pelvis aligned MPJPE on body", "body_with_feet", False),
    ("Pelvis aligned MPJPE on face", "face", False),
    ("Nose aligned MPJPE on face", "face", True),
    ("Pelvis aligned MPJPE on hands", "hands", False),
    ("Wrist aligned MPJPE on hands", "hands", True),
)
PCK_COLUMNS = tuple(f"PCK@{threshold:g}" for threshold in PCK_THRESHOLDS)


def hand_means(parts: Mapping[str, AveragePrecision]) -> dict[str, float]:
    """Means of left and right hand in every column, as papers report hands."""
    left, right = parts["lefthand"], parts["righthand"]
    return {
        column: (getattr(left, name) + getattr(right, name)) / 2
        for column, name in COCO_COLUMNS.items()
    }


def coco_document(parts: Mapping[str, AveragePrecision]) -> dict[str, dict[str, float]]:
    """AP and AR of every part under the official names, 0 to 1."""
    rows = {
        part: {column: float(getattr(row, name)) for column, name in COCO_COLUMNS.items()}
        | {"people": row.people}
        for part, row in parts.items()
    }
    return rows | {"hand": hand_means(parts)}


def coco_table(parts: Mapping[str, AveragePrecision]) -> Table:
    """AP and AR by part."""
    rows = [
        (part, *(percent(getattr(row, name)) for name in COCO_COLUMNS.values()), str(row.people))
        for part, row in parts.items()
    ]
    hands = hand_means(parts)
    rows.append(("hand", *(percent(hands[column]) for column in COCO_COLUMNS), ""))
    return Table(
        title="AP and AR, per cent",
        columns=("part", *COCO_COLUMNS, "people"),
        rows=tuple(rows),
        note="COCO-WholeBody's official evaluation. (M) and (L): people with an area of 32 x 32 to "
        "96 x 96 pixels, and larger. hand: mean of left and right hand, as papers report it.",
    )


def table_2d(parts: Mapping[str, Metrics2D]) -> Table:
    """Errors in the image by part, relative to the box."""
    return Table(
        title="2D errors by part, per cent of the box's longer side",
        columns=("part", *_COLUMNS_2D),
        rows=_rows_2d(parts),
        note="PCK: share of keypoints, in per cent, within that fraction of the annotated box's "
        "longer side; keypoints of people who were not detected count as outside. Errors are "
        "relative to the same side, over people who were detected.",
    )


def keypoint_table_2d(keypoints: Mapping[str, Metrics2D]) -> Table:
    """Errors in the image of every keypoint, relative to the box."""
    return Table(
        title="2D errors of every keypoint, per cent of the box's longer side",
        columns=("keypoint", *_COLUMNS_2D),
        rows=_rows_2d(keypoints),
    )


_COLUMNS_2D = (*PCK_COLUMNS, "mean error, %", "median, %", "keypoints", "not detected, %")


def _rows_2d(metrics: Mapping[str, Metrics2D]) -> tuple[tuple[str, ...], ...]:
    """Rows of everything that is annotated."""
    return tuple(_row_2d(name, row) for name, row in metrics.items() if row.keypoints)


def _row_2d(name: str, metrics: Metrics2D) -> tuple[str, ...]:
    missed = metrics.missed / metrics.keypoints if metrics.keypoints else math.nan
    return (
        name,
        *(percent(value) for value in metrics.pck),
        percent(metrics.mean, 2),
        percent(metrics.median, 2),
        str(metrics.keypoints),
        percent(missed),
    )


def document_2d(metrics: Mapping[str, Metrics2D]) -> dict[str, dict[str, object]]:
    """Errors in the image as plain data, relative to the box."""
    return {
        name: {
            **dict(zip(PCK_COLUMNS, row.pck, strict=True)),
            "mean_error": row.mean,
            "median_error": row.median,
            "keypoints": row.keypoints,
            "not_detected": row.missed,
        }
        for name, row in metrics.items()
    }


def h3wb_lines(parts: Mapping[str, Metrics3D]) -> dict[str, float]:
    """The six metrics of H3WB's official script, by the lines that it prints, mm."""
    return {
        line: parts[part].own_root_mpjpe_mm if own_root else parts[part].mpjpe_mm
        for line, part, own_root in H3WB_LINES
    }


def h3wb_table(parts: Mapping[str, Metrics3D]) -> Table:
    """The six metrics of H3WB's official script."""
    return Table(
        title="H3WB's metrics",
        columns=("metric", "mm"),
        rows=tuple((line, number(value, 2)) for line, value in h3wb_lines(parts).items()),
        note="As H3WB's official script computes them; body includes the feet.",
    )


def table_3d(parts: Mapping[str, Metrics3D]) -> Table:
    """Errors in 3D by part."""
    rows = [
        (
            part,
            number(row.mpjpe_mm),
            number(row.own_root_mpjpe_mm),
            number(row.pa_mpjpe_mm),
            number(row.n_mpjpe_mm),
            percent(row.pck_150mm),
            percent(row.auc),
            number(row.camera_space_mm),
            str(row.keypoints),
        )
        for part, row in parts.items()
        if row.keypoints
    ]
    return Table(
        title="Errors in 3D by part",
        columns=(
            *("part", "MPJPE, mm", "own root, mm", "PA-MPJPE, mm", "N-MPJPE, mm"),
            *("PCK 150 mm, %", "AUC, %", "camera space, mm", "keypoints"),
        ),
        rows=tuple(rows),
        note="MPJPE, N-MPJPE, PCK and AUC: aligned at the pelvis (midpoint of the hips). Own root: "
        "at the nose (face) or the hand's wrist. PA and N: the similarity transform or scale that "
        "fits the part's own keypoints best; PA of hands: each hand separately. Camera space: not "
        "aligned. People who were not detected have no errors in 3D and do not count here.",
    )


def root_table(roots: RootMetrics) -> Table:
    """Errors of the distance of the people."""
    return Table(
        title="Distance from the camera",
        columns=("metric", "value"),
        rows=(
            ("people", str(roots.people)),
            ("mean absolute error, mm", number(roots.depth_mm, 0)),
            ("mean absolute error, % of the distance", percent(roots.depth_share)),
            ("mean error, % of the distance (above 0: too far)", percent(roots.bias_share)),
        ),
    )


def keypoint_table_3d(keypoints: Mapping[str, tuple[int, float, float]]) -> Table:
    """Errors in 3D of every keypoint."""
    return Table(
        title="Every keypoint, in 3D",
        columns=("keypoint", "MPJPE, mm", "PCK 150 mm, %", "keypoints"),
        rows=tuple(
            (name, number(error), percent(share), str(count))
            for name, (count, error, share) in keypoints.items()
            if count
        ),
    )


def detection_table(by_threshold: Mapping[float, DetectionMetrics]) -> Table:
    """Recall and precision of detections by score threshold."""
    return Table(
        title="Detection of people",
        columns=("minimum score", "recall, %", "precision, %", "people", "detections"),
        rows=tuple(
            (
                f"{threshold:g}",
                percent(row.recall),
                percent(row.precision),
                str(row.people),
                str(row.detections),
            )
            for threshold, row in by_threshold.items()
        ),
        note="People taller than a fifth of the image, at an IoU of 0.5.",
    )


def confidence_table(bins: Sequence[ConfidenceBin]) -> Table:
    """PCK by confidence."""
    return Table(
        title="PCK by confidence",
        columns=("confidence", "PCK@0.1, %", "keypoints"),
        rows=tuple(
            (f"{row.low:.1f} to {row.high:.1f}", percent(row.pck), str(row.keypoints))
            for row in bins
        ),
        note="Share of keypoints of each range of confidence whose position is right.",
    )
