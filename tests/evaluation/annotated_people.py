"""Annotated people for tests: records with standing people, and a model that knows the answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from rtmpose3d.data import AnnotatedImage, PoseRecord, group_by_image
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import PoseResult
from rtmpose3d.viz import standing_person

SIZE_WH = (420, 240)
CAMERA = Camera(fx=500, fy=510, cx=210, cy=115, width=SIZE_WH[0], height=SIZE_WH[1])
NO_HANDS = np.arange(133) < 91


def record(folder: Path, number: int, *, dataset: str = "coco-wholebody", **changes) -> PoseRecord:
    """A person 170 px tall, two per image, at x = 100 and x = 300; without hands."""
    path = folder / f"{number // 2}.png"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.full((SIZE_WH[1], SIZE_WH[0], 3), 90, np.uint8)
        pixels[0, 0] = number // 2
        cv2.imwrite(str(path), pixels)
    metres = standing_person()
    front = np.column_stack([metres[:, 0], 1.75 - metres[:, 2]]) * 100
    keypoints = np.add(front, [100 + 200 * (number % 2), 30]).astype(np.float32)
    fields = {
        "image": path,
        "box_xyxy": np.concatenate([keypoints.min(axis=0), keypoints.max(axis=0)]),
        "keypoints_px": keypoints,
        "visible": NO_HANDS.astype(np.float32),
        "source": f"{dataset}: a.json, annotation {number}",
        "licence": "none",
        "keypoints_camera_m": np.column_stack(
            [metres[:, 0], -metres[:, 2], metres[:, 1] + 4]
        ).astype(np.float32),
        "camera": CAMERA,
        "dataset": dataset,
        "image_size_wh": SIZE_WH,
        "annotation_id": 70 + number,
        "image_id": number // 2,
        "area_px2": 9000.0,
        **changes,
    }
    return PoseRecord(**fields)


def group_images(records: Iterable[PoseRecord]) -> list[AnnotatedImage]:
    """The records by image."""
    return group_by_image(records)


@dataclass
class Oracle:
    """A model that returns the ground truth of the people in an image's first pixel.

    Attributes:
        images: annotated images; their first pixel is their index.
        offset_px: error added to x.
        offset_m: error added to depth.
        detects: annotation ids of the people it detects; None: all.
        extra: false detections in every image.
        has_3d: whether its results have 3D.
        calls: keyword arguments of every call.
    """

    images: list[AnnotatedImage]
    offset_px: float = 0.0
    offset_m: float = 0.0
    detects: set[int] | None = None
    extra: list[list[float]] = field(default_factory=list)
    has_3d: bool = True
    calls: list[dict] = field(default_factory=list)

    def __call__(self, images, **arguments):
        self.calls.append({"images": images, **arguments})
        if isinstance(images, list):
            cameras = arguments["camera"]
            return [
                self._result(*item, arguments["bbox_thr"])
                for item in zip(images, arguments["boxes"], cameras, strict=True)
            ]
        return self._result(images, arguments["boxes"], arguments["camera"], arguments["bbox_thr"])

    def _result(self, image, boxes, camera, bbox_thr) -> PoseResult:
        annotated = self.images[int(image[0, 0, 0])]
        if boxes is None:
            people = [
                p
                for p in annotated.people
                if self.detects is None or p.annotation_id in self.detects
            ][::-1]
        else:
            people = [
                next(p for p in annotated.people if np.array_equal(p.box_xyxy, box))
                for box in boxes
            ]
        found = [p.box_xyxy for p in people]
        keypoints = [np.add(p.keypoints_px, [self.offset_px, 0]) for p in people]
        metres = [np.add(_metres(p), [0, 0, self.offset_m]) for p in people]
        for box in self.extra if boxes is None else ():
            found.append(np.array(box, np.float32))
            keypoints.append(np.full((133, 2), 5.0))
            metres.append(np.ones((133, 3)))
        count = len(found)
        return PoseResult(
            keypoints_2d=np.array(keypoints, np.float32).reshape(count, 133, 2),
            scores=np.full((count, 133), 5.0, np.float32),
            confidence=np.full((count, 133), 0.8, np.float32),
            bboxes=np.array(found, np.float32).reshape(count, 4),
            bbox_scores=np.linspace(0.9, 0.8, count).astype(np.float32),
            keypoints_camera=np.array(metres, np.float32).reshape(count, 133, 3)
            if self.has_3d
            else None,
            root_depth_m=np.full(count, 4.0, np.float32) if self.has_3d else None,
            root_depth_std_m=np.zeros(count, np.float32) if self.has_3d else None,
            root_depth_source=("given",) * count if self.has_3d else None,
            camera=camera,
            image_size_wh=(image.shape[1], image.shape[0]),
            image=image,
        )


def _metres(person: PoseRecord) -> np.ndarray:
    known = person.keypoints_camera_m
    return np.ones((133, 3)) if known is None else known
