"""How good the averaged weights are on a fixed set of crops: PCK of each part, MPJPE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rtmpose3d.codec import keypoints_from_bins
from rtmpose3d.evaluation import EVALUATED_PARTS, PCK_THRESHOLDS, mpjpe, pck, relative_to_root
from rtmpose3d.models.graph import PoseGraph
from rtmpose3d.structures import FloatArray
from rtmpose3d.training.data.batches import PoseBatch
from rtmpose3d.zoo import PoseSpec

_BODY = EVALUATED_PARTS["body"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What a network finds in crops.

    Attributes:
        keypoints_px: (B, 133, 2) pixels of the crop.
        relative_depth_m: (B, 133), or None for 2D models.
        confidence: (B, 133) in [0, 1].
    """

    keypoints_px: FloatArray
    relative_depth_m: FloatArray | None
    confidence: FloatArray


@torch.no_grad()
def predict(graph: PoseGraph, spec: PoseSpec, batch: PoseBatch) -> Predictions:
    """Run a network, in evaluation mode and float32, over one batch."""
    device = next(graph.parameters()).device
    bins, _, confidence, *_ = graph(torch.from_numpy(batch.crops).to(device))
    keypoints, depth = keypoints_from_bins(bins.cpu().numpy(), spec.codec)
    return Predictions(
        keypoints_px=keypoints, relative_depth_m=depth, confidence=confidence.cpu().numpy()
    )


def validate(
    graph: PoseGraph, spec: PoseSpec, batches: Sequence[PoseBatch]
) -> tuple[dict[str, float], list[Predictions]]:
    """Figures over all batches together.

    Returns:
        `pck05_body`, ... of the box's longer side per part; `mpjpe_mm` and `mpjpe_body_mm`,
        relative to the root, with the root's true depth; nan where nothing is labelled. And the
        predictions, batch by batch.
    """
    found = [predict(graph, spec, batch) for batch in batches]
    figures = _pck_figures(found, batches)
    if spec.codec.has_depth:
        pairs = [_relative_poses(f, batch) for f, batch in zip(found, batches, strict=True)]
        ours, true, known = (np.concatenate(column) for column in zip(*pairs, strict=True))
        figures["mpjpe_mm"] = _mean_mm(mpjpe(ours, true, known))
        body = known[:, _BODY]
        figures["mpjpe_body_mm"] = _mean_mm(mpjpe(ours[:, _BODY], true[:, _BODY], body))
    return figures, found


def _mean_mm(errors_m: FloatArray) -> float:
    errors_m = errors_m[np.isfinite(errors_m)]
    return float(errors_m.mean() * 1000) if len(errors_m) else float("nan")


def _pck_figures(found: Sequence[Predictions], batches: Sequence[PoseBatch]) -> dict[str, float]:
    sides = np.concatenate([batch.box_side_px for batch in batches])
    zeros = np.zeros_like(sides)
    parts = pck(
        np.concatenate([f.keypoints_px for f in found]),
        np.nan_to_num(np.concatenate([batch.keypoints_px for batch in batches])),
        np.concatenate([labelled_inside(batch) for batch in batches]),
        np.stack([zeros, zeros, sides, sides], axis=1),  # only its side counts
    )
    return {
        f"pck{round(100 * limit):02d}_{part}": share
        for part, result in parts.items()
        for limit, share in zip(PCK_THRESHOLDS, result.shares, strict=True)
    }


def labelled_inside(batch: PoseBatch) -> np.ndarray:
    """(B, 133) bool: labelled keypoints that lie in the crop; others no crop can show."""
    height, width = batch.crops.shape[1:3]
    places = np.nan_to_num(batch.keypoints_px, nan=-1.0)
    inside = (places >= 0).all(axis=2) & (places[..., 0] < width) & (places[..., 1] < height)
    return (batch.visible > 0) & inside


def _relative_poses(
    found: Predictions, batch: PoseBatch
) -> tuple[FloatArray, FloatArray, np.ndarray]:
    """Found and true poses (B, 133, 3) relative to the hips, metres, and what is known (B, 133)."""
    true = batch.keypoints_camera_m
    ours = np.full(true.shape, np.nan, np.float64)
    for i in range(len(batch)):
        camera = crop_camera(batch.keypoints_px[i], true[i], batch.visible[i] > 0)
        if camera is None or found.relative_depth_m is None:
            continue
        focal, cx, cy = camera
        depth = true[i, [11, 12], 2].mean() + found.relative_depth_m[i]
        x, y = ((found.keypoints_px[i] - (cx, cy)) / focal * depth[:, None]).T
        ours[i] = np.stack([x, y, depth], axis=1)
    known = labelled_inside(batch) & np.isfinite(true).all(axis=2) & np.isfinite(ours).all(axis=2)
    return relative_to_root(ours), relative_to_root(true), known


def crop_camera(
    keypoints_px: FloatArray, keypoints_camera_m: FloatArray, use: np.ndarray
) -> tuple[float, float, float] | None:
    """Focal length and principal point of a crop, px, from its labels; None if they do not tell.

    A crop that is not turned is a pinhole image itself, with the image's camera scaled and
    shifted: three numbers that 133 points fix.
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
    places = keypoints_px[use].astype(np.float64).T.reshape(-1)
    focal, cx, cy = np.linalg.lstsq(system, places, rcond=None)[0]
    return (float(focal), float(cx), float(cy)) if focal > 0 else None
