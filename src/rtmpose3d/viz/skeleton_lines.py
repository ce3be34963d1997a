"""Lines and points of a drawn skeleton, in 2D and 3D: their ends, colours and groups.

They are the bones of `WHOLEBODY` without the two lines from ear to shoulder; a neck is drawn
instead, from the middle of the shoulders towards the middle of the head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.skeletons import HIPS, WHOLEBODY
from rtmpose3d.structures.arrays import BoolArray, FloatArray, IntArray
from rtmpose3d.viz.palette import BONE_RGB, KEYPOINT_RGB, MIDDLE

Group = Literal["trunk", "feet", "legs", "head", "face", "arms", "left_hand", "right_hand"]
GROUPS: tuple[Group, ...] = get_args(Group)
"""In the order of drawing: later groups are on top."""

NOSE, LEFT_EAR, RIGHT_EAR = 0, 3, 4
LEFT_SHOULDER, RIGHT_SHOULDER = 5, 6
NECK_BASE, NECK_TOP = 133, 134  # two points that `add_neck` adds
_NECK = 0.55  # length of the neck, times the distance from the shoulders to the middle of the head
_HEAD, _ARMS = range(0, 5), range(5, 11)


def _group(index: int) -> Group:
    if index in (NECK_BASE, NECK_TOP):
        return "trunk"
    part = WHOLEBODY.part_of_keypoint[index]
    if part != "body":
        return part
    if index in _HEAD:
        return "head"
    return "arms" if index in _ARMS else "legs"


def _line_group(a: int, b: int) -> Group:
    """The group of a line: that of its ends; lines between arms and legs belong to the trunk."""
    ends: set[Group] = {_group(a), _group(b)}
    if {a, b} == {LEFT_SHOULDER, RIGHT_SHOULDER} or {a, b} == set(HIPS):
        return "trunk"
    if "feet" in ends:
        return "feet"
    return ends.pop() if len(ends) == 1 else "trunk"


@dataclass(frozen=True, kw_only=True, eq=False)
class Links:
    """The L lines and 135 points of a drawn skeleton.

    Attributes:
        ends: (L, 2) int64, indices into the points of `add_neck`.
        rgb: (L, 3) uint8.
        group: the group of each line.
        point_rgb: (135, 3) uint8.
        point_group: the group of each point.
        spots: the keypoints of each group.
    """

    ends: IntArray
    rgb: NDArray[np.uint8]
    group: NDArray[np.str_]
    point_rgb: NDArray[np.uint8]
    point_group: NDArray[np.str_]
    spots: Mapping[Group, IntArray]


def _links() -> Links:
    shoulders_ears = ({LEFT_EAR, LEFT_SHOULDER}, {RIGHT_EAR, RIGHT_SHOULDER})
    bones = WHOLEBODY.bones.tolist()
    kept = [i for i, bone in enumerate(bones) if set(bone) not in shoulders_ears]
    ends = [*(bones[i] for i in kept), [NECK_BASE, NECK_TOP]]
    group = [_line_group(a, b) for a, b in ends]
    points = range(NECK_TOP + 1)
    middle = np.array([MIDDLE, MIDDLE], np.uint8)
    return Links(
        ends=np.array(ends, np.int64),
        rgb=np.concatenate([BONE_RGB[kept], middle[:1]]),
        group=np.array(group),
        point_rgb=np.concatenate([KEYPOINT_RGB, middle]),
        point_group=np.array([_group(i) for i in points]),
        spots={
            group: np.array([i for i in range(len(WHOLEBODY)) if _group(i) == group], np.int64)
            for group in GROUPS
        },
    )


LINKS = _links()


def add_neck(points: FloatArray, confidence: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Add the two ends of the neck to the keypoints of one person.

    Args:
        points: (133, D), px or metres.
        confidence: (133,).

    Returns:
        (135, D) float64 and (135,) float64; an added point has the minimum confidence
        of the keypoints that it comes from.
    """
    points, confidence = np.asarray(points, float), np.asarray(confidence, float)
    points = np.where(np.isfinite(points), points, np.nan)
    ears, shoulders = [LEFT_EAR, RIGHT_EAR], [LEFT_SHOULDER, RIGHT_SHOULDER]
    head = ears if confidence[ears].min() >= confidence[NOSE] / 2 else [NOSE]
    base, middle = points[shoulders].mean(axis=0), points[head].mean(axis=0)
    added = np.stack([base, base + _NECK * (middle - base)])
    confidences = [confidence[shoulders].min(), confidence[head].min()]
    return np.concatenate([points, added]), np.concatenate([confidence, confidences])


def drawable(points: FloatArray, confidence: FloatArray, confidence_thr: float) -> BoolArray:
    """Selects the points that can be drawn: finite, and confident enough.

    Args:
        points: (P, D), px or metres.
        confidence: (P,).
        confidence_thr: minimum confidence; 0 still excludes points without any confidence.

    Returns:
        (P,) bool.
    """
    finite = np.isfinite(points).all(axis=1) & np.isfinite(confidence)
    return finite & (confidence >= confidence_thr) & (confidence > 0)


def opacity(confidence: FloatArray, confidence_thr: float) -> FloatArray:
    """Opacity for each confidence, from 0.45 at the threshold to 1; same shape."""
    share = (np.asarray(confidence, float) - confidence_thr) / max(1 - confidence_thr, 1e-6)
    return 0.45 + 0.55 * np.sqrt(np.clip(share, 0, 1))
