"""Contact sheet of a dataset: images, their labels drawn into them, and the people in 3D.

Reads the shards, so it shows what is on disk. Visible keypoints are drawn solid, occluded ones
pale.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import PoseResult
from rtmpose3d.structures.arrays import Image
from rtmpose3d.synth.output.shards import ANNOTATIONS
from rtmpose3d.synth.scene import read_image
from rtmpose3d.viz import draw_2d, draw_3d

_OCCLUDED_CONFIDENCE = 0.45  # drawn pale, yet above the threshold of 0.3
_CELL_HEIGHT_PX = 480


def preview_sheet(folder: Path, count: int = 12) -> Image:
    """Draws a sheet of a dataset's images, each next to its labels in 2D and 3D.

    Args:
        folder: directory of the dataset.
        count: maximum number of images, spread evenly over the dataset's shards.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        InputError: there is no finished shard.
    """
    shards = sorted(path.parent for path in Path(folder).glob(f"shard-*/{ANNOTATIONS}"))
    if not shards:
        raise InputError(f"{folder} holds no finished shard; expected shard-*/{ANNOTATIONS}")
    per_shard = math.ceil(count / len(shards))
    cells: list[Image] = []
    for shard in shards[:: max(1, len(shards) // count)]:
        document = json.loads((shard / ANNOTATIONS).read_text("utf-8"))
        images = document["images"]
        step = max(1, len(images) // per_shard)
        for row in images[::step][:per_shard]:
            people = [a for a in document["annotations"] if a["image_id"] == row["id"]]
            cells.append(_draw_cell(shard, row, people))
    return _arrange(cells[:count])


def labels_as_result(image: Image | None, row: dict, annotations: list[dict]) -> PoseResult:
    """Labels of an image as a `PoseResult`, for drawing.

    Args:
        image: (H, W, 3) uint8 BGR.
        row: the image's entry in `images`.
        annotations: the image's entries in `annotations`.
    """
    names = ("fx", "fy", "cx", "cy")
    camera = Camera(
        **{name: row["camera"][name] for name in names}, width=row["width"], height=row["height"]
    )
    keypoints_camera = np.array([a["keypoints_3d"] for a in annotations]).reshape(-1, 133, 3)
    visibility = np.array([a["visibility133"] for a in annotations]).reshape(-1, 133)
    confidence = np.array([0.0, _OCCLUDED_CONFIDENCE, 1.0], np.float32)[visibility]
    corners = np.array([a["bbox"] for a in annotations], np.float64).reshape(-1, 4)
    corners = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1) - 0.5
    depth = np.array([a["root_depth_m"] for a in annotations], np.float32)
    return PoseResult(
        keypoints_2d=np.nan_to_num(camera.project(keypoints_camera), nan=-1e4).astype(np.float32),
        scores=confidence,
        confidence=confidence,
        bboxes=corners.astype(np.float32),
        bbox_scores=np.ones(len(annotations), np.float32),
        keypoints_camera=keypoints_camera.astype(np.float32),
        root_depth_m=depth,
        root_depth_std_m=np.zeros_like(depth),
        root_depth_source=("given",) * len(annotations),
        camera=camera,
        image_size_wh=(row["width"], row["height"]),
        image=image,
    )


def _draw_cell(shard: Path, row: dict, annotations: list[dict]) -> Image:
    """The image, the image with its labels, and the people in 3D, side by side."""
    path = shard / row["file_name"]
    image = read_image(path)
    result = labels_as_result(image, row, annotations)
    drawn = draw_2d(image, result)
    complete = replace(result, confidence=np.ones_like(result.confidence))
    space = draw_3d(complete, (_CELL_HEIGHT_PX, _CELL_HEIGHT_PX))
    panels = [image, drawn, space]
    return np.concatenate([_resize_to_height(p, _CELL_HEIGHT_PX) for p in panels], axis=1)


def _resize_to_height(image: Image, height: int) -> Image:
    width = round(image.shape[1] * height / image.shape[0])
    shrink = height < image.shape[0]
    interpolation = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=interpolation), np.uint8)


def _arrange(cells: list[Image]) -> Image:
    columns = 1 if len(cells) < 4 else 2
    width = max(cell.shape[1] for cell in cells)
    rows = -(-len(cells) // columns)
    sheet = np.full((rows * _CELL_HEIGHT_PX, columns * width, 3), 255, np.uint8)
    for i, cell in enumerate(cells):
        top, left = i // columns * _CELL_HEIGHT_PX, i % columns * width
        sheet[top : top + _CELL_HEIGHT_PX, left : left + cell.shape[1]] = cell
    return sheet
