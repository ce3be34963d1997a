"""Validation of the averaged weights on fixed crops: PCK of each part, MPJPE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rtmpose3d.codec import keypoints_from_bins
from rtmpose3d.evaluation.metrics import (
    PCK_THRESHOLDS,
    metrics_2d,
    mpjpe,
    relative_errors,
    relative_to_root,
)
from rtmpose3d.models.graph import PoseGraph
from rtmpose3d.skeletons import HIPS, PART_INDICES
from rtmpose3d.structures import FloatArray
from rtmpose3d.training.data.pose_batches import PoseBatch
from rtmpose3d.zoo import PoseSpec

_BODY = PART_INDICES["body"]
_PARTS = ("body", "feet", "face", "hands")


@dataclass(frozen=True, kw_only=True, eq=False)
class CropPredictions:
    """Predictions for a batch of crops.

    Attributes:
        keypoints_px: (B, 133, 2) pixels of the crop.
        relative_depth_m: (B, 133), or None for 2D models.
        confidence: (B, 133) in [0, 1].
    """

    keypoints_px: FloatArray
    relative_depth_m: FloatArray | None
    confidence: FloatArray


@torch.no_grad()
def predict_crops(graph: PoseGraph, spec: PoseSpec, batch: PoseBatch) -> CropPredictions:
    """Run a network in evaluation mode and float32 on one batch."""
    device = next(graph.parameters()).device
    bins, _, confidence, *_ = graph(torch.from_numpy(batch.crops).to(device))
    keypoints, depth = keypoints_from_bins(bins.cpu().numpy(), spec.codec)
    return CropPredictions(
        keypoints_px=keypoints, relative_depth_m=depth, confidence=confidence.cpu().numpy()
    )


def validate_pose(
    graph: PoseGraph, spec: PoseSpec, batches: Sequence[PoseBatch]
) -> tuple[dict[str, float], list[CropPredictions]]:
    """Compute the metrics over all batches.

    Returns:
        metrics: `pck05_body`, ... relative to the box's longer side, per part; `mpjpe_mm` and
            `mpjpe_body_mm`, relative to the root, with the root's ground-truth depth; nan without
            labels.
        predictions: for each batch.
    """
    predictions = [predict_crops(graph, spec, batch) for batch in batches]
    metrics = _pck_metrics(predictions, batches)
    if spec.codec.has_depth:
        pairs = [_relative_poses(p, b) for p, b in zip(predictions, batches, strict=True)]
        predicted, truth, known = (np.concatenate(column) for column in zip(*pairs, strict=True))
        metrics["mpjpe_mm"] = _mean_mm(mpjpe(predicted, truth, known))
        body = known[:, _BODY]
        metrics["mpjpe_body_mm"] = _mean_mm(mpjpe(predicted[:, _BODY], truth[:, _BODY], body))
    return metrics, predictions


def _mean_mm(errors_m: FloatArray) -> float:
    errors_m = errors_m[np.isfinite(errors_m)]
    return float(errors_m.mean() * 1000) if len(errors_m) else float("nan")


def _pck_metrics(
    predictions: Sequence[CropPredictions], batches: Sequence[PoseBatch]
) -> dict[str, float]:
    sides = np.concatenate([batch.box_side_px for batch in batches])
    zeros = np.zeros_like(sides)
    errors = relative_errors(
        np.concatenate([p.keypoints_px for p in predictions]),
        np.nan_to_num(np.concatenate([batch.keypoints_px for batch in batches])),
        np.stack([zeros, zeros, sides, sides], axis=1),  # PCK uses the longer side only
    )
    labelled = np.concatenate([labelled_in_crop(batch) for batch in batches])
    return {
        f"pck{round(100 * limit):02d}_{part}": share
        for part, row in metrics_2d(errors, labelled, parts=_PARTS).items()
        for limit, share in zip(PCK_THRESHOLDS, row.pck, strict=True)
    }


def labelled_in_crop(batch: PoseBatch) -> np.ndarray:
    """(B, 133) bool: labelled keypoints inside the crop; no model can predict the others."""
    height, width = batch.crops.shape[1:3]
    points = np.nan_to_num(batch.keypoints_px, nan=-1.0)
    inside = (points >= 0).all(axis=2) & (points[..., 0] < width) & (points[..., 1] < height)
    return (batch.visible > 0) & inside


def _relative_poses(
    predictions: CropPredictions, batch: PoseBatch
) -> tuple[FloatArray, FloatArray, np.ndarray]:
    """Predictions and ground truth (B, 133, 3) relative to the hips, metres; known (B, 133)."""
    truth = batch.keypoints_camera_m
    predicted = np.full(truth.shape, np.nan, np.float64)
    for i in range(len(batch)):
        camera = fit_crop_camera(batch.keypoints_px[i], truth[i], batch.visible[i] > 0)
        if camera is None or predictions.relative_depth_m is None:
            continue
        focal, cx, cy = camera
        depth = truth[i, list(HIPS), 2].mean() + predictions.relative_depth_m[i]
        x, y = ((predictions.keypoints_px[i] - (cx, cy)) / focal * depth[:, None]).T
        predicted[i] = np.stack([x, y, depth], axis=1)
    known = (
        labelled_in_crop(batch)
        & np.isfinite(truth).all(axis=2)
        & np.isfinite(predicted).all(axis=2)
    )
    return relative_to_root(predicted), relative_to_root(truth), known


def fit_crop_camera(
    keypoints_px: FloatArray, keypoints_camera_m: FloatArray, use: np.ndarray
) -> tuple[float, float, float] | None:
    """Fit focal length and principal point of a crop, px, to its labels; None if too few.

    A crop that is not rotated is a pinhole image itself, with the image's camera scaled and
    shifted: three parameters, fitted to up to 133 points.
    """
    use = use & np.isfinite(keypoints_camera_m).all(axis=1) & np.isfinite(keypoints_px).all(axis=1)
    if use.sum() < 4:
        return None
    points = keypoints_camera_m[use].astype(np.float64)
    rays = points[:, :2] / points[:, 2:]
    zeros, ones = np.zeros(len(rays)), np.ones(len(rays))
    system = np.concatenate(
        [
            np.stack([rays[:, 0], ones, zeros], axis=1),
            np.stack([rays[:, 1], zeros, ones], axis=1),
        ]
    )
    pixels = keypoints_px[use].astype(np.float64).T.reshape(-1)
    focal, cx, cy = np.linalg.lstsq(system, pixels, rcond=None)[0]
    return (float(focal), float(cx), float(cy)) if focal > 0 else None
