"""Curves of a training as one image, drawn from its logs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from rtmpose3d.structures import FloatArray, Image
from rtmpose3d.viz.palette import RGB
from rtmpose3d.viz.text import draw_text, text_size_wh

Rows = Sequence[Mapping[str, float]]

_PANEL_WH = (760, 420)
_MARGINS = (86, 64, 170, 56)  # left, top, right (for the names), bottom, px
_PAPER_BGR = (255, 252, 250)
_INK: RGB = (40, 46, 58)
_QUIET: RGB = (110, 118, 132)
_GRID_BGR = (232, 228, 224)
_HUES: tuple[RGB, ...] = (  # Okabe and Ito's palette
    *((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233)),
    *((230, 159, 0), (90, 90, 90)),
)
_SUBPIXEL = 4  # bits of cv2.polylines' fixed point


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One diagram of curves.

    Attributes:
        title: title of the diagram.
        columns: columns of the log, with the names of their curves.
        from_steps: whether to read the log of steps; else that of validations.
        logarithmic: whether the vertical axis is logarithmic.
    """

    title: str
    columns: Mapping[str, str]
    from_steps: bool = False
    logarithmic: bool = False


LEARNING_RATE = Panel(title="learning rate", columns={"learning_rate": ""}, from_steps=True)
SPEED = Panel(title="images per second", columns={"images_per_s": ""}, from_steps=True)


def draw_curves(panels: Sequence[Panel], steps: Rows, validations: Rows, title: str) -> Image:
    """Draw all diagrams of a training, two in a row.

    Args:
        panels: diagrams to draw.
        steps: rows of the log of steps.
        validations: rows of the log of validations.
        title: title of the image.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    drawn = [draw_panel(panel, steps if panel.from_steps else validations) for panel in panels]
    if len(drawn) % 2:
        drawn.append(np.full_like(drawn[0], _PAPER_BGR))
    grid = np.vstack([np.hstack(drawn[i : i + 2]) for i in range(0, len(drawn), 2)])
    head = np.full((80, grid.shape[1], 3), _PAPER_BGR, np.uint8)
    draw_text(head, (_MARGINS[0], 44), title, 30, _INK)
    return np.vstack([head, grid])


def draw_panel(panel: Panel, rows: Rows) -> Image:
    """Draw one diagram: (420, 760, 3) uint8 BGR."""
    width, height = _PANEL_WH
    canvas = np.full((height, width, 3), _PAPER_BGR, np.uint8)
    draw_text(canvas, (_MARGINS[0], 34), panel.title, 22, _INK)
    curves = {
        name: curve
        for column, name in panel.columns.items()
        if len(curve := _curve(rows, column, panel.logarithmic))
    }
    if not curves:
        draw_text(canvas, (width / 2, height / 2), "no data yet", 20, _QUIET, anchor="middle")
        return canvas
    points = np.concatenate(list(curves.values()))
    x_ticks = ticks(0, max(points[:, 0].max(), 1))
    low, high = points[:, 1].min(), points[:, 1].max()
    y_ticks = log_ticks(low, high) if panel.logarithmic else ticks(min(low, 0), high)
    frame = _Frame(x_ticks=x_ticks, y_ticks=y_ticks, logarithmic=panel.logarithmic)
    frame.draw(canvas)
    for hue, curve in zip(_HUES, curves.values(), strict=False):
        _draw_curve(canvas, frame.pixels(curve), hue)
    _draw_names(canvas, {name: frame.pixels(curve[-1:])[0, 1] for name, curve in curves.items()})
    return canvas


def _curve(rows: Rows, column: str, positive: bool) -> FloatArray:
    """(N, 2) step and value, where it is finite."""
    pairs = [(row["step"], row[column]) for row in rows if column in row]
    points = np.array(pairs, np.float64).reshape(-1, 2)
    keep = np.isfinite(points).all(axis=1)
    return points[keep & (points[:, 1] > 0)] if positive else points[keep]


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers that span low to high: steps of 1, 2 or 5 times a power of ten."""
    span = max(high - low, 1e-12 + abs(high) * 1e-9)
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, max(last, first + 1) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Numbers of 1, 2 or 5 times a power of ten that span low to high, both above 0."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    if last - first > 3:
        return [10.0**power for power in range(first, last + 1)]
    marks = [m * 10.0**power for power in range(first, last + 1) for m in (1, 2, 5)]
    start = max(i for i, mark in enumerate(marks) if mark <= low * 1.0001)
    end = next(i for i, mark in enumerate(marks) if mark >= high * 0.9999)
    return marks[start : max(end, start + 1) + 1]


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """Axes of a diagram."""

    x_ticks: Sequence[float]
    y_ticks: Sequence[float]
    logarithmic: bool

    def pixels(self, points: FloatArray) -> FloatArray:
        """(N, 2) step and value -> x and y in pixels."""
        left, top, right, bottom = _MARGINS
        width, height = _PANEL_WH
        y_low, y_high = self._scaled(np.array([self.y_ticks[0], self.y_ticks[-1]]))
        x = (points[:, 0] - self.x_ticks[0]) / (self.x_ticks[-1] - self.x_ticks[0])
        y = (self._scaled(points[:, 1]) - y_low) / (y_high - y_low)
        return np.stack(
            [left + x * (width - left - right), height - bottom - y * (height - top - bottom)],
            axis=1,
        )

    def _scaled(self, values: FloatArray) -> FloatArray:
        return np.log10(values) if self.logarithmic else values

    def draw(self, canvas: Image) -> None:
        """Draw grid lines and numbers."""
        width, height = _PANEL_WH
        left, _, right, bottom = _MARGINS
        for value in self.y_ticks:
            y = self.pixels(np.array([[self.x_ticks[0], value]]))[0, 1]
            cv2.line(canvas, (left, round(y)), (width - right, round(y)), _GRID_BGR, 1)
            draw_text(canvas, (left - 10, y), format_number(value), 15, _QUIET, anchor="right")
        for value in self.x_ticks:
            x = self.pixels(np.array([[value, self.y_ticks[0]]]))[0, 0]
            draw_text(
                canvas, (x, height - bottom + 18), format_number(value), 15, _QUIET, anchor="middle"
            )
        draw_text(canvas, (width - right, height - 16), "step", 15, _QUIET, anchor="right")


def format_number(value: float) -> str:
    """Format a number briefly: 0.05, 1,000, 20k, 1.5M, 2e-05."""
    size = abs(value)
    if size >= 1e6:
        return f"{value / 1e6:g}M"
    if size >= 1e4:
        return f"{value / 1e3:g}k"
    if size and size < 1e-3:
        return f"{value:.0e}"
    return f"{value:,.4g}" if size < 1000 else f"{value:,.0f}"


def _draw_curve(canvas: Image, points: FloatArray, hue: RGB) -> None:
    fixed = np.rint(points * 2**_SUBPIXEL).astype(np.int32).reshape(-1, 1, 2)
    bgr = hue[::-1]
    if len(points) == 1:
        x, y = fixed[0, 0].tolist()
        cv2.circle(canvas, (x, y), 3 << _SUBPIXEL, bgr, -1, cv2.LINE_AA, _SUBPIXEL)
    else:
        cv2.polylines(canvas, [fixed], False, bgr, 2, cv2.LINE_AA, _SUBPIXEL)


def _draw_names(canvas: Image, ends: Mapping[str, float]) -> None:
    """Write names next to the ends of the curves, moved apart where they would overlap."""
    hues = dict(zip(ends, _HUES, strict=False))
    gap = text_size_wh("A", 17)[1] + 4
    y = -math.inf
    for name in sorted(ends, key=lambda name: ends[name]):
        y = max(ends[name], y + gap)
        draw_text(canvas, (_PANEL_WH[0] - _MARGINS[2] + 12, y), name, 17, hues[name])
