"""Titles of the prediction sheets that a training writes."""

from __future__ import annotations

import numpy as np

from rtmpose3d.structures import Image
from rtmpose3d.viz.palette import RGB
from rtmpose3d.viz.text import draw_text

PAPER_BGR = (255, 252, 250)
MARGIN_PX = 10
_INK: RGB = (40, 46, 58)
_TITLE_PX = 56


def add_title(sheet: Image, title: str) -> Image:
    """Add a line of text above a sheet."""
    head = np.full((_TITLE_PX, sheet.shape[1], 3), PAPER_BGR, np.uint8)
    draw_text(head, (MARGIN_PX, _TITLE_PX / 2), title, 24, _INK)
    return np.vstack([head, sheet])
