"""Poses that were found, as COCO-WholeBody's results JSON has them: read, made, written.

A result file is a list with one object a person: `image_id`, `category_id` 1, `score`, and x, y,
score of every keypoint in the fields of the annotations; `foot_score`, `face_score`,
`lefthand_score`, `righthand_score` and `wholebody_score` may stand beside `score` (V1.0).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.coco_annotations import FIELDS, number, points_of, read_json
from rtmpose3d.evaluation.protocols.rescoring import Rescoring
from rtmpose3d.structures import FloatArray
from rtmpose3d.structures.atomic import atomic_write

PX_DECIMALS = 3
PERSON = 1  # category
PART_SCORES = ("foot", "face", "lefthand", "righthand", "wholebody")


@dataclass(frozen=True, kw_only=True, eq=False)
class FoundPeople:
    """The D poses of one image, as they are scored.

    Attributes:
        keypoints: (D, 133, 3) px, px and score; a part whose scores are all 0 or less was not
            found.
        scores: (D,).
        part_scores: (D,) for some of `PART_SCORES`; `scores` counts for the others.
    """

    keypoints: FloatArray
    scores: FloatArray
    part_scores: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.scores)

    def scores_of(self, part: str) -> FloatArray:
        """(D,) scores that count for a part."""
        return self.part_scores.get(part, self.scores)


NOBODY = FoundPeople(keypoints=np.zeros((0, 133, 3)), scores=np.zeros(0), part_scores={})


def scored_people(
    keypoints: FloatArray,
    keypoint_scores: FloatArray,
    box_scores: FloatArray,
    area_px2: FloatArray,
    rescoring: Rescoring,
) -> FoundPeople:
    """What counts of an image's top-down poses.

    Args:
        keypoints: (D, 133, 2) px.
        keypoint_scores: (D, 133), the network's.
        box_scores: (D,).
        area_px2: (D,) of the crops.
        rescoring: how they are scored and thinned out.
    """
    scores = rescoring.scores(box_scores, keypoint_scores)
    keep = rescoring.keep(keypoints, scores, area_px2)
    points = np.concatenate([keypoints, keypoint_scores[..., None]], axis=2).astype(np.float64)
    return FoundPeople(keypoints=points[keep], scores=scores[keep], part_scores={})


def read_results(path: Path, image_ids: Iterable[int]) -> dict[int, FoundPeople]:
    """The poses of a results file, by image.

    Args:
        path: JSON in the official format.
        image_ids: those of the annotations.

    Raises:
        InputError: the file is no such JSON, or a result is broken or of an unknown image.
    """
    document = read_json(path)
    if not isinstance(document, list):
        raise InputError(f"{path} must hold a list of results, got a {type(document).__name__}")
    known = set(image_ids)
    rows: dict[int, list[tuple[FloatArray, dict[str, float]]]] = {}
    for index, row in enumerate(document):
        where = f"{path}, result {index}"
        if not isinstance(row, dict):
            raise InputError(f"{where}: expected an object, got {row!r:.40}")
        if row.get("image_id") not in known:
            raise InputError(f"{where}: no annotated image has the id {row.get('image_id')!r}")
        if row.get("category_id", PERSON) != PERSON:
            continue
        names = ["score", *(f"{part}_score" for part in PART_SCORES if f"{part}_score" in row)]
        scores = {key: number(row, key, where) for key in names}
        rows.setdefault(row["image_id"], []).append((points_of(row, where), scores))
    return {image_id: _together(people) for image_id, people in rows.items()}


def _together(people: Sequence[tuple[FloatArray, Mapping[str, float]]]) -> FoundPeople:
    scores = np.array([row["score"] for _, row in people])
    return FoundPeople(
        keypoints=np.stack([points for points, _ in people]),
        scores=scores,
        part_scores={
            part: np.array([row.get(f"{part}_score", row["score"]) for _, row in people])
            for part in PART_SCORES
            if any(f"{part}_score" in row for _, row in people)
        },
    )


def results_document(found: Mapping[int, FoundPeople]) -> list[dict[str, object]]:
    """The poses in the official format, images by rising id."""
    return [
        _row(image_id, found[image_id], i)
        for image_id in sorted(found)
        for i in range(len(found[image_id]))
    ]


def _row(image_id: int, people: FoundPeople, i: int) -> dict[str, object]:
    points = np.round(people.keypoints[i], PX_DECIMALS) + 0.0
    points[:, 2] = people.keypoints[i, :, 2]
    fields = {key: points[places].ravel().tolist() for key, places in FIELDS.items()}
    parts = {f"{part}_score": float(scores[i]) for part, scores in people.part_scores.items()}
    return {
        "image_id": image_id,
        "category_id": PERSON,
        "score": float(people.scores[i]),
        **fields,
        **parts,
    }


def write_results(path: Path, found: Mapping[int, FoundPeople]) -> None:
    """Write the poses in the official format, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic_write(path, "w") as file:
        json.dump(results_document(found), file)
