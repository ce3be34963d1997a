"""From the options of `predict` to a function that computes poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rtmpose3d.cli.outputs import Source
from rtmpose3d.cli.parsing import BoxesOfImages, boxes_for, parse_boxes, parse_intrinsics
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.geometry.axes import AXES, Axes
from rtmpose3d.geometry.camera import Camera
from rtmpose3d.structures import Image, PoseResult
from rtmpose3d.zoo import resolve_detector, resolve_pose

if TYPE_CHECKING:
    from rtmpose3d import RTMPose3D


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked of the model, as typed; `check` finds what cannot work.

    Attributes:
        model, det, device, backend: names; `det` may be a detector's checkpoint file.
        pose_checkpoint, detector_checkpoint, cache_dir: files and folder of weights.
        bbox_thr: least score of a detected person.
        single_person: only the most prominent one.
        boxes: as `parse_boxes` takes it; no detector is used then.
        axes: frame of the 3D keypoints.
        fov_deg: field of view over the longer side, degrees.
        intrinsics: as `parse_intrinsics` takes it.
        height_m, root_depth_m: what is known of the person, metres.
    """

    model: str
    det: str
    device: str
    backend: str
    pose_checkpoint: Path | None
    detector_checkpoint: Path | None
    cache_dir: Path | None
    bbox_thr: float
    single_person: bool
    boxes: str | None
    axes: str
    fov_deg: float | None
    intrinsics: str | None
    height_m: float | None
    root_depth_m: float | None
