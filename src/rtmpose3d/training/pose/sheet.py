"""Sheet of predictions: validation crops with the predicted and the labelled keypoints."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from rtmpose3d.structures import FloatArray, Image, PoseResult
from rtmpose3d.training.data.pose_batches import PoseBatch
from rtmpose3d.training.loop.sheets import MARGIN_PX, PAPER_BGR, add_title
from rtmpose3d.training.pose.validation import CropPredictions
from rtmpose3d.viz import draw_2d

_SCALE = 1.5


def draw_predictions(
    batches: Sequence[PoseBatch],
    predictions: Sequence[CropPredictions],
    title: str,
    *,
    pairs: int = 12,
    columns: int = 4,
) -> Image:
    """Draw pairs of crops: the prediction on the left, the ground truth on the right.

    Args:
        batches: validation crops.
        predictions: predictions for each batch.
        title: title of the sheet.
        pairs: number of crops, evenly spaced over all.
        columns: pairs per row.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    crops = [(b, i) for b, batch in enumerate(batches) for i in range(len(batch))]
    chosen = np.linspace(0, len(crops) - 1, min(pairs, len(crops))).astype(int)
    tiles = [_pair(batches[b], predictions[b], i) for b, i in (crops[n] for n in chosen)]
    blank = np.full_like(tiles[0], PAPER_BGR)
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return add_title(np.vstack(rows), f"{title}: prediction left, ground truth right")


def _pair(batch: PoseBatch, predictions: CropPredictions, i: int) -> Image:
    crop = batch.crops[i]
    size = round(crop.shape[1] * _SCALE), round(crop.shape[0] * _SCALE)
    large = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    predicted = _draw(large, predictions.keypoints_px[i], predictions.confidence[i])
    truth = _draw(large, np.nan_to_num(batch.keypoints_px[i]), batch.visible[i])
    side_by_side = np.hstack([predicted, truth])
    margin = ((0, MARGIN_PX), (0, MARGIN_PX), (0, 0))
    planes = [
        np.pad(side_by_side[..., c : c + 1], margin, constant_values=PAPER_BGR[c]) for c in range(3)
    ]
    return np.concatenate(planes, axis=2)


def _draw(large: Image, keypoints_px: FloatArray, confidence: FloatArray) -> Image:
    height, width = large.shape[:2]
    scaled = ((keypoints_px + 0.5) * _SCALE - 0.5).astype(np.float32)  # pixels cover +/- 0.5
    result = PoseResult(
        keypoints_2d=scaled[None],
        scores=confidence[None],
        confidence=confidence[None].astype(np.float32),
        bboxes=np.array([[0, 0, width, height]], np.float32),
        bbox_scores=np.ones(1, np.float32),
        image_size_wh=(width, height),
    )
    return draw_2d(large, result, confidence_thr=0.2, boxes=False, labels=False)
