"""Errors in pixels, by part and by keypoint: PCK, mean and median, people who were not found.

Errors are parts of the annotated box's longer side, so that near and far people count alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rtmpose3d.evaluation.matching import ComparedPeople
from rtmpose3d.evaluation.metrics.pck import PCK_THRESHOLDS, relative_errors
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures import BoolArray, FloatArray, IntArray

PART_PLACES: Mapping[str, IntArray] = {
    "whole": np.arange(133),
    "body": np.arange(0, 17),
    "feet": np.arange(17, 23),
    "face": np.arange(23, 91),
    "left hand": np.arange(91, 112),
    "right hand": np.arange(112, 133),
}


@dataclass(frozen=True, kw_only=True)
class PixelFigures:
    """Of a part or a keypoint; nan where nothing is annotated.

    Attributes:
        points: annotated keypoints.
        missed: of them of people who were not found.
        pck: share within each of `PCK_THRESHOLDS` of the box's longer side; missed ones count.
        mean, median: error of those that were found, parts of the box's longer side.
    """

    points: int
    missed: int
    pck: tuple[float, ...]
    mean: float
    median: float


def part_figures(people: ComparedPeople) -> dict[str, PixelFigures]:
    """Figures of every part of `PART_PLACES`."""
    errors = box_errors(people)
    return {
        part: _figures(errors[:, places], people.annotated[:, places])
        for part, places in PART_PLACES.items()
    }


def keypoint_figures(people: ComparedPeople) -> dict[str, PixelFigures]:
    """Figures of every keypoint, by name."""
    errors = box_errors(people)
    return {
        name: _figures(errors[:, [i]], people.annotated[:, [i]])
        for i, name in enumerate(WHOLEBODY.keypoint_names)
    }


def box_errors(people: ComparedPeople) -> FloatArray:
    """(N, 133) parts of the box's longer side; infinite for people who were not found.

    Raises:
        InputError: a box without extent.
    """
    return relative_errors(people.found, people.true, people.boxes_xyxy)


def _figures(errors: FloatArray, annotated: BoolArray) -> PixelFigures:
    chosen = errors[annotated]
    there = chosen[np.isfinite(chosen)]
    nan = float("nan")
    return PixelFigures(
        points=len(chosen),
        missed=len(chosen) - len(there),
        pck=tuple(float((chosen <= t).mean()) if len(chosen) else nan for t in PCK_THRESHOLDS),
        mean=float(there.mean()) if len(there) else nan,
        median=float(np.median(there)) if len(there) else nan,
    )
