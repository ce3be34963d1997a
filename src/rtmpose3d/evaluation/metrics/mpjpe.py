"""Errors in 3D: MPJPE, N-MPJPE, PA-MPJPE, PCK, AUC.

Mean distance of keypoints, hip-centred, best scaled or best aligned; the share of keypoints within
a distance, and its mean over distances.

Metres in, metres out; what is not annotated neither counts nor takes part in the alignment.
"""

from __future__ import annotations

import numpy as np

from rtmpose3d.skeletons import HIPS
from rtmpose3d.structures import BoolArray, FloatArray

LEAST_POINTS = 3  # of a similarity in space
PCK_WITHIN_M = 0.15  # MPI-INF-3DHP (Mehta et al., 3DV 2017)
AUC_DISTANCES_M = np.linspace(0, 0.15, 31)  # likewise; as mmpose's keypoint_3d_auc


def mpjpe(found: FloatArray, true: FloatArray, annotated: BoolArray) -> FloatArray:
    """Mean distance of each person's annotated keypoints, as they are given.

    Args:
        found: (N, K, 3) metres.
        true: (N, K, 3) metres.
        annotated: (N, K) bool.

    Returns:
        (N,) metres; nan for people without annotated keypoints.
    """
    distance = np.where(annotated, np.linalg.norm(found - true, axis=2), 0.0)
    count = annotated.sum(axis=1)
    return np.divide(distance.sum(axis=1), count, out=np.full(len(count), np.nan), where=count > 0)


def pa_mpjpe(found: FloatArray, true: FloatArray, annotated: BoolArray) -> FloatArray:
    """As `mpjpe`, after the rotation, scale and shift that fit each person best.

    Returns:
        (N,) metres; nan for people with fewer than three annotated keypoints.
    """
    errors = np.full(len(found), np.nan)
    for i, use in enumerate(annotated):
        if use.sum() >= LEAST_POINTS:
            aligned = align_similarity(found[i, use], true[i, use])
            errors[i] = np.linalg.norm(aligned - true[i, use], axis=1).mean()
    return errors


def n_mpjpe(found: FloatArray, true: FloatArray, annotated: BoolArray) -> FloatArray:
    """As `mpjpe`, after the scale that fits each person best (Rhodin et al., CVPR 2018).

    Give positions relative to a root: they are scaled about the origin.

    Returns:
        (N,) metres; nan for people without annotated keypoints.
    """
    use = annotated[..., None]
    along = np.where(use, found * true, 0.0).sum(axis=(1, 2))
    own = np.where(use, found * found, 0.0).sum(axis=(1, 2))
    scale = np.divide(along, own, out=np.ones(len(found)), where=own > 0)
    return mpjpe(found * scale[:, None, None], true, annotated)


def pck_3d(errors_m: FloatArray, within_m: float = PCK_WITHIN_M) -> float:
    """Share of keypoints within a distance.

    Args:
        errors_m: distances of annotated keypoints, any shape; nan, for what was not found, misses.
        within_m: the distance.

    Returns:
        0 to 1; nan without keypoints.
    """
    return float((errors_m <= within_m).mean()) if errors_m.size else float("nan")


def auc_3d(errors_m: FloatArray) -> float:
    """Mean of `pck_3d` over 31 distances from 0 to 150 mm; nan without keypoints."""
    return float(np.mean([pck_3d(errors_m, within) for within in AUC_DISTANCES_M.tolist()]))


def align_similarity(found: FloatArray, true: FloatArray) -> FloatArray:
    """The points moved, turned (not mirrored) and scaled so that squared errors are least.

    (Umeyama, 1991.)

    Args:
        found: (K, 3).
        true: (K, 3).

    Returns:
        (K, 3) float64, in the frame of the true ones.
    """
    found_middle, true_middle = found.mean(axis=0), true.mean(axis=0)
    a, b = found - found_middle, true - true_middle
    spread = float(np.square(a).sum())
    if spread == 0:
        return np.broadcast_to(true_middle, found.shape).astype(np.float64)
    u, strength, vt = np.linalg.svd(a.T @ b)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt)) or 1.0])
    turn = (u * sign) @ vt  # (3, 3), acts from the right
    scale = float((strength * sign).sum()) / spread
    return scale * a @ turn + true_middle


def relative_to_root(points: FloatArray, root: FloatArray | None = None) -> FloatArray:
    """Points relative to the middle of the hips: (N, 133, 3) -> the same shape.

    Args:
        points: (N, 133, 3) metres.
        root: (N, 3) where the root is something else.
    """
    middle = points[:, list(HIPS)].mean(axis=1) if root is None else root
    return points - middle[:, None]
