"""Contact sheets: tiles of one height in rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures import Image

SHEET_WIDTH_PX = 2400
GAP_PX = 6
BACKGROUND = 255


def lay_out(tiles: Sequence[Image], *, width_px: int = SHEET_WIDTH_PX) -> Image:
    """Arranges tiles of one height in rows on white: (H, width_px, 3) uint8.

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
    sheet = np.full((len(rows) * (height + GAP_PX) + GAP_PX, width_px, 3), BACKGROUND, np.uint8)
    for r, row in enumerate(rows):
        x, y = GAP_PX, GAP_PX + r * (height + GAP_PX)
        for tile in row:
            part = tile[:, : width_px - x]
            sheet[y : y + part.shape[0], x : x + part.shape[1]] = part
            x += tile.shape[1] + GAP_PX
    return sheet
