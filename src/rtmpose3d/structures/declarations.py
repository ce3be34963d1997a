"""Declarations of the per-person fields of `PoseResult`: shape, unit, meaning, names in files."""

from __future__ import annotations

from typing import Literal, get_args

from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures.fields import PersonField

RootDepthSource = Literal["given", "estimated", "assumed"]

_K = len(WHOLEBODY)
KEYPOINTS_3D = PersonField(
    name="keypoints_3d",
    description="x, y, z in metres, in the frame that `axes` names.",
    shape=(_K, 3),
    unit="m",
    only_3d=True,
    json_name="keypoints_3d_m",
    columns=("x_m", "y_m", "z_m"),
    stored=False,
)
ORIGIN_CAMERA_M = PersonField(
    name="origin_camera_m",
    description="Origin of that frame in camera space (x right, y down, z forward), in metres: "
    "0, 0, 0 unless `axes` is root.",
    shape=(3,),
    unit="m",
    only_3d=True,
    key=False,
    json_name="origin_camera_m",
    stored=False,
)
BBOXES = PersonField(
    description="Left, top, right, bottom of the person's box in pixels of the image; "
    "may lie partly outside.",
    shape=(4,),
    unit="px",
    json_name="box_xyxy_px",
)
BBOX_SCORES = PersonField(
    description="Score of the detection, 0 to 1; 1 for a box that was given. Frames of a stream "
    "without detection: of the last one.",
    json_name="box_score",
)
KEYPOINTS_2D = PersonField(
    description="x (right) and y (down) in pixels of the image.",
    shape=(_K, 2),
    unit="px",
    json_name="keypoints_2d_px",
    columns=("x_px", "y_px"),
)
SCORES = PersonField(
    description="Raw score of the network, which may exceed 1 (RTMW models reach "
    "about 10); comparable within one model only.",
    shape=(_K,),
    json_name="scores",
    columns=("score",),
)
CONFIDENCE = PersonField(
    description="Confidence, 0 to 1, comparable between the published models: the "
    "probability that the network itself assigns to the keypoint being there.",
    shape=(_K,),
    minimum=0,
    maximum=1,
    json_name="confidence",
    columns=("confidence",),
)
KEYPOINTS_CAMERA = PersonField(
    description="x, y, z in metres, in camera space (x right, y down, z forward, "
    "camera at the origin).",
    shape=(_K, 3),
    unit="m",
    only_3d=True,
    key=False,
    written_as=(KEYPOINTS_3D, ORIGIN_CAMERA_M),
)
ROOT_DEPTH_M = PersonField(
    description="Distance of the root (the middle of the hips) along the optical axis, in metres.",
    unit="m",
    only_3d=True,
    json_name="root_depth_m",
)
ROOT_DEPTH_STD_M = PersonField(
    description="Standard deviation of the root's depth in metres, with the camera "
    "taken as exact; 0 if the depth was given; null if nothing is known of it.",
    unit="m",
    only_3d=True,
    json_name="root_depth_std_m",
)
ROOT_DEPTH_SOURCE = PersonField(
    description="Origin of the root's depth: given by the caller, estimated from the "
    "lengths of bones, or assumed.",
    type="choice",
    choices=get_args(RootDepthSource),
    only_3d=True,
    key=False,
    json_name="root_depth_source",
)
TRACK_IDS = PersonField(
    description="Identifier of the person throughout a stream.",
    type="integer",
    optional=True,
    json_name="track_id",
    columns=("track_id",),
)
KEYPOINTS_2D_STD = PersonField(
    description="Standard deviations of x and y in pixels of the image, from the network's "
    "distributions; null if nothing is known of a keypoint.",
    shape=(_K, 2),
    unit="px",
    optional=True,
    json_name="keypoints_2d_std_px",
    columns=("x_std_px", "y_std_px"),
)
DEPTH_STD_M = PersonField(
    description="Standard deviation of the depth relative to the root in metres, from the "
    "network's distributions; null if nothing is known of a keypoint.",
    shape=(_K,),
    unit="m",
    only_3d=True,
    optional=True,
    json_name="depth_std_m",
    columns=("depth_std_m",),
)
FILLED = PersonField(
    description="1 for a person who was not detected in this frame, whose pose is "
    "interpolated between the frames before and after (offline smoothing); else 0.",
    type="integer",
    minimum=0,
    maximum=1,
    optional=True,
    json_name="filled",
    columns=("filled",),
)
