"""A sheet of images: every evaluated image with what the model found in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures import Image, PoseResult
from rtmpose3d.viz import draw_2d
from rtmpose3d.zoo import default_confidence_thr

ROW_HEIGHT_PX = 420
SHEET_WIDTH_PX = 2400
GAP_PX = 6
PAPER = 255


def draw_results(results: Iterable[PoseResult], *, height_px: int = ROW_HEIGHT_PX) -> list[Image]:
    """Every result drawn over its image, all of one height.

    Keypoints are shown from the confidence on that suits the model.

    Raises:
        InputError: a result without its image.
    """
    tiles = []
    for result in results:
        if result.image is None:
            raise InputError("the result holds no image to draw on")
        factor = height_px / result.image.shape[0]
        least = default_confidence_thr(result.model)
        drawn = draw_2d(result.image, result, confidence_thr=least, labels=False)
        size = max(round(drawn.shape[1] * factor), 1), height_px
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        tiles.append(cv2.resize(drawn, size, interpolation=method).astype(np.uint8))
    return tiles


def lay_out(tiles: Sequence[Image], *, width_px: int = SHEET_WIDTH_PX) -> Image:
    """Tiles of one height in rows on white paper: (H, width_px, 3) uint8.

    Raises:
        InputError: there are none.
    """
    if not tiles:
        raise InputError("a sheet needs at least one image, got none")
    rows: list[list[Image]] = [[]]
    for tile in tiles:
        used = sum(t.shape[1] + GAP_PX for t in rows[-1])
        if rows[-1] and used + tile.shape[1] + GAP_PX > width_px:
            rows.append([])
        rows[-1].append(tile)
    height = max(tile.shape[0] for tile in tiles)
    sheet = np.full((len(rows) * (height + GAP_PX) + GAP_PX, width_px, 3), PAPER, np.uint8)
    for r, row in enumerate(rows):
        x, y = GAP_PX, GAP_PX + r * (height + GAP_PX)
        for tile in row:
            shown = tile[:, : width_px - x]
            sheet[y : y + shown.shape[0], x : x + shown.shape[1]] = shown
            x += tile.shape[1] + GAP_PX
    return sheet
