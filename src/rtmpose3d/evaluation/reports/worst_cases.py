"""Contact sheet of the worst cases: ground truth and prediction on the crop of each person."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.matching import MatchedPeople
from rtmpose3d.evaluation.reports.tiles import GAP_PX, lay_out
from rtmpose3d.sources import load_image
from rtmpose3d.structures import BoolArray, FloatArray, Image, PoseResult
from rtmpose3d.viz import draw_2d
from rtmpose3d.viz.text import draw_label, draw_text

TILE_WH = (300, 400)  # each of the two images of a case
MARGIN = 0.15  # around the person, relative to the box's longer side
LABEL_PX = 15
CAPTION_PX = 44
INK, MUTED = (40, 46, 58), (110, 118, 132)
SEPARATOR_PX = 2  # between the two images of a case
CASES_PER_ROW = 4
CASES = 24
MAX_MISSED = 0.5  # share of cases of people who were not detected: they show no pose


def select_worst(errors: FloatArray, missed: np.ndarray, count: int = CASES) -> list[int]:
    """Rows of the people with the largest errors, worst first.

    Args:
        errors: (N,), larger is worse; people with nan are skipped.
        missed: (N,) bool, people who were not detected; at most half of the cases.
        count: number of cases.
    """
    known = np.flatnonzero(np.isfinite(errors) | missed)
    order = known[np.argsort(np.where(missed, np.inf, -errors)[known], kind="stable")].tolist()
    detected = [row for row in order if not missed[row]]
    undetected = [row for row in order if missed[row]]
    undetected = undetected[: max(count - len(detected), int(MAX_MISSED * count))]
    return undetected + detected[: count - len(undetected)]


def draw_cases(people: MatchedPeople, rows: Sequence[int], texts: Sequence[str]) -> Image:
    """Draws some people, two images each: ground truth left, prediction right.

    Only annotated keypoints are drawn, so that the two images can be compared.

    Args:
        people: people with image files.
        rows: their rows, in order.
        texts: caption of each, e.g. its error.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        InputError: no rows, or an image that cannot be read.
    """
    tiles = [_case(people, row, text) for row, text in zip(rows, texts, strict=True)]
    columns = min(CASES_PER_ROW, max(len(tiles), 1))
    return lay_out(tiles, width_px=GAP_PX + columns * (2 * TILE_WH[0] + SEPARATOR_PX + GAP_PX))


def _case(people: MatchedPeople, row: int, text: str) -> Image:
    path = people.image_paths[row]
    if path is None:
        raise InputError(f"{people.names[row]}: its image file is unknown")
    image = load_image(path)
    image_from_tile = _image_from_tile(people, row)
    tile = _warp(image, image_from_tile)
    truth = _draw_pose(tile, image_from_tile, people.truth_px[row], people.annotated[row])
    draw_label(truth, 6, 6, "ground truth", LABEL_PX)
    use = np.isfinite(people.predicted_px[row]).all(axis=1) & people.annotated[row]
    predicted = _draw_pose(tile, image_from_tile, people.predicted_px[row], use)
    draw_label(predicted, 6, 6, "predicted" if use.any() else "not detected", LABEL_PX)
    pair = np.hstack([truth, np.full((TILE_WH[1], SEPARATOR_PX, 3), 255, np.uint8), predicted])
    caption = np.full((CAPTION_PX, pair.shape[1], 3), 255, np.uint8)
    draw_text(caption, (4, 12), text, 16, INK)
    draw_text(caption, (4, 32), people.names[row], 13, MUTED)
    return np.vstack([pair, caption]).astype(np.uint8)


def _image_from_tile(people: MatchedPeople, row: int) -> FloatArray:
    """(2, 3) map from tile to image pixels: box and ground truth, with a margin."""
    box = people.boxes_xyxy[row]
    points = people.truth_px[row][people.annotated[row]]
    low, high = box[:2], box[2:]
    if len(points):
        low, high = np.minimum(low, points.min(axis=0)), np.maximum(high, points.max(axis=0))
    size = np.maximum(high - low, 1.0) + 2 * MARGIN * float((high - low).max())
    scale = float((size / TILE_WH).max())
    corner = (low + high) / 2 - scale * np.array(TILE_WH) / 2
    return np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])


def _warp(image: Image, image_from_tile: FloatArray) -> Image:
    """Warps the image to the tile; large reductions are averaged first, against aliasing."""
    factor = int(image_from_tile[0, 0])
    if factor >= 2:
        height, width = image.shape[:2]
        size = max(width // factor, 1), max(height // factor, 1)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        image_from_tile = image_from_tile * (np.array([size]).T / [[width], [height]])
    return cv2.warpAffine(
        image,
        image_from_tile,
        TILE_WH,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderValue=(70, 66, 64),
    ).astype(np.uint8)


def _draw_pose(
    tile: Image, image_from_tile: FloatArray, points: FloatArray, use: BoolArray
) -> Image:
    """Draws the skeleton of some keypoints on the tile."""
    in_tile = (np.nan_to_num(points) - image_from_tile[:, 2]) / image_from_tile[0, 0]
    drawn = in_tile[use]
    if not len(drawn):
        return tile.copy()
    box = np.concatenate([drawn.min(axis=0), drawn.max(axis=0)])
    confidence = use.astype(np.float32)[None]
    result = PoseResult(
        keypoints_2d=in_tile.astype(np.float32)[None],
        scores=confidence,
        confidence=confidence,
        bboxes=box.astype(np.float32)[None],
        bbox_scores=np.ones(1, np.float32),
        image_size_wh=TILE_WH,
    )
    return draw_2d(tile, result, boxes=False, labels=False)
