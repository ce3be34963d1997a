"""The result of one image as plain lists and numbers: the JSON document, version 1.

Numbers are rounded, so that files stay small and readable: pixels to 0.001, metres to 0.00001,
scores to 0.00001; reading a document back gives each number within half of that (3D within all
of it). What is not finite becomes null. `pose_result.schema.json` describes every field.
"""

from __future__ import annotations

import numpy as np

from rtmpose3d.geometry.axes import Axes
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures.arrays import FloatArray
from rtmpose3d.structures.result import PoseResult

FORMAT = "rtmpose3d"
FORMAT_VERSION = 1
PX_DECIMALS = 3
M_DECIMALS = 5
SCORE_DECIMALS = 5


def result_to_dict(result: PoseResult) -> dict[str, object]:
    """The document of one image: see `pose_result.schema.json`.

    Models without 3D have null for camera and axes, and people without the fields of 3D.
    """
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        **meta_of(result),
        "people": [_person(result, i) for i in range(len(result))],
    }


def meta_of(result: PoseResult) -> dict[str, object]:
    """What the document says of the image as a whole, and what its numbers mean."""
    width, height = result.image_size_wh
    units = {"keypoints_2d": "px", "boxes": "px"}
    return {
        "model": result.model,
        "image": {
            "file": result.source.name if result.source else None,
            "width": int(width),
            "height": int(height),
        },
        "camera": _camera(result),
        "axes": result.axes if result.has_3d else None,
        "units": units | ({"keypoints_3d": "m"} if result.has_3d else {}),
        "keypoint_names": list(WHOLEBODY.keypoint_names),
        "parts": {name: [part.start, part.stop] for name, part in WHOLEBODY.parts.items()},
    }


def origin_camera_m(keypoints_camera: FloatArray, axes: Axes) -> FloatArray:
    """Where the origin of a frame lies in camera space.

    Args:
        keypoints_camera: (N, 133, 3) metres, OpenCV camera space.
        axes: the frame.

    Returns:
        (N, 3) metres: the middle of the hips for "root", the camera (0, 0, 0) for all others.
    """
    if axes != "root":
        return np.zeros((len(keypoints_camera), 3), np.float32)
    hips = [WHOLEBODY.index("left_hip"), WHOLEBODY.index("right_hip")]
    return keypoints_camera[:, hips].mean(axis=1)


def rounded(array: FloatArray | float, decimals: int) -> object:
    """Nested lists of rounded numbers; None where a number is not finite."""
    exact = np.asarray(array, np.float64)
    numbers = np.round(exact, decimals) + 0.0  # + 0.0 turns -0.0 into 0.0
    if np.isfinite(numbers).all():
        return numbers.tolist()
    return np.where(np.isfinite(numbers), numbers, None).tolist()  # pyright: ignore[reportCallIssue, reportArgumentType]


def _camera(result: PoseResult) -> dict[str, float] | None:
    camera = result.camera
    if camera is None or not result.has_3d:
        return None
    return {
        "fx": float(camera.fx),
        "fy": float(camera.fy),
        "cx": float(camera.cx),
        "cy": float(camera.cy),
        "width": int(camera.width),
        "height": int(camera.height),
    }


def _person(result: PoseResult, i: int) -> dict[str, object]:
    person: dict[str, object] = {
        "box_xyxy_px": rounded(result.bboxes[i], PX_DECIMALS),
        "box_score": rounded(result.bbox_scores[i], SCORE_DECIMALS),
        "keypoints_2d_px": rounded(result.keypoints_2d[i], PX_DECIMALS),
        "scores": rounded(result.scores[i], SCORE_DECIMALS),
        "confidence": rounded(result.confidence[i], SCORE_DECIMALS),
    }
    if result.keypoints_camera is None:
        return person
    one = result.keypoints_camera[i : i + 1]
    depth, std = result.root_depth_m, result.root_depth_std_m
    sources = result.root_depth_source
    return person | {
        "keypoints_3d_m": rounded(result[i].keypoints_3d[0], M_DECIMALS),
        "origin_camera_m": rounded(origin_camera_m(one, result.axes)[0], M_DECIMALS),
        "root_depth_m": None if depth is None else rounded(depth[i], M_DECIMALS),
        "root_depth_std_m": None if std is None else rounded(std[i], M_DECIMALS),
        "root_depth_source": sources[i] if sources else None,
    }
