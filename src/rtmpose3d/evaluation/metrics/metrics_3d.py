"""Errors in 3D by part and by keypoint, aligned in the field's ways: H3WB's six figures and more.

H3WB's official script aligns at the pelvis (middle of the hips), the face also at the nose, each
hand also at its wrist, and takes the mean over all keypoints; its body has the feet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.matching import ComparedPeople
from rtmpose3d.evaluation.metrics.mpjpe import (
    HIPS,
    auc_3d,
    n_mpjpe,
    pa_mpjpe,
    pck_3d,
    relative_to_root,
)
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures import BoolArray, FloatArray, IntArray

NOSE, LEFT_WRIST, RIGHT_WRIST = 0, 91, 112  # the hands' own wrists, as H3WB's script has it
SPACE_PARTS: Mapping[str, IntArray] = {
    "whole": np.arange(133),
    "body": np.arange(0, 23),
    "face": np.arange(23, 91),
    "hands": np.arange(91, 133),
    "left hand": np.arange(91, 112),
    "right hand": np.arange(112, 133),
}
OWN_ROOTS: Mapping[str, int] = {"face": NOSE, "left hand": LEFT_WRIST, "right hand": RIGHT_WRIST}
H3WB_FIGURES = (  # as the official script prints them: its line, our part, whether own root
    ("Pelvis aligned MPJPE", "whole", False),
    ("Pelvis aligned MPJPE on body", "body", False),
    ("Pelvis aligned MPJPE on face", "face", False),
    ("Nose aligned MPJPE on face", "face", True),
    ("Pelvis aligned MPJPE on hands", "hands", False),
    ("Wrist aligned MPJPE on hands", "hands", True),
)


@dataclass(frozen=True, kw_only=True)
class SpaceFigures:
    """Of a part; millimetres, shares of 0 to 1; nan where nothing is annotated.

    Attributes:
        points: annotated keypoints of people who were found.
        mpjpe_mm: pelvis-aligned.
        own_mpjpe_mm: aligned at the nose (face) or the wrist (hands); nan for other parts.
        pa_mpjpe_mm: after the similarity that fits the part best; each hand by itself.
        n_mpjpe_mm: pelvis-aligned, after the scale that fits the part best.
        pck150: pelvis-aligned within 150 mm.
        auc: mean of the PCK from 0 to 150 mm.
        camera_mm: in camera space, not aligned.
    """

    points: int
    mpjpe_mm: float
    own_mpjpe_mm: float
    pa_mpjpe_mm: float
    n_mpjpe_mm: float
    pck150: float
    auc: float
    camera_mm: float


@dataclass(frozen=True, kw_only=True)
class RootFigures:
    """Where the people are: the pelvis in camera space, over those found.

    Attributes:
        people: how many.
        depth_mm: mean absolute error along the optical axis.
        depth_share: the same, as a share of the true depth.
        bias_share: mean error along the optical axis as a share of the true depth; above 0: too
            far away.
    """

    people: int
    depth_mm: float
    depth_share: float
    bias_share: float


@dataclass(frozen=True, kw_only=True, eq=False)
class _Space:
    """People with a pelvis who were found: (N, 133, 3) metres, (N, 133) annotated."""

    found: FloatArray
    true: FloatArray
    annotated: BoolArray


def space_figures(people: ComparedPeople) -> dict[str, SpaceFigures]:
    """Figures of every part of `SPACE_PARTS`.

    Raises:
        InputError: the data or the poses have no 3D.
    """
    space = _space(people)
    return {part: _part_figures(space, part) for part in SPACE_PARTS}


def keypoint_errors_m(people: ComparedPeople) -> FloatArray:
    """(N, 133) pelvis-aligned distances, metres; nan where not annotated or not found.

    Raises:
        InputError: the data or the poses have no 3D.
    """
    found, true = _both(people)
    distance = np.linalg.norm(relative_to_root(found) - relative_to_root(true), axis=2)
    pelvis = np.asarray(people.annotated[:, list(HIPS)].all(axis=1))
    return np.where(people.annotated & pelvis[:, None], distance, np.nan)


def keypoint_mpjpe_mm(people: ComparedPeople) -> dict[str, tuple[int, float, float]]:
    """Of every keypoint, by name: how many, pelvis-aligned MPJPE in mm, PCK within 150 mm."""
    errors = keypoint_errors_m(people)
    table = {}
    for i, name in enumerate(WHOLEBODY.keypoint_names):
        known = errors[np.isfinite(errors[:, i]), i]
        table[name] = (len(known), _mean_mm(known), pck_3d(known))
    return table


def root_figures(people: ComparedPeople) -> RootFigures:
    """How well the distance from the camera is known.

    Raises:
        InputError: the data or the poses have no 3D.
    """
    space = _space(people)
    hips = list(HIPS)
    true = space.true[:, hips, 2].mean(axis=1)
    gap = space.found[:, hips, 2].mean(axis=1) - true
    if not len(gap):
        return RootFigures(people=0, depth_mm=np.nan, depth_share=np.nan, bias_share=np.nan)
    return RootFigures(
        people=len(gap),
        depth_mm=_mean_mm(np.abs(gap)),
        depth_share=float((np.abs(gap) / true).mean()),
        bias_share=float((gap / true).mean()),
    )


def h3wb_lines(figures: Mapping[str, SpaceFigures]) -> dict[str, float]:
    """The six figures of H3WB's official script, by the lines that it prints, mm."""
    return {
        line: figures[part].own_mpjpe_mm if own else figures[part].mpjpe_mm
        for line, part, own in H3WB_FIGURES
    }


def _part_figures(space: _Space, part: str) -> SpaceFigures:
    places = SPACE_PARTS[part]
    use = space.annotated[:, places]
    found, true = (relative_to_root(points)[:, places] for points in (space.found, space.true))
    errors = np.linalg.norm(found - true, axis=2)[use]
    anywhere = np.linalg.norm(space.found - space.true, axis=2)[:, places][use]
    weights = use.sum(axis=1)
    return SpaceFigures(
        points=int(use.sum()),
        mpjpe_mm=_mean_mm(errors),
        own_mpjpe_mm=_own_mpjpe_mm(space, part),
        pa_mpjpe_mm=_pa_mpjpe_mm(space, part),
        n_mpjpe_mm=_weighted_mm(n_mpjpe(found, true, use), weights),
        pck150=pck_3d(errors),
        auc=auc_3d(errors),
        camera_mm=_mean_mm(anywhere),
    )


def _pa_mpjpe_mm(space: _Space, part: str) -> float:
    """After the similarity that fits the part best; each hand by itself."""
    if part == "hands":
        sides = [SPACE_PARTS[f"{side} hand"] for side in ("left", "right")]
    else:
        sides = [SPACE_PARTS[part]]
    errors, weights = [], []
    for places in sides:
        use = space.annotated[:, places]
        errors.append(pa_mpjpe(space.found[:, places], space.true[:, places], use))
        weights.append(use.sum(axis=1))
    return _weighted_mm(np.concatenate(errors), np.concatenate(weights))


def _own_mpjpe_mm(space: _Space, part: str) -> float:
    """Aligned at the nose or the wrist; both hands: the mean of the two, as H3WB's script."""
    if part == "hands":
        return float(np.mean([_own_mpjpe_mm(space, f"{side} hand") for side in ("left", "right")]))
    if part not in OWN_ROOTS:
        return float("nan")
    root, places = OWN_ROOTS[part], SPACE_PARTS[part]
    use = space.annotated[:, places] & space.annotated[:, [root]]
    gap = space.found - space.true
    return _mean_mm(np.linalg.norm(gap[:, places] - gap[:, [root]], axis=2)[use])


def _both(people: ComparedPeople) -> tuple[FloatArray, FloatArray]:
    if people.true_camera is None:
        raise InputError("errors in 3D need data with 3D; these people are annotated in 2D only")
    if people.found_camera is None:
        raise InputError("errors in 3D need a model with 3D, such as rtmw3d-l")
    return people.found_camera.astype(np.float64), people.true_camera.astype(np.float64)


def _space(people: ComparedPeople) -> _Space:
    found, true = _both(people)
    use = people.annotated[:, list(HIPS)].all(axis=1) & np.isfinite(found).all(axis=(1, 2))
    return _Space(found=found[use], true=true[use], annotated=people.annotated[use])


def _mean_mm(metres: FloatArray) -> float:
    return 1000 * float(metres.mean()) if metres.size else float("nan")


def _weighted_mm(metres: FloatArray, weights: IntArray) -> float:
    """Mean over keypoints of figures that are means over each person's."""
    known = np.isfinite(metres) & (weights > 0)
    if not known.any():
        return float("nan")
    return 1000 * float(np.average(metres[known], weights=weights[known]))
