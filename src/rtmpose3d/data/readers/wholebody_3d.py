"""Readers of 3D whole-body datasets: H3WB, UBody3D."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TypedDict, cast

import numpy as np

from rtmpose3d.data.candidates import (
    AnnotationFile,
    AnnotationRef,
    BuildResult,
    Candidate,
    Labels,
    ReadOptions,
    box_from_xywh,
    make_record,
    parse_numbers,
)
from rtmpose3d.data.maps.body_maps import COCO_WHOLEBODY, UBODY3D_LAST_133
from rtmpose3d.data.maps.keypoint_map import KeypointMap
from rtmpose3d.data.readers.array_files import read_pickled_npz
from rtmpose3d.data.readers.coco_document import image_path
from rtmpose3d.data.readers.coco_files import CocoRow, coco_candidates, skip_reason
from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.geometry.units import M_PER_MM
from rtmpose3d.skeletons import NUM_KEYPOINTS
from rtmpose3d.structures import FloatArray

H36M_CAMERAS = {  # in the reference's order: width and height (Human3.6M's metadata)
    "54138969": (1000, 1002),
    "55011271": (1000, 1000),
    "58860488": (1000, 1000),
    "60457274": (1000, 1002),
}
_H36M_PX = 1000.0  # H3WB's intrinsics are in units of this
H3WB_TRAIN, H3WB_VAL = ("S1", "S5", "S6"), ("S7",)  # mmpose, H36MWholeBodyDataset


class _View(TypedDict):
    pose_2d: FloatArray
    camera_3d: FloatArray


class _Frames(TypedDict):
    subject: str
    action: str
    camera: str
    frame_ids: FloatArray
    view: _View
    intrinsics: FloatArray
    boxes: Mapping[object, Mapping[str, float]]


def read_h3wb(
    file: AnnotationFile, options: ReadOptions, *, subjects: tuple[str, ...] = H3WB_TRAIN
) -> Iterator[Candidate]:
    """Reads H3WB as mmpose distributes it (h3wb_train_bbox.npz).

    The 3D is in camera space; Human3.6M's lens distortion is in the 2D points and not in the
    record's camera.

    Raises:
        InputError: the file is broken, or lacks an entry.
    """
    content = read_pickled_npz(file.path)
    missing = [name for name in ("train_data", "metadata", "bbox") if name not in content]
    if missing:
        raise InputError(
            f"{file.path} has no entry {missing[0]!r}; expected the file with boxes "
            "(h3wb_train_bbox.npz)"
        )
    index = 0
    for frames in _h3wb_views(file, content, subjects):
        for number in range(len(frames["frame_ids"])):
            if number % options.every == 0:
                ref = AnnotationRef(file=file, index=index, annotation_id=index)
                build = partial(_build_h3wb, ref, frames, number)
                yield Candidate(ref=ref, build=build)
            index += 1
    if not index:
        raise InputError(f"{file.path} is empty: it holds no frames of {', '.join(subjects)}")


def _h3wb_views(
    file: AnnotationFile, content: Mapping[str, object], subjects: tuple[str, ...]
) -> Iterator[_Frames]:
    """Frames of every subject, action and camera."""
    data = cast("Mapping[str, Mapping[str, Mapping[str, _View]]]", content["train_data"])
    cameras = cast("Mapping[str, Mapping[str, Mapping[str, FloatArray]]]", content["metadata"])
    try:
        for subject in (name for name in subjects if name in data):
            for action, views in data[subject].items():
                for camera in (name for name in H36M_CAMERAS if name in views):
                    yield _Frames(
                        subject=subject,
                        action=action,
                        camera=camera,
                        frame_ids=np.ravel(cast("FloatArray", views["frame_id"])),
                        view=views[camera],
                        intrinsics=cameras[subject][camera]["K"],
                        boxes=cast("Mapping[object, Mapping[str, float]]", content["bbox"]),
                    )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file.path} is broken: {error!r}; download it again") from error


def _build_h3wb(ref: AnnotationRef, frames: _Frames, number: int) -> BuildResult:
    subject, action, name = frames["subject"], frames["action"], frames["camera"]
    frame = int(frames["frame_ids"][number])
    if (subject, action, name, frame) not in frames["boxes"]:
        raise InputError(f"{ref}: no box of {subject}, {action}, {name}, frame {frame}")
    box = frames["boxes"][subject, action, name, frame]
    view = frames["view"]
    labels = Labels(
        box_xyxy=np.array([float(box[key]) for key in ("x_min", "y_min", "x_max", "y_max")]),
        points=parse_numbers(view["pose_2d"][number], "pose_2d", NUM_KEYPOINTS, 2),
        visible=np.ones(NUM_KEYPOINTS),
        points_camera_m=parse_numbers(view["camera_3d"][number], "camera_3d", NUM_KEYPOINTS, 3)
        * M_PER_MM,
    )
    matrix = parse_numbers(np.ravel(frames["intrinsics"])[:6], "intrinsics K", 2, 3) * _H36M_PX
    size = H36M_CAMERAS[name]
    camera = Camera(
        fx=matrix[0, 0],
        fy=matrix[1, 1],
        cx=matrix[0, 2],
        cy=matrix[1, 2],
        width=size[0],
        height=size[1],
    )
    folder = ref.file.images / subject / "Images" / f"{action}.{name}"
    return make_record(
        ref, labels, folder / f"frame_{frame}.jpg", image_size_wh=size, camera=camera
    )


_HEATMAP_DEPTH = 16  # ubody_smplx_to_coco.py: output_hm_shape[0] over body_3d_size of 2 m


def read_ubody3d(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reads UBody3D: SMPL-X fits as mmpose's ubody_smplx_to_coco.py writes them.

    137 keypoints, or the last 133 of them. Depths are metres behind the pelvis; x and y in
    metres are not in the file (nan). Keypoints that lie outside the image, where only the fit
    puts them, are not visible. The camera is that of the fit, distant with a long lens; it is
    not the one that took the image.
    """
    return coco_candidates(file, options, _build_ubody3d)


def _build_ubody3d(row: CocoRow) -> BuildResult:
    fields = row.annotation
    points = fields["keypoints"]
    quirks = row.options.reference_quirks
    chosen = COCO_WHOLEBODY if quirks else _ubody_map(row, len(points))
    count = len(chosen)
    xyz = parse_numbers(fields["keypoints_3d"], "keypoints_3d", count, 3)
    labels = Labels(
        box_xyxy=parse_numbers(fields["bbox"], "bbox", 4)
        if quirks
        else box_from_xywh(fields["bbox"]),
        points=parse_numbers(points, "keypoints", count, 2),
        visible=parse_numbers(fields["keypoints_valid"], "keypoints_valid", count),
        points_camera_m=xyz if quirks else None,
    )
    skipped = skip_reason(row, labels, None)
    if skipped is not None:
        return skipped
    if not quirks:
        labels = _checked_ubody(row, labels, chosen, xyz)
    return make_record(
        row.ref,
        labels,
        image_path(row.ref.file.images, row.image["file_name"]),
        keypoint_map=chosen,
        image_size_wh=row.size_wh,
        camera=_ubody_camera(row),
    )


def _ubody_camera(row: CocoRow) -> Camera:
    entry = cast("Mapping[str, Mapping[str, list[float]]]", row.annotation)["camera_param"]
    fx, fy = parse_numbers(entry["focal"], "focal", 2).tolist()
    cx, cy = parse_numbers(entry["princpt"], "princpt", 2).tolist()
    width, height = row.size_wh
    return Camera(fx=fx, fy=fy, cx=cx, cy=cy, width=width, height=height)


def _ubody_map(row: CocoRow, count: int) -> KeypointMap:
    if count == len(UBODY3D_LAST_133):
        return UBODY3D_LAST_133
    return row.ref.file.keypoint_map


def _checked_ubody(row: CocoRow, labels: Labels, chosen: KeypointMap, xyz: FloatArray) -> Labels:
    """Labels with metric depth; keypoints outside the image are not visible.

    Raises:
        InputError: the keypoints are not in SMPL-X's order, whose eyes come twice.
    """
    names = chosen.names
    for side in ("left", "right"):
        eye, again = (labels.points[names.index(f"{side}_{name}")] for name in ("eye", "eyeball"))
        if not np.allclose(eye, again, atol=0.5):
            raise InputError(f"{row.ref}: its keypoints are not in SMPL-X's order")
    depth = 2 * xyz[:, 2] / _HEATMAP_DEPTH - 1.0  # metres, as body_3d_size / 2 is 1 m
    behind = _roots(chosen, depth)
    relative = np.full((len(chosen), 3), np.nan)
    relative[:, 2] = depth + behind
    outside = ((labels.points < 0) | (labels.points > np.subtract(row.size_wh, 1))).any(axis=1)
    valid = np.where(outside, 0, labels.visible) * _parts_valid(row, chosen)
    relative[labels.visible <= 0] = np.nan
    return Labels(
        box_xyxy=labels.box_xyxy,
        points=labels.points,
        visible=valid,
        points_camera_m=relative,
    )


def _roots(chosen: KeypointMap, depth: FloatArray) -> FloatArray:
    """(K,) depth of the root of each keypoint's depth: pelvis, a wrist, or the neck."""
    names = chosen.names
    first_hand = names.index("left_thumb_1")
    first_face = names.index("jaw")
    behind = np.zeros(len(names))
    behind[first_hand : first_hand + 20] = depth[names.index("left_wrist")]
    behind[first_hand + 20 : first_face] = depth[names.index("right_wrist")]
    behind[first_face:] = depth[names.index("neck")]
    return behind


def _parts_valid(row: CocoRow, chosen: KeypointMap) -> FloatArray:
    """(K,) 0 for hands and faces that the file marks as invalid, else 1."""
    flags = cast("Mapping[str, bool]", row.annotation)
    names = chosen.names
    first_hand, first_face = names.index("left_thumb_1"), names.index("jaw")
    valid = np.ones(len(names))
    parts = {
        "lefthand_valid": slice(first_hand, first_hand + 20),
        "righthand_valid": slice(first_hand + 20, first_face),
        "face_valid": slice(first_face, None),
    }
    for flag, part in parts.items():
        if not flags.get(flag, True):
            valid[part] = 0
    return valid
