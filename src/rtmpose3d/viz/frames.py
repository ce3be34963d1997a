"""Rectangular frames with smooth edges, drawn onto an image: `paint_frame`."""

from __future__ import annotations

import numpy as np

from rtmpose3d.structures.arrays import FloatArray, Image
from rtmpose3d.viz.palette import RGB


def paint_frame(
    image: Image, box_xyxy: tuple[float, float, float, float], half: float, rgb: RGB, opacity: float
) -> None:
    """Draw the outline of a box onto an image, in place, clipped to the image.

    The share of a pixel that a line covers is exact, without drawing at a larger size.

    Args:
        image: (H, W, 3) uint8 BGR, changed.
        box_xyxy: the middle of the lines, px; pixel centres are at whole numbers.
        half: half the width of the lines, px.
        rgb: colour.
        opacity: 0 to 1.
    """
    height, width = image.shape[:2]
    x1, y1, x2, y2 = box_xyxy
    columns, rows = np.arange(width), np.arange(height)
    outer = _covered(columns, x1 - half, x2 + half), _covered(rows, y1 - half, y2 + half)
    inner = _covered(columns, x1 + half, x2 - half), _covered(rows, y1 + half, y2 - half)
    left, right = _range(outer[0])
    top, bottom = _range(outer[1])
    # Four strips without common pixels: above and below the inner box, and next to it.
    inner_top, inner_bottom = _full_range(inner[1], top)
    inner_left, inner_right = _full_range(inner[0], left)
    colour = np.array(rgb[::-1], np.float32)

    def blend(y_from: int, y_to: int, x_from: int, x_to: int) -> None:
        view = image[y_from:y_to, x_from:x_to]
        if not view.size:
            return
        y, x = slice(y_from, y_to), slice(x_from, x_to)
        if y_from == inner_top and y_to == inner_bottom:  # in all of these rows the same
            share = (outer[0][x] - inner[0][x])[None]
        else:
            share = outer[1][y, None] * outer[0][x] - inner[1][y, None] * inner[0][x]
        share = (share * opacity).astype(np.float32)[..., None]
        view[:] = np.rint(view + (colour - view) * share)

    blend(top, inner_top, left, right)
    blend(inner_bottom, bottom, left, right)
    blend(inner_top, inner_bottom, left, inner_left)
    blend(inner_top, inner_bottom, inner_right, right)


def _covered(pixels: np.ndarray, low: float, high: float) -> FloatArray:
    """Share of each pixel, in one direction, that lies between two coordinates."""
    return np.clip(np.minimum(pixels + 0.5, high) - np.maximum(pixels - 0.5, low), 0, 1)


def _range(covered: FloatArray) -> tuple[int, int]:
    """First pixel that is covered, and the one after the last."""
    found = np.flatnonzero(covered > 0)
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)


def _full_range(covered: FloatArray, start: int) -> tuple[int, int]:
    """The same of the pixels that are fully covered; empty at `start` if there are none."""
    found = np.flatnonzero(covered >= 1)
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (start, start)
