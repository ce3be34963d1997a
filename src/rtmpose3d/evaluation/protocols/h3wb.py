"""H3WB's official evaluation: six MPJPEs, on its images or on files of its leaderboard.

A leaderboard file is an object {sample: {"keypoints_3d": {"0": {"x", "y", "z"}, ..., "132": ...}}}
in millimetres (Zhu et al., ICCV 2023).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rtmpose3d.data import PoseRecord
from rtmpose3d.data.candidates import read_json
from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.matching import MatchedPeople
from rtmpose3d.evaluation.metrics import metrics_3d, select_poses_3d
from rtmpose3d.evaluation.metrics.metrics_2d import errors_by_part
from rtmpose3d.evaluation.metrics.metrics_3d import PARTS_3D
from rtmpose3d.evaluation.protocols.coco_results import finite_number
from rtmpose3d.evaluation.protocols.dataset import (
    DatasetProtocol,
    cases_3d,
    score_3d,
    score_matches,
)
from rtmpose3d.evaluation.reports import tables
from rtmpose3d.evaluation.reports.histogram import MPJPE_AXIS
from rtmpose3d.evaluation.result import Evaluation
from rtmpose3d.evaluation.running import Predicted, RunOptions
from rtmpose3d.geometry.units import M_PER_MM
from rtmpose3d.skeletons import NUM_KEYPOINTS
from rtmpose3d.structures import FloatArray
from rtmpose3d.structures.atomic import atomic_write

_TITLE = "H3WB"
MM_DECIMALS = 3
_DATASET = DatasetProtocol(title=_TITLE)


class H3wbProtocol:
    """The six metrics of H3WB's official script, and those of any 3D dataset."""

    title = _TITLE

    def counts(self, record: PoseRecord) -> bool:
        """Whether a person counts; see `DatasetProtocol.counts`."""
        return _DATASET.counts(record)

    def score(self, predicted: Predicted, options: RunOptions) -> Evaluation:
        """Scores the results of a model; see `evaluate.Protocol`."""
        matches = _DATASET.match(predicted, detected=options.boxes != "annotated")
        count = len(predicted.images)
        return score_matches(_TITLE, matches, count, first_tables=[_official(matches)])

    def score_files(self, annotations: Path, predictions: Path) -> Evaluation:
        """Scores poses in leaderboard files; nothing is known of images, boxes and cameras.

        Raises:
            InputError: a file that cannot be used, or files of different samples.
        """
        matches = match_samples(read_leaderboard(annotations), read_leaderboard(predictions))
        document, in_tables, errors_m = score_3d(matches)
        assert errors_m is not None
        by_part, _, by_keypoint = in_tables
        case_errors, captions = cases_3d(errors_m)
        return Evaluation(
            title=_TITLE,
            metrics={name: value for name, value in document.items() if name != "root"},
            tables=[_official(matches), by_part, by_keypoint],
            summary=2,
            matches=matches,
            part_errors=errors_by_part(1000 * errors_m, np.isfinite(errors_m), PARTS_3D),
            axis=MPJPE_AXIS,
            case_errors=case_errors,
            case_captions=captions,
            facts={"people": f"{len(matches)} samples"},
        )


def _official(matches: MatchedPeople) -> tables.Table:
    truth, predicted = matches.truth_camera_m, matches.predicted_camera_m
    if truth is None:
        raise InputError("H3WB's metrics need annotations with 3D")
    if predicted is None:
        raise InputError("H3WB's metrics need a model with 3D, such as rtmw3d-l")
    return tables.h3wb_table(metrics_3d(select_poses_3d(predicted, truth, matches.annotated)))


def read_leaderboard(path: Path) -> dict[str, FloatArray]:
    """Reads a leaderboard file: (133, 3) metres by sample, in the file's order.

    Raises:
        InputError: the file is of another format; the message names sample and keypoint.
    """
    document = read_json(path)
    if not isinstance(document, dict) or not document:
        raise InputError(f"{path} must hold an object of samples that is not empty")
    return {name: _points(sample, f"{path}, sample {name!r}") for name, sample in document.items()}


def _points(sample: object, where: str) -> FloatArray:
    points = sample.get("keypoints_3d") if isinstance(sample, dict) else None
    if not isinstance(points, dict) or len(points) != NUM_KEYPOINTS:
        raise InputError(
            f"{where}: 'keypoints_3d' must hold {NUM_KEYPOINTS} keypoints, '0' to '132'"
        )
    rows = []
    for index in range(NUM_KEYPOINTS):
        position = points.get(str(index))
        if not isinstance(position, dict):
            raise InputError(f"{where}: keypoint '{index}' must be an object with x, y and z")
        at = f"{where}, keypoint {index}"
        rows.append([finite_number(position, axis, at) for axis in "xyz"])
    return np.array(rows) * M_PER_MM


def write_leaderboard(path: Path, names: Sequence[str], keypoints_m: FloatArray) -> None:
    """Writes poses in the leaderboard's format, atomically.

    Args:
        path: file to write.
        names: names of the N samples.
        keypoints_m: (N, 133, 3) metres.

    Raises:
        OutputError: it cannot be written.
    """
    millimetres = np.round(np.asarray(keypoints_m, np.float64) / M_PER_MM, MM_DECIMALS)
    document = {
        name: {
            "keypoints_3d": {
                str(i): dict(zip("xyz", point, strict=True)) for i, point in enumerate(points)
            }
        }
        for name, points in zip(names, millimetres.tolist(), strict=True)
    }
    with atomic_write(path, "w") as file:
        json.dump(document, file)


def match_samples(
    truth: Mapping[str, FloatArray], predicted: Mapping[str, FloatArray]
) -> MatchedPeople:
    """Pairs samples by name.

    Raises:
        InputError: samples without a prediction, or predictions of unknown samples.
    """
    missing, unknown = truth.keys() - predicted.keys(), predicted.keys() - truth.keys()
    if missing or unknown:
        what = "has no pose of" if missing else "has a pose of the unknown"
        name = min(missing or unknown)
        raise InputError(
            f"the predictions must have the annotations' samples: the file {what} sample {name!r} "
            f"({len(missing)} missing, {len(unknown)} unknown)"
        )
    count = len(truth)
    no_pixels = np.zeros((count, NUM_KEYPOINTS, 2))
    return MatchedPeople(
        names=tuple(truth),
        datasets=("h3wb",) * count,
        image_paths=(None,) * count,
        boxes_xyxy=np.tile([0.0, 0.0, 1.0, 1.0], (count, 1)),
        area_px2=np.ones(count),
        truth_px=no_pixels,
        annotated=np.ones((count, NUM_KEYPOINTS), bool),
        predicted_px=no_pixels,
        confidence=np.ones((count, NUM_KEYPOINTS)),
        scores=np.ones(count),
        truth_camera_m=np.stack(list(truth.values())),
        predicted_camera_m=np.stack([predicted[name] for name in truth]),
    )
