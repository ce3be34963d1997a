"""Histograms of errors, one panel per part, as an image: `draw_histograms`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np

from rtmpose3d.structures import FloatArray, Image
from rtmpose3d.viz.palette import PART_COLOURS, RGB
from rtmpose3d.viz.text import draw_text

PANEL_WH = (620, 360)
LEFT, TOP, RIGHT, BOTTOM = 70, 62, 24, 62
HISTOGRAM_BINS = 40
GAP_BINS = 3  # before the last bar
PANELS_PER_ROW = 2
HEAD_PX = 76
BACKGROUND_BGR, GRID_BGR, BAR_BGR, OVERFLOW_BGR = (
    (255, 255, 255),
    (232, 228, 226),
    (196, 148, 84),
    (150, 150, 158),
)
INK, MUTED = (40, 46, 58), (110, 118, 132)
MEDIAN_RGB, TAIL_RGB = PART_COLOURS["feet", "left"], PART_COLOURS["feet", "right"]
TAIL = 90  # percentile
SCALES = (1, 2, 5, 10)
MAX_OVERFLOW = 0.1


@dataclass(frozen=True, kw_only=True)
class ErrorAxis:
    """The axis of an error.

    Attributes:
        unit: label of the axis.
        limit: end of the axis; larger errors are counted in the last bar.
        step: distance of the ticks.
    """

    unit: str
    limit: float
    step: float

    def widened(self, values: FloatArray) -> ErrorAxis:
        """The axis two, five or ten times as long if more than a tenth of the values exceed it."""
        finite = values[np.isfinite(values)]
        allowed = MAX_OVERFLOW * len(finite)
        fitting = (f for f in SCALES if (finite >= f * self.limit).sum() <= allowed)
        factor = next(fitting, SCALES[-1])
        return replace(self, limit=factor * self.limit, step=factor * self.step)


BOX_AXIS = ErrorAxis(unit="error, % of the box's longer side", limit=20.0, step=5.0)
MPJPE_AXIS = ErrorAxis(unit="error, mm, pelvis-aligned", limit=200.0, step=50.0)


def draw_histograms(errors: Mapping[str, FloatArray], axis: ErrorAxis, title: str) -> Image:
    """Draws a panel per annotated part: histogram, median and 90th percentile.

    Args:
        errors: errors of each part, in the axis's unit; infinite ones exceed any limit.
        axis: axis of all panels; extended for large errors.
        title: title of the image.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    annotated = {name: values for name, values in errors.items() if len(values)} or errors
    chosen = axis.widened(np.concatenate(list(annotated.values())))
    panels = [_panel(name, values, chosen) for name, values in annotated.items()]
    while len(panels) % PANELS_PER_ROW:
        panels.append(np.full_like(panels[0], 255))
    rows = [
        np.hstack(panels[i : i + PANELS_PER_ROW]) for i in range(0, len(panels), PANELS_PER_ROW)
    ]
    head = np.full((HEAD_PX, rows[0].shape[1], 3), BACKGROUND_BGR, np.uint8)
    draw_text(head, (LEFT, 44), title, 26, INK)
    return np.vstack([head, *rows]).astype(np.uint8)


def bin_shares(values: FloatArray, limit: float) -> FloatArray:
    """(41,) share of the values in each of 40 equal bins up to a limit, and above it."""
    inside = values[values < limit]
    counts, _ = np.histogram(inside, bins=HISTOGRAM_BINS, range=(0, limit))
    return np.append(counts, len(values) - len(inside)) / max(len(values), 1)


def _panel(name: str, values: FloatArray, axis: ErrorAxis) -> Image:
    width, height = PANEL_WH
    canvas = np.full((height, width, 3), BACKGROUND_BGR, np.uint8)
    draw_text(canvas, (LEFT, 26), name, 20, INK)
    if not len(values):
        draw_text(canvas, (width / 2, height / 2), "no data", 18, MUTED, anchor="middle")
        return canvas
    bars = bin_shares(values, axis.limit)
    top = float(bars.max()) * 1.08
    _draw_axes(canvas, axis, top)
    bar_px = _bar_px()
    for i, share in enumerate(bars.tolist()):
        if not share:
            continue
        x = LEFT + bar_px * (i + GAP_BINS * (i == HISTOGRAM_BINS))
        y = _row(share, top)
        colour = OVERFLOW_BGR if i == HISTOGRAM_BINS else BAR_BGR
        cv2.rectangle(canvas, (round(x) + 1, y), (round(x + bar_px) - 1, _row(0, top)), colour, -1)
    legend = [f"{len(values):,} keypoints"]
    marks: tuple[tuple[str, float, RGB], ...] = (
        ("median", 50, MEDIAN_RGB),
        (f"{TAIL} %", TAIL, TAIL_RGB),
    )
    for name_of_mark, percent, rgb in marks:
        value = float(np.percentile(values, percent, method="higher"))
        above = f"> {axis.limit:g}"
        legend.append(f"{name_of_mark} {_short(value) if value < axis.limit else above}")
        if value < axis.limit:
            x = round(LEFT + bar_px * HISTOGRAM_BINS * value / axis.limit)
            cv2.line(canvas, (x, TOP - 6), (x, _row(0, top)), rgb[::-1], 2, cv2.LINE_AA)
    x = float(width - RIGHT)
    for text, rgb in zip(legend[::-1], (TAIL_RGB, MEDIAN_RGB, MUTED), strict=True):
        draw_text(canvas, (x, 28), text, 15, rgb, anchor="right")
        x -= 9 * len(text) + 14
    return canvas


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}"


def _bar_px() -> float:
    return (PANEL_WH[0] - LEFT - RIGHT) / (HISTOGRAM_BINS + GAP_BINS + 1)


def _row(share: float, top: float) -> int:
    return round(PANEL_WH[1] - BOTTOM - share / top * (PANEL_WH[1] - TOP - BOTTOM))


def _draw_axes(canvas: Image, axis: ErrorAxis, top: float) -> None:
    width, height = PANEL_WH
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if s * 6 >= top)
    for share in np.arange(0, top, step).tolist():
        y = _row(share, top)
        cv2.line(canvas, (LEFT, y), (width - RIGHT, y), GRID_BGR, 1)
        draw_text(canvas, (LEFT - 10, y), f"{share:.0%}", 14, MUTED, anchor="right")
    bar_px = _bar_px()
    y = height - BOTTOM + 16
    for value in np.arange(0, axis.limit + axis.step / 2, axis.step).tolist():
        x = LEFT + bar_px * HISTOGRAM_BINS * value / axis.limit
        draw_text(canvas, (x, y), f"{value:g}", 14, MUTED, anchor="middle")
    draw_text(
        canvas,
        (LEFT + bar_px * (HISTOGRAM_BINS + GAP_BINS + 0.5), y),
        "more",
        14,
        MUTED,
        anchor="middle",
    )
    draw_text(canvas, (LEFT, height - 20), axis.unit, 15, MUTED)
