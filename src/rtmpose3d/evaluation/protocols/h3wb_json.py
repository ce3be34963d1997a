"""H3WB's own JSON files: 3D keypoints by sample, as its leaderboard takes and compares them.

A file is an object {sample: {"keypoints_3d": {"0": {"x", "y", "z"}, ..., "132": ...}}} in
millimetres (Zhu et al., ICCV 2023).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.coco_annotations import number, read_json
from rtmpose3d.evaluation.matching import ComparedPeople
from rtmpose3d.structures import FloatArray
from rtmpose3d.structures.atomic import atomic_write

MM = 1e-3
DECIMALS = 3  # of a millimetre
KEYPOINTS = 133


def read_h3wb_json(path: Path) -> dict[str, FloatArray]:
    """(133, 3) metres by sample, in the file's order.

    Raises:
        InputError: the file is no such JSON; the message names sample and keypoint.
    """
    document = read_json(path)
    if not isinstance(document, dict) or not document:
        raise InputError(f"{path} must hold an object of samples that is not empty")
    return {name: _points(sample, f"{path}, sample {name!r}") for name, sample in document.items()}


def _points(sample: object, where: str) -> FloatArray:
    points = sample.get("keypoints_3d") if isinstance(sample, dict) else None
    if not isinstance(points, dict) or len(points) != KEYPOINTS:
        raise InputError(f"{where}: 'keypoints_3d' must hold {KEYPOINTS} keypoints, '0' to '132'")
    rows = []
    for index in range(KEYPOINTS):
        place = points.get(str(index))
        if not isinstance(place, dict):
            raise InputError(f"{where}: keypoint '{index}' must be an object with x, y and z")
        rows.append([number(place, axis, f"{where}, keypoint {index}") for axis in "xyz"])
    return np.array(rows) * MM


def write_h3wb_json(path: Path, names: Sequence[str], keypoints_m: FloatArray) -> None:
    """Write poses as the leaderboard takes them, whole or not at all.

    Args:
        path: of the file.
        names: of the N samples.
        keypoints_m: (N, 133, 3) metres.

    Raises:
        OutputError: it cannot be written.
    """
    millimetres = np.round(np.asarray(keypoints_m, np.float64) / MM, DECIMALS)
    document = {
        name: {
            "keypoints_3d": {
                str(i): dict(zip("xyz", place, strict=True)) for i, place in enumerate(points)
            }
        }
        for name, points in zip(names, millimetres.tolist(), strict=True)
    }
    with atomic_write(path, "w") as file:
        json.dump(document, file)


def compare_h3wb(true: Mapping[str, FloatArray], found: Mapping[str, FloatArray]) -> ComparedPeople:
    """Samples beside their poses; nothing is known of images, boxes and pixels.

    Raises:
        InputError: samples without a pose, or poses of no sample.
    """
    missing, unknown = true.keys() - found.keys(), found.keys() - true.keys()
    if missing or unknown:
        what = "has no pose of" if missing else "has a pose of the unknown"
        name = min(missing or unknown)
        raise InputError(
            f"the predictions must have the annotations' samples: the file {what} sample {name!r} "
            f"({len(missing)} missing, {len(unknown)} unknown)"
        )
    count = len(true)
    nowhere = np.zeros((count, KEYPOINTS, 2))
    return ComparedPeople(
        names=tuple(true),
        image_paths=(None,) * count,
        boxes_xyxy=np.tile([0.0, 0.0, 1.0, 1.0], (count, 1)),
        true=nowhere,
        annotated=np.ones((count, KEYPOINTS), bool),
        found=nowhere,
        oks=np.ones(count),
        true_camera=np.stack(list(true.values())),
        found_camera=np.stack([found[name] for name in true]),
    )
