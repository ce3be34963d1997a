"""A small COCO-WholeBody in files, with random images and labels."""

import json

import cv2
import numpy as np


def write_coco_wholebody(folder, images=2, annotated=2):
    """Write both splits; images beyond `images` are annotated and missing. Returns the folder."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        own = folder / "coco" / f"{split}2017"
        own.mkdir(parents=True)
        for i in range(1, images + 1):
            cv2.imwrite(str(own / f"{i:012d}.jpg"), rng.integers(0, 255, (90, 120, 3)))
        path = folder / "coco" / "annotations" / f"coco_wholebody_{split}_v1.0.json"
        write_labels(path, rng, range(1, annotated + 1))
    return folder


def write_labels(path, rng, numbers):
    images = [{"id": i, "file_name": f"{i:012d}.jpg", "width": 120, "height": 90} for i in numbers]
    annotations = []
    for i in numbers:
        points = {
            name: np.concatenate([rng.uniform(10, 80, (count, 2)), np.full((count, 1), 2)], axis=1)
            for name, count in (
                *(("keypoints", 17), ("foot_kpts", 6), ("face_kpts", 68)),
                *(("lefthand_kpts", 21), ("righthand_kpts", 21)),
            )
        }
        annotations.append(
            {
                **{name: values.reshape(-1).tolist() for name, values in points.items()},
                **{f"{part}_valid": True for part in ("face", "lefthand", "righthand", "foot")},
                **{"id": i, "image_id": i, "category_id": 1, "iscrowd": 0, "num_keypoints": 17},
                "bbox": [5, 5, 80, 80],
                "area": 3000,
            }
        )
    path.parent.mkdir(exist_ok=True)
    labels = {"images": images, "annotations": annotations}
    path.write_text(json.dumps({**labels, "categories": [{"id": 1, "name": "person"}]}))
