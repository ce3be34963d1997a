"""Parsing of the options for boxes and intrinsics."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures.arrays import FloatArray
from rtmpose3d.untrusted import brief, read_json, reading
from rtmpose3d.untrusted.limits import BOXES_JSON

BoxesByImage = dict[str, FloatArray]
"""(N, 4) float32 boxes x1, y1, x2, y2 in pixels by file name; "*" is for all other images."""


def parse_intrinsics(text: str) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy in pixels, from `fx,fy,cx,cy`.

    Raises:
        InputError: not four numbers.
    """
    numbers = _numbers(text.split(","))
    if numbers is None or len(numbers) != 4:
        raise InputError(f"--intrinsics is {text!r}; expected four numbers of pixels: fx,fy,cx,cy")
    fx, fy, cx, cy = numbers
    return fx, fy, cx, cy


def parse_boxes(text: str) -> BoxesByImage:
    """Parse the people's boxes of --boxes.

    Args:
        text: `x1,y1,x2,y2;x1,y1,x2,y2;...` for all images, or a file:
            .json, a list of boxes for all images, or an object {file name: list of boxes};
            otherwise rows `x1,y1,x2,y2` for all images, or `file name,x1,y1,x2,y2`.

    Raises:
        InputError: neither, or an unusable box; the message names it.
    """
    if not os.path.isfile(text):  # noqa: PTH113 - false, not an error, for a name that is too long
        boxes = [part.split(",") for part in text.split(";") if part.strip()]
        if not boxes or any(_numbers(box) is None for box in boxes):
            raise InputError(
                f"--boxes is {text!r}; expected a file, or x1,y1,x2,y2;x1,y1,x2,y2;... in pixels"
            )
        return {"*": _boxes(boxes, "--boxes")}
    path = Path(text)
    if path.suffix.lower() == ".json":
        return _from_json(read_json(path, "--boxes: file", limits=BOXES_JSON), path)
    with reading(path, "--boxes: file"):
        return _from_rows(path.read_text("utf-8-sig"), path)


def find_boxes(boxes: BoxesByImage, source: Path | str) -> FloatArray:
    """Find the boxes of an image by its path, its file name, or "*".

    Raises:
        InputError: there are none for it.
    """
    for key in (str(source), Path(source).name, "*"):
        if key in boxes:
            return boxes[key]
    raise InputError(f"{source}: --boxes has none for it, neither by its path nor its file name")


def _from_json(document: object, path: Path) -> BoxesByImage:
    if isinstance(document, list):
        return {"*": _boxes(document, str(path))}
    if not isinstance(document, dict):
        raise InputError(f"--boxes: {path} holds neither a list nor an object of boxes")
    for name, boxes in document.items():
        if not isinstance(boxes, list):
            raise InputError(
                f"--boxes: {path}: {name}: expected a list of boxes, got {brief(boxes)}"
            )
    return {name: _boxes(boxes, f"{path}: {name}") for name, boxes in document.items()}


def _from_rows(content: str, path: Path) -> BoxesByImage:
    rows: dict[str, list[Sequence[object]]] = {}
    for number, row in enumerate(csv.reader(content.splitlines()), 1):
        if not row or row[0].lstrip().startswith("#"):
            continue
        if len(row) not in (4, 5):
            raise InputError(
                f"--boxes: {path}, line {number}: expected x1,y1,x2,y2 or file,x1,y1,x2,y2, "
                f"got {','.join(row)!r}"
            )
        rows.setdefault(row[0] if len(row) == 5 else "*", []).append(row[-4:])
    return {name: _boxes(boxes, f"{path}: {name}") for name, boxes in rows.items()}


def _boxes(boxes: Sequence[object], where: str) -> FloatArray:
    """(N, 4) float32, each checked."""
    checked: list[list[float]] = []
    for box in boxes:
        numbers = _numbers(box) if isinstance(box, (list, tuple)) else None
        if numbers is None or len(numbers) != 4:
            raise InputError(f"{where}: {brief(box)} is no box; expected x1, y1, x2, y2 in pixels")
        x1, y1, x2, y2 = numbers
        if not (x1 < x2 and y1 < y2):
            raise InputError(
                f"{where}: the box {x1:g}, {y1:g}, {x2:g}, {y2:g} is empty; expected its left, "
                "top, right and bottom edge (not width and height)"
            )
        checked.append(numbers)
    return np.array(checked, np.float32).reshape(-1, 4)


def _numbers(values: Iterable[object]) -> list[float] | None:
    """The values as finite floats; None if one is not a number."""
    try:
        numbers = [float(value) for value in values if not isinstance(value, bool)]  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if np.isfinite(numbers).all() else None
