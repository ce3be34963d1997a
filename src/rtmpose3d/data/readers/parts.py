"""Readers of face datasets (WFLW, 300W, COFW, LaPa) and of hands (InterHand2.6M)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import cast

import numpy as np

from rtmpose3d.data.candidates import (
    AnnotationFile,
    BuildResult,
    Candidate,
    Labels,
    ReadOptions,
    box_from_xywh,
    parse_numbers,
    read_json,
)
from rtmpose3d.data.readers.body import square_box
from rtmpose3d.data.readers.coco_files import (
    CocoRow,
    build_record,
    clipped_box,
    coco_candidates,
    parse_points,
)
from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.geometry.units import M_PER_MM
from rtmpose3d.structures import FloatArray

_HAND = 21  # keypoints of a hand; the last is its root
_DATA_ENDING = "_data.json"  # next to it are NAME_camera.json and NAME_joint_3d.json
_TINY_MM = 1e-8  # the reference adds it to every depth


def read_square_faces(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reads WFLW and 300W, whose faces have a square box as `center` and `scale`."""
    return coco_candidates(file, options, partial(_build_face, square=True))


def read_faces(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reads COFW and LaPa, whose faces have a `bbox`."""
    return coco_candidates(file, options, partial(_build_face, square=False))


def _build_face(row: CocoRow, *, square: bool) -> BuildResult:
    points, visible = parse_points(row.annotation["keypoints"], len(row.ref.file.keypoint_map))
    if square:
        center = parse_numbers(row.annotation["center"], "center", 2)
        box = square_box(center, row.annotation["scale"])
    else:
        box = clipped_box(row)
    labels = Labels(box_xyxy=box, points=points, visible=visible)
    return build_record(row, labels, box_kind="face")


def read_interhand(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reads InterHand2.6M: both hands of an image as one record, with 3D and camera.

    NAME_camera.json and NAME_joint_3d.json must be next to NAME_data.json.

    Raises:
        InputError: one of them is missing or broken.
    """
    name = file.path.name
    if not name.endswith(_DATA_ENDING):
        raise InputError(
            f"{file.path}: the name of InterHand2.6M's file must end in {_DATA_ENDING}"
        )
    stem = name.removesuffix(_DATA_ENDING)
    cameras, joints = (
        cast("_Captures", read_json(file.path.with_name(f"{stem}_{suffix}.json")))
        for suffix in ("camera", "joint_3d")
    )
    build = partial(_build_hands, cameras=cameras, joints=joints)
    return coco_candidates(file, options, build, first_of_image=True)


_Captures = Mapping[str, Mapping[str, Mapping[str, list[float]]]]


def _build_hands(row: CocoRow, *, cameras: _Captures, joints: _Captures) -> BuildResult:
    capture, frame = str(row.image["capture"]), str(row.image["frame_idx"])
    if capture not in cameras or frame not in joints.get(capture, {}):
        raise InputError(f"{row.ref}: capture {capture}, frame {frame} has no camera or no 3D")
    count = 2 * _HAND
    pose = joints[capture][frame]
    world_mm = parse_numbers(pose["world_coord"], "world_coord", count, 3)
    camera, points_mm = _in_camera(cameras[capture], row, world_mm)
    visible = np.minimum(1, parse_numbers(row.annotation["joint_valid"], "joint_valid", count))
    visible[:_HAND] *= visible[_HAND - 1]  # a hand without its root is not used
    visible[_HAND:] *= visible[-1]
    valid_3d = parse_numbers(pose["joint_valid"], "joint_valid of joint_3d", count) * visible > 0
    depth = points_mm[:, 2:] + _TINY_MM
    if not (depth[visible > 0] > 0).all():
        raise InputError(f"{row.ref}: a keypoint that is labelled lies behind the camera")
    with np.errstate(all="ignore"):  # of keypoints that are not labelled
        points = points_mm[:, :2] / depth * [camera.fx, camera.fy] + [camera.cx, camera.cy]
    labels = Labels(
        box_xyxy=box_from_xywh(row.annotation["bbox"]),
        points=points,
        visible=visible,
        points_camera_m=np.where(valid_3d[:, None], points_mm * M_PER_MM, np.nan),
    )
    return build_record(row, labels, box_kind="hands", labelled=int(visible.sum()), camera=camera)


def _in_camera(
    cameras: Mapping[str, Mapping[str, list[float]]], row: CocoRow, world_mm: FloatArray
) -> tuple[Camera, FloatArray]:
    """Camera of the image, and the points in camera space, mm."""
    number = str(row.image["camera"])
    fx, fy = parse_numbers(cameras["focal"][number], "focal", 2).tolist()
    cx, cy = parse_numbers(cameras["princpt"][number], "princpt", 2).tolist()
    rotation = parse_numbers(cameras["camrot"][number], "camrot", 3, 3)
    position = parse_numbers(cameras["campos"][number], "campos", 3)
    width, height = row.size_wh
    camera = Camera(fx=fx, fy=fy, cx=cx, cy=cy, width=width, height=height)
    return camera, (world_mm - position) @ rotation.T
