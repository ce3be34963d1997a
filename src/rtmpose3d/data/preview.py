"""Contact sheet of a dataset's people with their keypoints, to inspect before training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from rtmpose3d.data.records import PoseRecord, load_record_image
from rtmpose3d.errors import InputError
from rtmpose3d.structures import FloatArray, Image, PoseResult
from rtmpose3d.viz import draw_2d
from rtmpose3d.viz.text import draw_label

CELL_PX = 420
_COLUMNS = 4
_MARGIN = 1.35  # a cell shows the box enlarged by this factor
_GAP_PX = 6
_PAPER = 245
_OUTSIDE = -1e4  # position of keypoints that are not to be drawn


def draw_records(records: Sequence[PoseRecord]) -> Image:
    """Draws each record in a square cell: its image around the box, with box and keypoints.

    Args:
        records: at least one; their images are loaded.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        InputError: there are none, or an image cannot be read.
    """
    if not records:
        raise InputError("a sheet needs at least one record")
    columns = min(_COLUMNS, len(records))
    rows = math.ceil(len(records) / columns)
    pitch = CELL_PX + _GAP_PX
    sheet = np.full((rows * pitch + _GAP_PX, columns * pitch + _GAP_PX, 3), _PAPER, np.uint8)
    for number, record in enumerate(records):
        row, column = divmod(number, columns)
        top, left = row * pitch + _GAP_PX, column * pitch + _GAP_PX
        sheet[top : top + CELL_PX, left : left + CELL_PX] = _cell(record)
    return sheet


def _cell(record: PoseRecord) -> Image:
    """(CELL_PX, CELL_PX, 3) crop around the record with its labels drawn."""
    image = load_record_image(record)
    corners = record.box_xyxy.astype(np.float64)
    side = max(float((corners[2:] - corners[:2]).max()) * _MARGIN, 1.0)
    scale = CELL_PX / side
    origin = (corners[:2] + corners[2:]) / 2 - side / 2
    cell_from_image = np.array(
        [[scale, 0, -scale * origin[0]], [0, scale, -scale * origin[1]]], np.float64
    )
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    cell = np.asarray(
        cv2.warpAffine(image, cell_from_image, (CELL_PX, CELL_PX), flags=interpolation), np.uint8
    )
    visible = record.annotated
    points = np.where(visible[:, None], (record.keypoints_px - origin) * scale, _OUTSIDE)
    box = np.concatenate([(corners[:2] - origin) * scale, (corners[2:] - origin) * scale])
    drawn = draw_2d(cell, _result(cell, points, record.visible, box), labels=False)
    index = "" if record.index is None else f" {record.index}"
    depth = "  3D" if record.has_3d else ""
    text = f"{record.dataset}{index}  {int(visible.sum())} keypoints{depth}"
    draw_label(drawn, 8, 8, text, 15)
    return drawn


def _result(cell: Image, points: FloatArray, visible: FloatArray, box: FloatArray) -> PoseResult:
    confidence = visible.astype(np.float32)[None]
    return PoseResult(
        keypoints_2d=points.astype(np.float32)[None],
        scores=confidence,
        confidence=confidence,
        bboxes=box.astype(np.float32)[None],
        bbox_scores=np.ones(1, np.float32),
        image_size_wh=(cell.shape[1], cell.shape[0]),
        image=cell,
    )
