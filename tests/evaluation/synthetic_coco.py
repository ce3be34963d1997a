"""Synthetic COCO-WholeBody annotations and results, the same on every machine.

Crowds, people without some parts or without any keypoint, sizes from tiny to large, missed and
duplicate people, equal scores, parts with scores of 0, an image with more than 20 detections, one
without people and one without detections.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FIELDS = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21}
FIELDS["righthand_kpts"] = 21
PARTS = ("foot", "face", "lefthand", "righthand", "wholebody")
WIDTH, HEIGHT = 640, 425


def synthetic_annotations(count: int = 24) -> dict[str, Any]:
    """The annotation file, as `json.load` gives it."""
    rng = np.random.RandomState(7)
    images, annotations = [], []
    for number in range(count):
        image_id = 1000 - 7 * number  # not in the order of the file
        name = f"{image_id:06d}.jpg"
        images.append({"id": image_id, "file_name": name, "width": WIDTH, "height": HEIGHT})
        people = 0 if number == 3 else 1 + number % 4
        annotations += [_annotation(rng, image_id, 10 * image_id + i) for i in range(people)]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1}]}


def _annotation(rng: np.random.RandomState, image_id: int, number: int) -> dict[str, Any]:
    height = float(np.round(10 ** rng.uniform(1.2, 2.6), 2))
    width = round(height * float(rng.uniform(0.3, 0.9)), 2)
    left, top = rng.uniform(0, WIDTH - 20), rng.uniform(0, HEIGHT - 20)
    row: dict[str, Any] = {
        "id": number,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": int(rng.uniform() < 0.1),
        "bbox": [round(left, 2), round(top, 2), width, height],
        "area": round(width * height * float(rng.uniform(0.3, 0.8)), 3),
    }
    unlabelled = rng.uniform() < 0.1
    for field, count in FIELDS.items():
        positions = rng.uniform(0, 1, (count, 2)) * [width, height] + [left, top]
        labelled = (rng.uniform(size=count) < 0.8) & (field == "keypoints" or rng.uniform() < 0.6)
        flags = np.where(labelled & ~np.array(unlabelled), rng.randint(1, 3, count), 0)
        points = np.where(flags[:, None] > 0, positions, 0)
        row[field] = np.column_stack([points.round(2), flags]).ravel().tolist()
    body = np.array(row["keypoints"])[2::3]
    row["num_keypoints"] = int((body > 0).sum())
    return row


def synthetic_results(document: dict[str, Any], *, part_scores: bool) -> list[dict[str, Any]]:
    """Results for the annotations: most people detected, with various accuracy."""
    rng = np.random.RandomState(11)
    results = []
    for annotation in document["annotations"]:
        count = rng.randint(0, 4)
        results += [_result(rng, annotation, part_scores) for _ in range(count)]
    many = document["annotations"][0]
    results += [_result(rng, many, part_scores) for _ in range(25)]
    undetected = document["images"][5]["id"]
    return [row for row in results if row["image_id"] != undetected]


def _result(rng: np.random.RandomState, annotation: dict[str, Any], parts: bool) -> dict[str, Any]:
    accuracy = 10 ** rng.uniform(-2.5, -0.8) * np.sqrt(annotation["area"])
    row: dict[str, Any] = {"image_id": annotation["image_id"], "category_id": 1}
    for field, count in FIELDS.items():
        truth = np.array(annotation[field]).reshape(-1, 3)[:, :2]
        positions = truth + rng.normal(size=(count, 2)) * accuracy
        scores = rng.uniform(0.1, 1, count) * (rng.uniform() > 0.05)
        row[field] = np.column_stack([positions.round(2), scores.round(3)]).ravel().tolist()
    row["score"] = round(float(rng.uniform()), 1)  # one decimal: many are equal
    if parts:
        row |= {f"{part}_score": round(float(rng.uniform()), 1) for part in PARTS}
    return row
