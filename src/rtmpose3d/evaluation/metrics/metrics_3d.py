"""Errors in 3D, by group of keypoints, with the alignments of the field.

H3WB's official script aligns at the pelvis (midpoint of the hips), the face also at the nose, each
hand also at its wrist, and takes the mean over all keypoints; its body includes the feet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.evaluation.metrics.mpjpe import (
    auc_3d,
    n_mpjpe,
    pa_mpjpe,
    pck_3d,
    relative_to_root,
)
from rtmpose3d.skeletons import HIPS, PART_INDICES, WHOLEBODY
from rtmpose3d.structures import BoolArray, FloatArray, IntArray

PARTS_3D = ("wholebody", "body_with_feet", "face", "hands", "left_hand", "right_hand")
HAND_PARTS = ("left_hand", "right_hand")
OWN_ROOTS = {  # root of the part's own alignment; the hands' own wrists, as in H3WB's script
    "face": WHOLEBODY.index("nose"),
    "left_hand": WHOLEBODY.index("left_hand_root"),
    "right_hand": WHOLEBODY.index("right_hand_root"),
}


@dataclass(frozen=True, kw_only=True)
class Metrics3D:
    """Errors in 3D of a group of keypoints, over people who were detected.

    Millimetres, and shares of 0 to 1; nan where nothing is annotated.

    Attributes:
        keypoints: number of annotated keypoints.
        mpjpe_mm: pelvis-aligned.
        own_root_mpjpe_mm: aligned at the nose (face) or the wrist (hands); nan for other parts.
        pa_mpjpe_mm: after the similarity transform that fits the part best; each hand separately.
        n_mpjpe_mm: pelvis-aligned, after the scale that fits the part best.
        pck_150mm: share within 150 mm, pelvis-aligned.
        auc: mean of the PCK from 0 to 150 mm.
        camera_space_mm: not aligned.
    """

    keypoints: int
    mpjpe_mm: float
    own_root_mpjpe_mm: float
    pa_mpjpe_mm: float
    n_mpjpe_mm: float
    pck_150mm: float
    auc: float
    camera_space_mm: float


@dataclass(frozen=True, kw_only=True)
class RootMetrics:
    """Errors of the pelvis along the optical axis, over people who were detected.

    Attributes:
        people: number of people.
        depth_mm: mean absolute error.
        depth_share: mean absolute error relative to the true depth.
        bias_share: mean error relative to the true depth; above 0: too far away.
    """

    people: int
    depth_mm: float
    depth_share: float
    bias_share: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Poses3D:
    """Predicted and ground-truth poses of N people that can be aligned at the pelvis.

    Attributes:
        predicted: (N, 133, 3) metres, camera space.
        truth: (N, 133, 3) metres, camera space; 0 where not annotated.
        annotated: (N, 133) bool, keypoints with known 3D position.
    """

    predicted: FloatArray
    truth: FloatArray
    annotated: BoolArray


def select_poses_3d(predicted: FloatArray, truth: FloatArray, annotated: BoolArray) -> Poses3D:
    """People who were detected and whose hips are annotated in 3D.

    Args:
        predicted: (N, 133, 3) metres; nan for people who were not detected.
        truth: (N, 133, 3) metres; nan where unknown.
        annotated: (N, 133) bool.
    """
    known = annotated & np.isfinite(truth).all(axis=2)
    use = known[:, list(HIPS)].all(axis=1) & np.isfinite(predicted).all(axis=(1, 2))
    return Poses3D(
        predicted=predicted[use].astype(np.float64),
        truth=np.where(known[use][..., None], truth[use], 0.0).astype(np.float64),
        annotated=known[use],
    )


def metrics_3d(poses: Poses3D) -> dict[str, Metrics3D]:
    """Metrics of every part of `PARTS_3D`."""
    return {part: _part_metrics(poses, part) for part in PARTS_3D}


def pelvis_aligned_errors_m(
    predicted: FloatArray, truth: FloatArray, annotated: BoolArray
) -> FloatArray:
    """(N, 133) pelvis-aligned distances, metres; nan where unknown or not detected.

    Arguments as of `select_poses_3d`.
    """
    distance = np.linalg.norm(relative_to_root(predicted) - relative_to_root(truth), axis=2)
    has_pelvis = np.asarray(annotated[:, list(HIPS)].all(axis=1))
    return np.where(annotated & has_pelvis[:, None], distance, np.nan)


def keypoint_metrics_3d(errors_m: FloatArray) -> dict[str, tuple[int, float, float]]:
    """Count, MPJPE in mm and PCK at 150 mm of every keypoint, by name.

    Args:
        errors_m: (N, 133), as `pelvis_aligned_errors_m` returns them.
    """
    table = {}
    for i, name in enumerate(WHOLEBODY.keypoint_names):
        known = errors_m[np.isfinite(errors_m[:, i]), i]
        table[name] = (len(known), _mean_mm(known), pck_3d(known))
    return table


def root_metrics(poses: Poses3D) -> RootMetrics:
    """Errors of the distance of the people from the camera."""
    hips = list(HIPS)
    true_depth = poses.truth[:, hips, 2].mean(axis=1)
    error = poses.predicted[:, hips, 2].mean(axis=1) - true_depth
    if not len(error):
        nan = float("nan")
        return RootMetrics(people=0, depth_mm=nan, depth_share=nan, bias_share=nan)
    return RootMetrics(
        people=len(error),
        depth_mm=_mean_mm(np.abs(error)),
        depth_share=float((np.abs(error) / true_depth).mean()),
        bias_share=float((error / true_depth).mean()),
    )


def _part_metrics(poses: Poses3D, part: str) -> Metrics3D:
    index = PART_INDICES[part]
    use = poses.annotated[:, index]
    predicted, truth = (
        relative_to_root(points)[:, index] for points in (poses.predicted, poses.truth)
    )
    errors = np.linalg.norm(predicted - truth, axis=2)[use]
    unaligned = np.linalg.norm(poses.predicted - poses.truth, axis=2)[:, index][use]
    return Metrics3D(
        keypoints=int(use.sum()),
        mpjpe_mm=_mean_mm(errors),
        own_root_mpjpe_mm=_own_root_mpjpe_mm(poses, part),
        pa_mpjpe_mm=_pa_mpjpe_mm(poses, part),
        n_mpjpe_mm=_weighted_mm(n_mpjpe(predicted, truth, use), use.sum(axis=1)),
        pck_150mm=pck_3d(errors),
        auc=auc_3d(errors),
        camera_space_mm=_mean_mm(unaligned),
    )


def _pa_mpjpe_mm(poses: Poses3D, part: str) -> float:
    """PA-MPJPE; each hand is aligned separately."""
    errors, weights = [], []
    for side in HAND_PARTS if part == "hands" else (part,):
        index = PART_INDICES[side]
        use = poses.annotated[:, index]
        errors.append(pa_mpjpe(poses.predicted[:, index], poses.truth[:, index], use))
        weights.append(use.sum(axis=1))
    return _weighted_mm(np.concatenate(errors), np.concatenate(weights))


def _own_root_mpjpe_mm(poses: Poses3D, part: str) -> float:
    """MPJPE aligned at the part's own root; both hands: mean of the two, as in H3WB's script.

    People without the root do not count.
    """
    if part == "hands":
        return float(np.mean([_own_root_mpjpe_mm(poses, side) for side in HAND_PARTS]))
    if part not in OWN_ROOTS:
        return float("nan")
    root, index = OWN_ROOTS[part], PART_INDICES[part]
    use = poses.annotated[:, index] & poses.annotated[:, [root]]
    gap = poses.predicted - poses.truth
    return _mean_mm(np.linalg.norm(gap[:, index] - gap[:, [root]], axis=2)[use])


def _mean_mm(metres: FloatArray) -> float:
    return 1000 * float(metres.mean()) if metres.size else float("nan")


def _weighted_mm(metres: FloatArray, weights: IntArray) -> float:
    """Mean over keypoints, from means over each person's keypoints."""
    known = np.isfinite(metres) & (weights > 0)
    if not known.any():
        return float("nan")
    return 1000 * float(np.average(metres[known], weights=weights[known]))
