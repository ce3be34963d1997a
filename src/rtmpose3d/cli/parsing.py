"""Parsing of the options for boxes and intrinsics."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.boxes import check_boxes, check_pixels
from rtmpose3d.structures.arrays import FloatArray
from rtmpose3d.untrusted import brief, check_size, read_json, reading
from rtmpose3d.untrusted.limits import BOXES_JSON

BoxesByImage = dict[str, FloatArray]
"""(N, 4) float32 boxes x1, y1, x2, y2 in pixels by path, end of a path or file name; "*" is for all
other images."""
_FILE_COLUMNS = frozenset({"file", "file_name", "filename", "image", "name", "path"})
_CORNERS = (
    frozenset({"x1", "xmin", "x_min", "left"}),
    frozenset({"y1", "ymin", "y_min", "top"}),
    frozenset({"x2", "xmax", "x_max", "right"}),
    frozenset({"y2", "ymax", "y_max", "bottom"}),
)


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
            otherwise rows `x1,y1,x2,y2` for all images, or `file name,x1,y1,x2,y2`, or rows below
            a header that names these columns, in any order and among others.

    Raises:
        InputError: neither, or an unusable box; the message names it.
    """
    if not os.path.isfile(text):  # noqa: PTH113 - false, not an error, for a name that is too long
        boxes = [part.split(",") for part in text.split(";") if part.strip()]
        if not boxes or any(_numbers(box) is None for box in boxes):
            expected = "expected a file, or x1,y1,x2,y2;x1,y1,x2,y2;... in pixels"
            if _is_file_name(text):
                raise InputError(f"--boxes: there is no file {text!r}; {expected}")
            raise InputError(f"--boxes is {text!r}; {expected}")
        return {"*": _boxes(boxes, "--boxes")}
    path = Path(text)
    if path.suffix.lower() == ".json":
        return _from_json(read_json(path, "--boxes: file", limits=BOXES_JSON), path)
    check_size(path, BOXES_JSON.max_bytes, "--boxes: file")
    with reading(path, "--boxes: file"):
        return _from_rows(path.read_text("utf-8-sig"), path)


def _is_file_name(text: str) -> bool:
    """Whether text is meant as the name of a file: it has letters, and no commas before them."""
    return any(letter.isalpha() for letter in text) and "," not in text


def find_boxes(boxes: BoxesByImage, source: Path | str) -> FloatArray:
    """Find the boxes of an image: by the longest key that its path ends with, or "*".

    Raises:
        InputError: there are none for it.
    """
    key = _find_key(boxes, source)
    if key is None:
        raise InputError(f"{source}: --boxes has none for it, by its path or its file name")
    return boxes[key]


def check_box_names(boxes: BoxesByImage, sources: Sequence[Path | str]) -> None:
    """Check that a name of the file is of one image, where several images have the name.

    Raises:
        InputError: it may be of several; the message names two of them.
    """
    images: dict[str, str] = {}
    for source in sources:
        key = _find_key(boxes, source)
        if key is None or key == "*":
            continue
        other = images.setdefault(key, str(source))
        if other != str(source):
            raise InputError(
                f"--boxes: {key!r} may be {other} or {source}; name them with their folders"
            )


def _find_key(boxes: BoxesByImage, source: Path | str) -> str | None:
    if str(source) in boxes:
        return str(source)
    parts = Path(source).parts
    ends = ("/".join(parts[start:]) for start in range(len(parts)))  # the longest first
    return next((end for end in (*ends, "*") if end in boxes), None)


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
    """Boxes of CSV rows, which may have a header that names their columns."""
    rows: dict[str, list[Sequence[object]]] = {}
    columns: list[int] | None = None  # of a header; empty: there is none
    width = 0
    for number, row in enumerate(csv.reader(content.splitlines()), 1):
        if not any(field.strip() for field in row) or row[0].lstrip().startswith("#"):
            continue
        where = f"--boxes: {path}, line {number}"
        if columns is None:
            columns, width = _header_columns(row, where), len(row)
            if columns:
                continue
        if len(row) not in ((width,) if columns else (4, 5)):
            expected = f"{width} fields" if columns else "x1,y1,x2,y2 or file,x1,y1,x2,y2"
            raise InputError(f"{where}: expected {expected}, got {brief(','.join(row))!r}")
        values = [row[i].strip() for i in columns] if columns else row
        rows.setdefault(values[0] if len(values) == 5 else "*", []).append(values[-4:])
    return {name: _boxes(boxes, f"{path}: {name}") for name, boxes in rows.items()}


def _header_columns(row: Sequence[str], where: str) -> list[int]:
    """Columns of file name, if any, and x1, y1, x2, y2; empty if a row is no header.

    Raises:
        InputError: it is a header that does not name the corners.
    """
    names = [field.strip().lower() for field in row]
    if _numbers(names[-4:]) is not None or sum(name.isidentifier() for name in names) < 4:
        return []
    corners = [next((i for i, name in enumerate(names) if name in known), -1) for known in _CORNERS]
    if -1 in corners:
        raise InputError(
            f"{where}: the header names no columns x1, y1, x2, y2, the corners of a box; it has "
            f"{brief(','.join(row))}"
        )
    files = [i for i, name in enumerate(names) if name in _FILE_COLUMNS]
    return [*files[:1], *corners]


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
    array = np.array(checked, np.float64).reshape(-1, 4)
    try:
        check_pixels(array)
        return check_boxes(array)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _numbers(values: Iterable[object]) -> list[float] | None:
    """The values as finite floats; None if one is not a number."""
    try:
        numbers = [float(value) for value in values if not isinstance(value, bool)]  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if np.isfinite(numbers).all() else None
