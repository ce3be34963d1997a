"""The tables of an evaluation: AP and AR, errors in pixels, errors in 3D, every keypoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from rtmpose3d.evaluation.metrics.coco_ap import COLUMNS
from rtmpose3d.evaluation.metrics.metrics_2d import PixelFigures
from rtmpose3d.evaluation.metrics.metrics_3d import (
    H3WB_FIGURES,
    RootFigures,
    SpaceFigures,
    h3wb_lines,
)
from rtmpose3d.evaluation.metrics.oks import AveragePrecision
from rtmpose3d.evaluation.metrics.pck import PCK_THRESHOLDS
from rtmpose3d.evaluation.reports.writing import Table, figure, percent

ROOT_TITLE = "Distance from the camera"
PCK_NAMES = tuple(f"PCK@{threshold:g}" for threshold in PCK_THRESHOLDS)


def hand_means(figures: Mapping[str, AveragePrecision]) -> dict[str, float]:
    """The mean of the left and the right hand in every column, as papers give hands."""
    left, right = figures["lefthand"], figures["righthand"]
    return {
        column: (getattr(left, name) + getattr(right, name)) / 2 for column, name in COLUMNS.items()
    }


def coco_document(figures: Mapping[str, AveragePrecision]) -> dict[str, dict[str, float]]:
    """Every part's figures under the official names, 0 to 1."""
    rows = {
        part: {column: float(getattr(row, name)) for column, name in COLUMNS.items()}
        | {"people": row.people}
        for part, row in figures.items()
    }
    return rows | {"hand": hand_means(figures)}


def coco_table(figures: Mapping[str, AveragePrecision]) -> Table:
    """AP and AR, every part a row, in per cent."""
    rows = [
        (part, *(percent(getattr(row, name)) for name in COLUMNS.values()), str(row.people))
        for part, row in figures.items()
    ]
    hands = hand_means(figures)
    rows.append(("hand", *(percent(hands[column]) for column in COLUMNS), ""))
    return Table(
        title="AP and AR, per cent",
        columns=("part", *COLUMNS, "people"),
        rows=tuple(rows),
        note="COCO-WholeBody's official evaluation. (M) and (L): people of 32 x 32 to 96 x 96 "
        "pixels of area, and larger. hand: mean of the left and the right hand, as papers give it.",
    )


def pixel_table(parts: Mapping[str, PixelFigures]) -> Table:
    """Errors in pixels by part."""
    return Table(
        title="Errors in pixels by part",
        columns=("part", *PCK_NAMES, "mean error, %", "median, %", "keypoints", "not found, %"),
        rows=_pixel_rows(parts),
        note="PCK: share of keypoints, in per cent, within that part of the annotated box's longer "
        "side; keypoints of people who were not found count as missed. Errors are relative to "
        "the same side, over people who were found.",
    )


def pixel_keypoint_table(keypoints: Mapping[str, PixelFigures]) -> Table:
    """Errors in pixels of every keypoint."""
    return Table(
        title="Every keypoint, in pixels",
        columns=("keypoint", *PCK_NAMES, "mean error, %", "median, %", "keypoints", "not found, %"),
        rows=_pixel_rows(keypoints),
    )


def _pixel_rows(figures: Mapping[str, PixelFigures]) -> tuple[tuple[str, ...], ...]:
    """What is annotated at all."""
    return tuple(_pixel_row(name, row) for name, row in figures.items() if row.points)


def _pixel_row(name: str, figures: PixelFigures) -> tuple[str, ...]:
    missed = figures.missed / figures.points if figures.points else math.nan
    return (
        name,
        *(percent(value) for value in figures.pck),
        percent(figures.mean, 2),
        percent(figures.median, 2),
        str(figures.points),
        percent(missed),
    )


def h3wb_table(figures: Mapping[str, SpaceFigures]) -> Table:
    """The six figures of H3WB's official script."""
    lines = h3wb_lines(figures)
    return Table(
        title="H3WB's figures",
        columns=("figure", "mm"),
        rows=tuple((line, figure(lines[line], 2)) for line, _, _ in H3WB_FIGURES),
        note="As H3WB's official script makes them; body includes the feet.",
    )


def space_table(figures: Mapping[str, SpaceFigures]) -> Table:
    """Errors in 3D by part."""
    rows = [
        (
            part,
            figure(row.mpjpe_mm),
            figure(row.own_mpjpe_mm),
            figure(row.pa_mpjpe_mm),
            figure(row.n_mpjpe_mm),
            percent(row.pck150),
            percent(row.auc),
            figure(row.camera_mm),
            str(row.points),
        )
        for part, row in figures.items()
        if row.points
    ]
    return Table(
        title="Errors in 3D by part",
        columns=(
            *("part", "MPJPE, mm", "own root, mm", "PA-MPJPE, mm", "N-MPJPE, mm"),
            *("PCK 150 mm, %", "AUC, %", "camera space, mm", "keypoints"),
        ),
        rows=tuple(rows),
        note="MPJPE, N-MPJPE, PCK and AUC: aligned at the pelvis (middle of the hips). Own root: "
        "at the nose (face) or the hand's wrist. PA and N: similarity and scale that fit the "
        "part's own keypoints best; PA of hands: each hand by itself. Camera space: not aligned at "
        "all. People who were not found have no errors in 3D and are not in this table.",
    )


def root_table(roots: RootFigures) -> Table:
    """How well the distance of the people is known."""
    return Table(
        title=ROOT_TITLE,
        columns=("figure", "value"),
        rows=(
            ("people", str(roots.people)),
            ("mean absolute error, mm", figure(roots.depth_mm, 0)),
            ("mean absolute error, % of the distance", percent(roots.depth_share)),
            ("mean error, % of the distance (above 0: too far)", percent(roots.bias_share)),
        ),
    )


def space_keypoint_table(keypoints: Mapping[str, tuple[int, float, float]]) -> Table:
    """Errors in 3D of every keypoint."""
    return Table(
        title="Every keypoint, in 3D",
        columns=("keypoint", "MPJPE, mm", "PCK 150 mm, %", "keypoints"),
        rows=tuple(
            (name, figure(error), percent(share), str(count))
            for name, (count, error, share) in keypoints.items()
            if count
        ),
    )


def pixel_document(figures: Mapping[str, PixelFigures]) -> dict[str, dict[str, object]]:
    """Errors in pixels as plain data."""
    return {
        name: {
            **{f"PCK@{t:g}": share for t, share in zip(PCK_THRESHOLDS, row.pck, strict=True)},
            "mean_error": row.mean,
            "median_error": row.median,
            "keypoints": row.points,
            "not_found": row.missed,
        }
        for name, row in figures.items()
    }


def space_document(figures: Mapping[str, SpaceFigures]) -> dict[str, dict[str, float]]:
    """Errors in 3D as plain data."""
    return {part: asdict(row) for part, row in figures.items()}


def errors_by_part(errors: np.ndarray, places: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a histogram takes: (N, 133) errors, nan where not annotated -> those of each part."""
    return {part: _known(errors[:, index]) for part, index in places.items()}


def _known(errors: np.ndarray) -> np.ndarray:
    return errors[~np.isnan(errors)]
