"""From image points and relative depths to camera space: first root depths, then keypoints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera, camera_from_relative, solve_root_depth
from rtmpose3d.geometry.root_depth import PUBLISHED_ACCURACY, KeypointAccuracy
from rtmpose3d.structures import FloatArray, RootDepthSource


@dataclass(frozen=True, kw_only=True)
class Lifted:
    """N people in camera space.

    Attributes:
        keypoints_camera: (N, K, 3) float32, metres, OpenCV camera space.
        root_depth_m, root_depth_std_m: (N,) float32, metres.
        root_depth_source: per person, where the root depth comes from.
    """

    keypoints_camera: FloatArray
    root_depth_m: FloatArray
    root_depth_std_m: FloatArray
    root_depth_source: tuple[RootDepthSource, ...]


def lift_people(
    keypoints_2d: FloatArray,
    depth_m: FloatArray,
    confidence: FloatArray,
    camera: Camera,
    *,
    root_depth_m: float | FloatArray | None = None,
    height_m: float | FloatArray | None = None,
    accuracy: KeypointAccuracy = PUBLISHED_ACCURACY,
    boxes_xyxy: FloatArray | None = None,
) -> Lifted:
    """Lift N people to camera space.

    Args:
        keypoints_2d: (N, K, 2) pixels of the image.
        depth_m: (N, K) metres, relative to the root.
        confidence: (N, K) in [0, 1].
        camera: of the image.
        root_depth_m: the roots' depths, if known: one for all, or (N,).
        height_m: the people's statures, if known: one for all, or (N,).
        accuracy: of the model's keypoints.
        boxes_xyxy: (N, 4) px, of the visible part of each person, if known.

    Raises:
        InputError: root_depth_m or height_m is not positive, or of another length than N.
    """
    people = len(keypoints_2d)
    heights = None if height_m is None else expand_per_person("height_m", height_m, people)
    source: tuple[RootDepthSource, ...]
    if root_depth_m is not None:
        depth = expand_per_person("root_depth_m", root_depth_m, people)
        std = np.zeros_like(depth)
        source = ("given",) * people
    else:
        solved = solve_root_depth(
            *(keypoints_2d, depth_m, confidence, camera),
            height_m=heights,
            accuracy=accuracy,
            boxes_xyxy=boxes_xyxy,
        )
        depth, std, source = solved.depth_m, solved.std_m, solved.source
    points = camera_from_relative(keypoints_2d, depth_m, depth, camera)
    return Lifted(
        keypoints_camera=points.astype(np.float32),
        root_depth_m=depth.astype(np.float32),
        root_depth_std_m=std.astype(np.float32),
        root_depth_source=source,
    )


def expand_per_person(name: str, value: float | FloatArray, people: int) -> FloatArray:
    """A positive number for each of N people, from one for all or from N.

    Raises:
        InputError: not a positive finite number, or another count.
    """
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be metres, got {value!r}") from None
    if array.shape not in ((), (1,), (people,)):
        raise InputError(
            f"{name} must be one number or one per person ({people} here), got shape {array.shape}"
        )
    if not (np.isfinite(array).all() and (array > 0).all()):
        raise InputError(f"{name} must be positive and finite metres, got {value!r}")
    return np.broadcast_to(array, (people,)).copy()
