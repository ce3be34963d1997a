"""The figure of `speed_vs_rtmlib.py`: bars of speed relative to rtmlib, and shares of the peak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from rtmpose3d.viz.text import draw_text

WIDTH, ROW, LEFT, BAR = 1500, 34, 620, 640  # px
COLOURS = (
    (190, 120, 40),
    (215, 165, 110),
    (225, 200, 170),
    (150, 150, 150),
    (190, 190, 190),
)  # BGR
INK = (40, 46, 58)  # RGB


def draw_speeds(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write one bar per row: how many times as fast as rtmlib, with the share of the peak."""
    sheet = np.full((ROW * (len(rows) + 3), WIDTH, 3), 255, np.uint8)
    draw_text(sheet, (30, ROW), "Times as fast as rtmlib; in brackets: share of the peak", 26, INK)
    highest = max(float(str(row["ratio"])) for row in rows)
    names = list(dict.fromkeys(str(row["contestant"]) for row in rows))
    for i, row in enumerate(rows):
        top = ROW * (i + 2)
        name, ratio = str(row["contestant"]), float(str(row["ratio"]))
        label = f"{row['model']}, {row['step']}, {row['people']}: {name}"
        draw_text(sheet, (30, top + ROW / 2), label, 20, INK)
        right = LEFT + round(BAR * ratio / highest)
        colour = COLOURS[names.index(name) % len(COLOURS)]
        cv2.rectangle(sheet, (LEFT, top + 6), (right, top + ROW - 6), colour, cv2.FILLED)
        share = row["peak_share"]
        text = f"{ratio:.2f}" + ("" if share is None else f"  ({100 * float(str(share)):.0f} %)")
        draw_text(sheet, (right + 12, top + ROW / 2), text, 20, INK)
    cv2.imwrite(str(path), sheet)
