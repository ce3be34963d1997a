"""Errors in 3D: MPJPE, N-MPJPE, PA-MPJPE, PCK, AUC.

Metres in, metres out. Keypoints that are not annotated neither count nor take part in the
alignment.
"""

from __future__ import annotations

import numpy as np

from rtmpose3d.skeletons import HIPS
from rtmpose3d.structures import BoolArray, FloatArray

MIN_POINTS = 3  # to fit a similarity transform in 3D
PCK_WITHIN_M = 0.15  # MPI-INF-3DHP (Mehta et al., 3DV 2017)
AUC_DISTANCES_M = np.linspace(0, 0.15, 31)  # MPI-INF-3DHP; as mmpose's keypoint_3d_auc


def mpjpe(predicted: FloatArray, truth: FloatArray, annotated: BoolArray) -> FloatArray:
    """Mean distance of each person's annotated keypoints, without alignment.

    Args:
        predicted: (N, K, 3) metres.
        truth: (N, K, 3) metres.
        annotated: (N, K) bool.

    Returns:
        (N,) metres; nan for people without annotated keypoints.
    """
    distance = np.where(annotated, np.linalg.norm(predicted - truth, axis=2), 0.0)
    count = annotated.sum(axis=1)
    return np.divide(distance.sum(axis=1), count, out=np.full(len(count), np.nan), where=count > 0)


def pa_mpjpe(predicted: FloatArray, truth: FloatArray, annotated: BoolArray) -> FloatArray:
    """MPJPE after the similarity transform that fits each person best (Procrustes).

    Returns:
        (N,) metres; nan for people with fewer than three annotated keypoints.
    """
    errors = np.full(len(predicted), np.nan)
    for i, use in enumerate(annotated):
        if use.sum() >= MIN_POINTS:
            aligned = align_similarity(predicted[i, use], truth[i, use])
            errors[i] = np.linalg.norm(aligned - truth[i, use], axis=1).mean()
    return errors


def n_mpjpe(predicted: FloatArray, truth: FloatArray, annotated: BoolArray) -> FloatArray:
    """MPJPE after the scale that fits each person best (Rhodin et al., CVPR 2018).

    Positions must be relative to a root: they are scaled about the origin.

    Returns:
        (N,) metres; nan for people without annotated keypoints.
    """
    use = annotated[..., None]
    along = np.where(use, predicted * truth, 0.0).sum(axis=(1, 2))
    own = np.where(use, predicted * predicted, 0.0).sum(axis=(1, 2))
    scale = np.divide(along, own, out=np.ones(len(predicted)), where=own > 0)
    return mpjpe(predicted * scale[:, None, None], truth, annotated)


def pck_3d(errors_m: FloatArray, within_m: float = PCK_WITHIN_M) -> float:
    """Share of keypoints within a distance.

    Args:
        errors_m: distances of annotated keypoints, any shape; nan (not detected) counts as outside.
        within_m: maximum distance.

    Returns:
        0 to 1; nan without keypoints.
    """
    return float((errors_m <= within_m).mean()) if errors_m.size else float("nan")


def auc_3d(errors_m: FloatArray) -> float:
    """Mean of `pck_3d` over 31 distances from 0 to 150 mm; nan without keypoints."""
    return float(np.mean([pck_3d(errors_m, within) for within in AUC_DISTANCES_M.tolist()]))


def align_similarity(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """Points rotated (not reflected), scaled and shifted for the minimum squared error.

    (Umeyama, 1991.)

    Args:
        predicted: (K, 3).
        truth: (K, 3).

    Returns:
        (K, 3) float64, in the frame of the ground truth.
    """
    center, true_center = predicted.mean(axis=0), truth.mean(axis=0)
    a, b = predicted - center, truth - true_center
    spread = float(np.square(a).sum())
    if spread == 0:
        return np.broadcast_to(true_center, predicted.shape).astype(np.float64)
    u, singular, vt = np.linalg.svd(a.T @ b)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt)) or 1.0])
    rotation = (u * sign) @ vt  # (3, 3), acts from the right
    scale = float((singular * sign).sum()) / spread
    return scale * a @ rotation + true_center


def relative_to_root(points: FloatArray) -> FloatArray:
    """Points (N, 133, 3) relative to the pelvis, the midpoint of the hips."""
    return points - points[:, list(HIPS)].mean(axis=1, keepdims=True)
