"""Readers of crops with their labels in one `labels.npz`: LSP Extended, and faces.

The files hold plain arrays, one row per image. LSP Extended (Johnson and Everingham, CVPR 2011) has
14 joints by hand and, where `teacher` is finite, the 133 keypoints of another model: pseudo-labels,
which have a smaller weight in training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from rtmpose3d.data.candidates import (
    NO_KEYPOINTS,
    AnnotationFile,
    AnnotationRef,
    BuildResult,
    Candidate,
    Labels,
    ReadOptions,
    Skipped,
    make_record,
)
from rtmpose3d.data.maps.body_maps import COCO_WHOLEBODY, LSP
from rtmpose3d.errors import InputError
from rtmpose3d.skeletons import NUM_KEYPOINTS, PART_INDICES
from rtmpose3d.structures import FloatArray
from rtmpose3d.untrusted import read_arrays

PSEUDO_LABEL_WEIGHT = 0.5  # of the teacher's keypoints, times its score where it gives one
_BODY_AND_FEET = PART_INDICES["body_with_feet"]  # the teacher scores these only
_MIN_TEACHER_WEIGHT = 0.05  # pseudo-labels below this are skipped
_BOX_MARGIN = 0.05  # of the longer side, on every side: joints are not the outline of a person
_MIN_JOINTS = 4
_FACE_POINTS = 68
_LSP_JOINTS = len(LSP)


def read_lspet(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reads LSP Extended: hand labels with weight 1, a teacher's keypoints elsewhere.

    The box encloses the joints (head top and neck included) and the teacher's body and feet.

    Raises:
        InputError: the file is missing or broken.
    """
    arrays = _read_arrays(file.path, {"joints": (_LSP_JOINTS, 3), "teacher": (NUM_KEYPOINTS, 3)})
    yield from _candidates(file, options, arrays, _build_lspet)


def read_face_arrays(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reads faces with the 68 points of 300-W; the box encloses the points.

    Keypoints of an array `teacher`, as in LSP Extended, are labels of the other parts.

    Raises:
        InputError: the file is missing or broken.
    """
    shapes = {"landmarks": (_FACE_POINTS, 2)}
    arrays = _read_arrays(file.path, shapes, {"teacher": (NUM_KEYPOINTS, 3)})
    yield from _candidates(file, options, arrays, _build_face)


_Arrays = Mapping[str, np.ndarray]
_Build = Callable[[AnnotationRef, _Arrays, int], BuildResult]


_Shapes = Mapping[str, tuple[int, int]]


def _read_arrays(path: Path, shapes: _Shapes, optional: _Shapes = MappingProxyType({})) -> _Arrays:
    arrays = read_arrays(path, "names", *shapes, what="annotation file", advice="check the folder")
    if arrays["names"].ndim != 1:
        raise InputError(f"{path}: names must be a list, got shape {arrays['names'].shape}")
    there = {name: shape for name, shape in optional.items() if name in arrays}
    for name, shape in {**shapes, **there}.items():
        expected = (len(arrays["names"]), *shape)
        if arrays[name].shape != expected or arrays[name].dtype.kind != "f":
            raise InputError(
                f"{path}: {name} must be numbers of shape {expected}, got {arrays[name].shape} of "
                f"{arrays[name].dtype}"
            )
    return arrays


def _candidates(
    file: AnnotationFile,
    options: ReadOptions,
    arrays: _Arrays,
    build: _Build,
) -> Iterator[Candidate]:
    for index in range(0, len(arrays["names"]), options.every):
        ref = AnnotationRef(file=file, index=index, annotation_id=index)
        yield Candidate(ref=ref, build=partial(build, ref, arrays, index))


def _build_lspet(ref: AnnotationRef, arrays: _Arrays, index: int) -> BuildResult:
    joints = arrays["joints"][index].astype(np.float64)
    by_hand = joints[:, 2] > 0
    if by_hand.sum() < _MIN_JOINTS:
        return Skipped(reason=NO_KEYPOINTS)
    points, labelled = LSP.to_wholebody(joints[:, :2]), LSP.to_wholebody(joints[:, 2]) > 0
    teacher = arrays["teacher"][index].astype(np.float64)
    weight = _teacher_weight(teacher)
    pseudo = ~labelled & (weight >= _MIN_TEACHER_WEIGHT)
    points[pseudo] = teacher[pseudo, :2]
    body = np.isin(np.arange(NUM_KEYPOINTS), _BODY_AND_FEET)
    enclosed = np.concatenate([joints[by_hand, :2], points[pseudo & body]])
    labels = Labels(
        box_xyxy=_box_around(enclosed, _BOX_MARGIN),
        points=points,
        visible=(labelled | pseudo).astype(np.float32),
        weight=np.where(pseudo, weight, 1.0),
    )
    return make_record(ref, labels, _image(ref, arrays, index))


def _teacher_weight(teacher: FloatArray) -> FloatArray:
    """(133,) weights of the teacher's keypoints, 0 where it has none."""
    weight = np.full(NUM_KEYPOINTS, PSEUDO_LABEL_WEIGHT)
    weight[_BODY_AND_FEET] *= np.nan_to_num(teacher[_BODY_AND_FEET, 2]).clip(0, 1)
    return np.where(np.isfinite(teacher[:, :2]).all(axis=1), weight, 0.0)


def _build_face(ref: AnnotationRef, arrays: _Arrays, index: int) -> BuildResult:
    points = arrays["landmarks"][index].astype(np.float64)
    box, image = _box_around(points, 0.0), _image(ref, arrays, index)
    if "teacher" not in arrays:
        labels = Labels(box_xyxy=box, points=points, visible=np.ones(_FACE_POINTS))
        return make_record(ref, labels, image, box_kind="face")
    teacher = arrays["teacher"][index].astype(np.float64)
    weight = _teacher_weight(teacher)
    weight[PART_INDICES["face"]] = 1.0
    visible = weight >= _MIN_TEACHER_WEIGHT
    everywhere = np.where(visible[:, None], teacher[:, :2], 0.0)
    everywhere[PART_INDICES["face"]] = points
    labels = Labels(
        box_xyxy=box,
        points=everywhere,
        visible=visible.astype(np.float32),
        weight=np.where(visible, weight, 1.0),
    )
    return make_record(ref, labels, image, keypoint_map=COCO_WHOLEBODY, box_kind="face")


def _box_around(points: FloatArray, margin: float) -> FloatArray:
    low, high = points.min(axis=0), points.max(axis=0)
    room = margin * (high - low).max()
    return np.concatenate([low - room, high + room])


def _image(ref: AnnotationRef, arrays: _Arrays, index: int) -> Path:
    return ref.file.images / str(arrays["names"][index])
