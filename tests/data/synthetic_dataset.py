"""A small synthetic dataset in COCO-WholeBody's layout: three people in two images."""

import copy
import json
from pathlib import Path

import cv2
import numpy as np

SIZES_WH = ((97, 61), (50, 83))
PARTS = {
    "keypoints": 17,
    "foot_kpts": 6,
    "face_kpts": 68,
    "lefthand_kpts": 21,
    "righthand_kpts": 21,
}
CARE = "val"


def flat_points(rng, count, size_wh):
    xy = rng.uniform(2, np.subtract(size_wh, 3), (count, 2)).round(2)
    return np.column_stack([xy, rng.integers(1, 3, count)]).ravel().tolist()


def document(seed=0):
    """Two images, three people: all labelled; the second one is a crowd's, the third has none."""
    rng = np.random.default_rng(seed)
    images = [
        {"id": 7 + i, "file_name": f"{7 + i}.jpg", "width": w, "height": h}
        for i, (w, h) in enumerate(SIZES_WH)
    ]
    annotations = []
    for i, image_id in enumerate((7, 8, 8)):
        size = SIZES_WH[image_id - 7]
        person = {name: flat_points(rng, count, size) for name, count in PARTS.items()}
        person |= {
            "id": 100 + i,
            "image_id": image_id,
            "bbox": [3.5, 4.25, 30.0, 41.5],
            "num_keypoints": 17,
            "area": 612.5,
            "iscrowd": 0,
            "category_id": 1,
            "segmentation": [],
        }
        annotations.append(person)
    return {"images": images, "annotations": annotations, "categories": [{"id": 1}]}


class SyntheticDataset:
    """The folder; `change` rewrites its annotation file."""

    name = "coco-wholebody"
    split = CARE

    def __init__(self, folder: Path):
        self.folder = folder
        self.file = folder / "annotations" / "coco_wholebody_val_v1.0.json"
        self.images = folder / "val2017"
        self.images.mkdir(parents=True)
        self.file.parent.mkdir()
        self.document = document()
        self.write()
        rng = np.random.default_rng(3)
        for image in self.document["images"]:
            pixels = rng.integers(0, 255, (image["height"], image["width"], 3), dtype=np.uint8)
            cv2.imwrite(str(self.images / image["file_name"]), pixels)

    def write(self):
        self.file.write_text(json.dumps(self.document), "utf-8")

    def change(self, index, **fields):
        self.document = copy.deepcopy(self.document)
        self.document["annotations"][index] |= fields
        self.write()
