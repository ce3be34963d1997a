"""What an evaluation can be given instead of a detector or a model: boxes, and poses in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.coco_annotations import CocoImage, number, numbers, read_json
from rtmpose3d.evaluation.protocols.coco_results import (
    PERSON,
    FoundPeople,
    read_results,
    scored_people,
)
from rtmpose3d.evaluation.protocols.rescoring import Rescoring
from rtmpose3d.geometry.crop import center_scale_from_boxes
from rtmpose3d.sinks import load_result
from rtmpose3d.structures import Detections, FloatArray, PoseResult

CROP_WH = (192, 256)  # of the aspect that all models share


def annotated_boxes(image: CocoImage) -> Detections:
    """Boxes of everybody with a labelled body keypoint, cut at the image's edge as mmpose does.

    A box that would have no extent then is left as it is.
    """
    boxes = image.boxes_xyxy[image.with_body]
    width, height = image.size_wh
    cut = np.clip(boxes, 0, [width - 1, height - 1, width - 1, height - 1])
    usable = np.asarray((cut[:, 2:] - cut[:, :2] > 1).all(axis=1))
    chosen = np.where(usable[:, None], cut, boxes).astype(np.float32)
    return Detections(boxes_xyxy=chosen, scores=np.ones(len(chosen), np.float32))


def read_boxes(
    path: Path, images: Sequence[CocoImage], *, bbox_thr: float = 0.0
) -> dict[int, Detections]:
    """Detections in COCO's format, by image id, best first; other categories are left out.

    Args:
        path: JSON list of objects with image_id, bbox (x, y, width, height), score and
            category_id; boxes without extent are left out.
        images: annotated; boxes of other images are left out.
        bbox_thr: boxes that score less are left out.

    Raises:
        InputError: the file is no such JSON, or there is no box for any of the images.
    """
    document = read_json(path)
    if not isinstance(document, list):
        raise InputError(f"{path} must hold a list of detections, got a {type(document).__name__}")
    boxes: dict[int, list[tuple[float, FloatArray]]] = {p.image_id: [] for p in images}
    for index, row in enumerate(document):
        where = f"{path}, detection {index}"
        if not isinstance(row, dict):
            raise InputError(f"{where}: expected an object, got {row!r:.40}")
        box = numbers(row.get("bbox"), 4, f"{where}: bbox")
        score = number(row, "score", where)
        usable = row.get("category_id", PERSON) == PERSON and min(box[2:].tolist()) > 1
        if usable and score >= bbox_thr and row.get("image_id") in boxes:
            boxes[row["image_id"]].append((score, np.concatenate([box[:2], box[:2] + box[2:]])))
    if not any(boxes.values()):
        raise InputError(f"{path} has no box with a score of {bbox_thr:g} or more for the images")
    return {image_id: _best_first(rows) for image_id, rows in boxes.items()}


def _best_first(rows: Sequence[tuple[float, FloatArray]]) -> Detections:
    ordered = sorted(rows, key=lambda row: -row[0])
    return Detections(
        boxes_xyxy=np.array([box for _, box in ordered], np.float32).reshape(-1, 4),
        scores=np.array([score for score, _ in ordered], np.float32),
    )


def people_of_result(
    result: PoseResult, rescoring: Rescoring, box_scores: FloatArray | None = None
) -> FoundPeople:
    """What counts of a result of this package.

    Args:
        result: of one image.
        rescoring: how poses are scored and thinned out.
        box_scores: (N,) where the boxes were given with scores; None: the result's.
    """
    _, scale = center_scale_from_boxes(result.bboxes, CROP_WH)
    return scored_people(
        result.keypoints_2d,
        result.scores,
        result.bbox_scores if box_scores is None else box_scores,
        scale.prod(axis=1).astype(np.float64),
        rescoring,
    )


def read_predictions(
    path: Path, images: Sequence[CocoImage], rescoring: Rescoring
) -> dict[int, FoundPeople]:
    """Poses that exist already, by image id.

    Args:
        path: results JSON in the official format, whose scores are taken as they are; or a .json
            or .npz file that `rtmpose3d predict` wrote, or a folder of them, which are rescored.
        images: annotated.
        rescoring: of our own files.

    Raises:
        InputError: neither, or poses of an image that is not annotated.
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in (".json", ".npz"))
        if not files:
            raise InputError(f"{path} holds no .json or .npz file")
    elif path.suffix == ".npz" or isinstance(read_json(path), dict):
        files = [path]
    else:
        return read_results(path, [image.image_id for image in images])
    return _of_own_files(files, {Path(p.file_name).name: p for p in images}, rescoring)


def _of_own_files(
    files: Sequence[Path], by_name: Mapping[str, CocoImage], rescoring: Rescoring
) -> dict[int, FoundPeople]:
    found: dict[int, FoundPeople] = {}
    for file in files:
        result = load_result(file)
        name = result.source.name if result.source else ""
        if name not in by_name:
            raise InputError(f"{file}: its image {name!r} is not in the annotations")
        image = by_name[name]
        if image.image_id in found:
            raise InputError(f"{file}: there are poses of {name!r} in another file, too")
        if result.image_size_wh not in ((0, 0), image.size_wh):
            raise InputError(
                f"{file}: its image has {result.image_size_wh} (width, height) pixels, the "
                f"annotations say {image.size_wh}"
            )
        found[image.image_id] = people_of_result(result, rescoring)
    return found
