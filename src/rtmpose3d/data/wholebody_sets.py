"""Readers of 2D whole-body sets: COCO-WholeBody, UBody; and rendered people, which have 3D besides.

Fields of COCO-WholeBody V1.0: `keypoints` (17 of the body), `foot_kpts`, `face_kpts`,
`lefthand_kpts`, `righthand_kpts`, each x, y, flag in a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import numpy as np

from rtmpose3d.data.candidates import (
    AnnotationFile,
    Built,
    Candidate,
    Labels,
    ReadOptions,
    make_record,
    numbers,
)
from rtmpose3d.data.coco_files import Row, clipped_box, coco_candidates, record_of_row, why_left_out
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import FloatArray

_FIELDS = {
    "keypoints": 17,
    "foot_kpts": 6,
    "face_kpts": 68,
    "lefthand_kpts": 21,
    "righthand_kpts": 21,
}


def read_coco_wholebody(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reader of COCO-WholeBody and UBody."""
    return coco_candidates(file, options, _build)


def read_rendered(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reader of what `rtmpose3d synth` writes (`rtmpose3d.synth.output.coco`)."""
    return coco_candidates(file, options, _build_rendered)


def wholebody_points(annotation: Mapping[str, object]) -> tuple[FloatArray, FloatArray]:
    """(133, 2) px and (133,) 0 or 1 of an annotation with COCO-WholeBody's fields.

    Raises:
        InputError: a field has another length.
        KeyError: a field is missing.
    """
    parts = [numbers(annotation[name], name, count, 3) for name, count in _FIELDS.items()]
    points = np.concatenate(parts)
    visible = np.where(np.isnan(points[:, 2]), np.nan, points[:, 2] > 0)
    return points[:, :2], visible


def _build(row: Row) -> Built:
    points, visible = wholebody_points(cast("Mapping[str, object]", row.annotation))
    return record_of_row(row, Labels(box_xyxy=clipped_box(row), points=points, visible=visible))


def _build_rendered(row: Row) -> Built:
    annotation = cast("Mapping[str, object]", row.annotation)
    points, visible = wholebody_points(annotation)
    x, y, width, height = numbers(annotation["bbox"], "bbox", 4).tolist()
    labels = Labels(
        # COCO counts from the corner of the first pixel, we from its middle.
        box_xyxy=np.array([x, y, x + width, y + height]) - 0.5,
        points=points,
        visible=visible,
        points_camera_m=numbers(annotation["keypoints_3d"], "keypoints_3d", 133, 3),
    )
    left_out = why_left_out(row, labels, int(visible.sum()))
    if left_out is not None:
        return left_out
    width, height = row.size_wh
    found = cast("Mapping[str, Mapping[str, float]]", row.image)["camera"]
    intrinsics = {name: float(found[name]) for name in ("fx", "fy", "cx", "cy")}
    return make_record(
        row.place,
        labels,
        row.place.file.images / row.image["file_name"],
        image_size_wh=(width, height),
        area_px2=float(row.annotation["area"]),
        camera=Camera(**intrinsics, width=width, height=height),
    )
