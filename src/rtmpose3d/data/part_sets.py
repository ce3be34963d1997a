"""Readers of sets of faces (WFLW, 300W, COFW, LaPa) and hands (InterHand2.6M)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import cast

import numpy as np

from rtmpose3d.data.body_sets import square_box
from rtmpose3d.data.candidates import (
    AnnotationFile,
    Built,
    Candidate,
    Labels,
    ReadOptions,
    make_record,
    numbers,
    read_json,
)
from rtmpose3d.data.coco_files import (
    Row,
    clipped_box,
    coco_candidates,
    points_of,
    record_of_row,
    why_left_out,
)
from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import FloatArray

MM = 1e-3
_HAND = 21  # keypoints of a hand; the last one is its root
_DATA_ENDING = "_data.json"  # beside it lie the same with _camera.json and _joint_3d.json
_TINY_MM = 1e-8  # the reference adds it to every depth


def read_square_faces(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reader of WFLW and 300W, whose faces have a square as `center` and `scale`."""
    return coco_candidates(file, options, partial(_build_face, square=True))


def read_faces(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reader of COFW and LaPa, whose faces have a `bbox`."""
    return coco_candidates(file, options, partial(_build_face, square=False))


def _build_face(row: Row, *, square: bool) -> Built:
    points, visible = points_of(row.annotation["keypoints"], len(row.place.file.keypoint_map))
    if square:
        center = numbers(row.annotation["center"], "center", 2)
        box = square_box(center, row.annotation["scale"])
    else:
        box = clipped_box(row)
    labels = Labels(box_xyxy=box, points=points, visible=visible)
    return record_of_row(row, labels, shown="face")


def read_interhand(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reader of InterHand2.6M: both hands of an image as one record, with 3D and camera.

    Beside NAME_data.json must lie NAME_camera.json and NAME_joint_3d.json.

    Raises:
        InputError: one of them is missing or broken.
    """
    name = file.path.name
    if not name.endswith(_DATA_ENDING):
        raise InputError(
            f"{file.path}: the name of InterHand2.6M's file must end in {_DATA_ENDING}"
        )
    stem = name.removesuffix(_DATA_ENDING)
    beside = [
        cast("_Beside", read_json(file.path.with_name(f"{stem}_{kind}.json")))
        for kind in ("camera", "joint_3d")
    ]
    build = partial(_build_hands, cameras=beside[0], joints=beside[1])
    return coco_candidates(file, options, build, first_of_image=True)


_Beside = Mapping[str, Mapping[str, Mapping[str, list[float]]]]


def _build_hands(row: Row, *, cameras: _Beside, joints: _Beside) -> Built:
    capture, frame = str(row.image["capture"]), str(row.image["frame_idx"])
    if capture not in cameras or frame not in joints.get(capture, {}):
        raise InputError(f"{row.place}: capture {capture}, frame {frame} has no camera or no 3D")
    count = 2 * _HAND
    place = joints[capture][frame]
    world_mm = numbers(place["world_coord"], "world_coord", count, 3)
    camera, points_mm = _in_camera(cameras[capture], row, world_mm)
    visible = np.minimum(1, numbers(row.annotation["joint_valid"], "joint_valid", count))
    visible[:_HAND] *= visible[_HAND - 1]  # a hand without its root is not used
    visible[_HAND:] *= visible[-1]
    valid_3d = numbers(place["joint_valid"], "joint_valid of joint_3d", count) * visible > 0
    x, y, width, height = numbers(row.annotation["bbox"], "bbox", 4).tolist()
    depth = points_mm[:, 2:] + _TINY_MM
    labels = Labels(
        box_xyxy=np.array([x, y, x + width, y + height]),
        points=points_mm[:, :2] / depth * [camera.fx, camera.fy] + [camera.cx, camera.cy],
        visible=visible,
        points_camera_m=np.where(valid_3d[:, None], points_mm * MM, np.nan),
    )
    left_out = why_left_out(row, labels, int(visible.sum()))
    if left_out is not None:
        return left_out
    return make_record(
        row.place,
        labels,
        row.place.file.images / row.image["file_name"],
        image_size_wh=row.size_wh,
        shown="hands",
        camera=camera,
    )


def _in_camera(
    cameras: Mapping[str, Mapping[str, list[float]]], row: Row, world_mm: FloatArray
) -> tuple[Camera, FloatArray]:
    """The image's camera, and the points in its frame, mm."""
    number = str(row.image["camera"])
    fx, fy = numbers(cameras["focal"][number], "focal", 2).tolist()
    cx, cy = numbers(cameras["princpt"][number], "princpt", 2).tolist()
    turn = numbers(cameras["camrot"][number], "camrot", 3, 3)
    place = numbers(cameras["campos"][number], "campos", 3)
    width, height = row.size_wh
    camera = Camera(fx=fx, fy=fy, cx=cx, cy=cy, width=width, height=height)
    return camera, (world_mm - place) @ turn.T
