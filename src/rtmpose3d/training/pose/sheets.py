"""A sheet of predictions: crops with what the network says, beside what is true."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from rtmpose3d.structures import FloatArray, Image, PoseResult
from rtmpose3d.training.data.batches import PoseBatch
from rtmpose3d.training.pose.validation import Predictions
from rtmpose3d.viz import draw_2d
from rtmpose3d.viz.palette import RGB
from rtmpose3d.viz.text import draw_text

_ENLARGED = 1.5
_GAP = 10
_PAPER_BGR = (255, 252, 250)
_INK: RGB = (40, 46, 58)
_HEAD_PX = 56


def draw_sheet(
    batches: Sequence[PoseBatch],
    found: Sequence[Predictions],
    title: str,
    *,
    pairs: int = 12,
    columns: int = 4,
) -> Image:
    """Pairs of crops: the prediction left, the truth right.

    Args:
        batches: validation crops.
        found: what was predicted for them.
        title: of the sheet.
        pairs: how many crops are shown, evenly from all.
        columns: pairs a row.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    places = [(b, i) for b, batch in enumerate(batches) for i in range(len(batch))]
    chosen = [
        places[i] for i in np.linspace(0, len(places) - 1, min(pairs, len(places))).astype(int)
    ]
    tiles = [_pair(batches[b], found[b], i) for b, i in chosen]
    blank = np.full_like(tiles[0], _PAPER_BGR)
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return with_head(np.vstack(rows), f"{title}: prediction left, truth right")


def with_head(sheet: Image, title: str) -> Image:
    """A sheet with a line of text above it."""
    head = np.full((_HEAD_PX, sheet.shape[1], 3), _PAPER_BGR, np.uint8)
    draw_text(head, (_GAP, _HEAD_PX / 2), title, 24, _INK)
    return np.vstack([head, sheet])


def _pair(batch: PoseBatch, found: Predictions, i: int) -> Image:
    crop = batch.crops[i]
    size = round(crop.shape[1] * _ENLARGED), round(crop.shape[0] * _ENLARGED)
    large = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    ours = _drawn(large, found.keypoints_px[i], found.confidence[i])
    truth = _drawn(large, np.nan_to_num(batch.keypoints_px[i]), batch.visible[i])
    side_by_side = np.hstack([ours, truth])
    gap = ((0, _GAP), (0, _GAP), (0, 0))
    planes = [
        np.pad(side_by_side[..., c : c + 1], gap, constant_values=_PAPER_BGR[c]) for c in range(3)
    ]
    return np.concatenate(planes, axis=2)


def _drawn(large: Image, keypoints_px: FloatArray, confidence: FloatArray) -> Image:
    height, width = large.shape[:2]
    places = ((keypoints_px + 0.5) * _ENLARGED - 0.5).astype(np.float32)  # pixels cover +/- 0.5
    result = PoseResult(
        keypoints_2d=places[None],
        scores=confidence[None],
        confidence=confidence[None].astype(np.float32),
        bboxes=np.array([[0, 0, width, height]], np.float32),
        bbox_scores=np.ones(1, np.float32),
        image_size_wh=(width, height),
    )
    return draw_2d(large, result, confidence_thr=0.2, boxes=False, labels=False)
