"""Readers of whole-body datasets: COCO-WholeBody, UBody, and rendered people, which have 3D.

Fields of COCO-WholeBody V1.0: `keypoints` (17 of the body), `foot_kpts`, `face_kpts`,
`lefthand_kpts`, `righthand_kpts`, each a flat list of x, y, flag. All 133 in `keypoints`, or those
of the body alone (COCO's files), are read as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import numpy as np

from rtmpose3d.data.candidates import (
    CROWD,
    NOT_FOR_KEYPOINTS,
    AnnotationFile,
    BuildResult,
    Candidate,
    Labels,
    ReadOptions,
    Skipped,
    box_from_xywh,
    parse_numbers,
)
from rtmpose3d.data.readers.coco_files import (
    CocoRow,
    build_record,
    clipped_box,
    coco_candidates,
    is_crowd,
    without_unknown,
)
from rtmpose3d.geometry import Camera
from rtmpose3d.skeletons import NUM_KEYPOINTS, PART_INDICES
from rtmpose3d.structures import FloatArray

WHOLEBODY_FIELDS: Mapping[str, str] = {
    "keypoints": "body",
    "foot_kpts": "feet",
    "face_kpts": "face",
    "lefthand_kpts": "left_hand",
    "righthand_kpts": "right_hand",
}
"""Field of an annotation or result -> its part, in the order of the 133 keypoints."""
CORNER_OFFSET_PX = 0.5  # in files the first pixel's corner is 0, here its centre
MIN_BODY_KEYPOINTS = 8  # of body and feet in the image; people with fewer are ignored
MIN_UNOCCLUDED = 4  # of those
_OCCLUDED_FLAG = 1


def read_coco_wholebody(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reads COCO-WholeBody and UBody."""
    return coco_candidates(file, options, _build)


def read_rendered(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reads rendered people (`rtmpose3d.synth.output.coco` writes them).

    People of whom hardly anything is visible are marked as ignored.
    """
    return coco_candidates(file, options, _build_rendered)


def wholebody_points(annotation: Mapping[str, object]) -> FloatArray:
    """(133, 3) x, y and flag or score of COCO-WholeBody's fields.

    Tools that know nothing of the parts write all 133 keypoints into `keypoints`, which is read,
    too.

    Raises:
        InputError: a field has another length.
        KeyError: a field is missing.
    """
    body = annotation["keypoints"]
    if _count(body) == NUM_KEYPOINTS:
        return parse_numbers(body, "keypoints", NUM_KEYPOINTS, 3)
    parts = [
        parse_numbers(annotation[field], field, len(PART_INDICES[part]), 3)
        for field, part in WHOLEBODY_FIELDS.items()
    ]
    return np.concatenate(parts)


def _count(values: object) -> int:
    """Number of keypoints of a flat list of x, y, flag, or of a list of lists of three."""
    if not isinstance(values, list) or not values:
        return 0
    return len(values) if isinstance(values[0], list) else len(values) // 3


def _labelled_points(annotation: Mapping[str, object]) -> FloatArray | None:
    """(133, 3) x, y, flag of a person; those of the body where no other part is in the file.

    Returns:
        None: the file has no keypoints of the person at all.
    """
    given = [field for field in WHOLEBODY_FIELDS if annotation.get(field) is not None]
    if not given:
        return None
    if given == ["keypoints"] and _count(annotation["keypoints"]) == len(PART_INDICES["body"]):
        points = np.zeros((NUM_KEYPOINTS, 3))
        body = PART_INDICES["body"]
        points[body] = parse_numbers(annotation["keypoints"], "keypoints", len(body), 3)
    else:
        points = wholebody_points(annotation)
    return without_unknown(points)


def _visible(points: FloatArray) -> FloatArray:
    """(133,) 0 or 1; nan where the flag is."""
    return np.where(np.isnan(points[:, 2]), np.nan, points[:, 2] > 0)


def _build(row: CocoRow) -> BuildResult:
    fields = cast("Mapping[str, object]", row.annotation)
    points = _labelled_points(fields)
    if points is None:
        if not row.options.keep_ignored or fields.get("bbox") is None:
            return Skipped(reason=CROWD if is_crowd(row) else NOT_FOR_KEYPOINTS)
        points = np.zeros((NUM_KEYPOINTS, 3))  # a region where detections are no mistakes
    labels = Labels(
        box_xyxy=clipped_box(row),
        points=points[:, :2],
        visible=_visible(points),
        unclipped_box_xyxy=box_from_xywh(row.annotation["bbox"]),
    )
    return build_record(row, labels)


def _build_rendered(row: CocoRow) -> BuildResult:
    annotation = cast("Mapping[str, object]", row.annotation)
    points = without_unknown(wholebody_points(annotation))
    visible, occluded = _visible(points), points[:, 2] == _OCCLUDED_FLAG
    labels = Labels(
        box_xyxy=box_from_xywh(annotation["bbox"]) - CORNER_OFFSET_PX,
        points=points[:, :2],
        visible=visible,
        points_camera_m=parse_numbers(annotation["keypoints_3d"], "keypoints_3d", NUM_KEYPOINTS, 3),
        occluded=occluded,
    )
    width, height = row.size_wh
    entry = cast("Mapping[str, Mapping[str, float]]", row.image)["camera"]
    fx, fy, cx, cy = (float(entry[name]) for name in ("fx", "fy", "cx", "cy"))
    in_image = points[PART_INDICES["body_with_feet"], 2] > 0
    unoccluded = in_image & ~occluded[PART_INDICES["body_with_feet"]]
    return build_record(
        row,
        labels,
        labelled=int(np.nansum(visible)),
        ignored=bool(in_image.sum() < MIN_BODY_KEYPOINTS or unoccluded.sum() < MIN_UNOCCLUDED),
        camera=Camera(fx=fx, fy=fy, cx=cx, cy=cy, width=width, height=height),
    )
