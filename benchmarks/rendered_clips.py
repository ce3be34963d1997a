"""Rendered clips with known poses and identities, and what a model predicts for them.

    rtmpose3d synth --assets makehuman/ --backdrops photos/ --out clips --split val --seed 5
        --count 600 --frames 60 --fps 30 --size 960x540 --people 1-4

People who walk past each other: `crossing_clips.py`. `predicted_clips` detects people in every
frame of these, with the camera of the clip, and tracks them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtmpose3d import RTMPose3D
from rtmpose3d.geometry import Camera
from rtmpose3d.geometry.boxes import iou_matrix
from rtmpose3d.sources import load_image
from rtmpose3d.structures import FloatArray, PoseResult
from rtmpose3d.tracking import Tracker, TrackerOptions, body_colours

_MIN_CONFIDENCE = TrackerOptions().min_confidence
_MIN_IOU = 0.5  # of a predicted box and a person's
_PARTS = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """People of one rendered frame.

    Attributes:
        identities: (G,) who they are throughout the clip.
        boxes: (G, 4) px.
        visible_boxes: (G, 4) px, of the visible pixels; NaN if there are none.
        keypoints_2d: (G, 133, 2) px.
        keypoints_camera: (G, 133, 3) metres.
        visible: (G, 133) bool.
        root_depth_m: (G,).
    """

    identities: NDArray[np.int64]
    boxes: NDArray[np.float64]
    visible_boxes: NDArray[np.float64]
    keypoints_2d: NDArray[np.float64]
    keypoints_camera: NDArray[np.float64]
    visible: NDArray[np.bool_]
    root_depth_m: NDArray[np.float64]

    def box_similarity(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """(G, N) IoU with the complete box of a person or with that of the visible part."""
        visible = iou_matrix(np.nan_to_num(self.visible_boxes), boxes)
        return np.maximum(iou_matrix(self.boxes, boxes), visible)

    def select(self, index: NDArray[np.bool_]) -> Truth:
        """The people of a mask."""
        return Truth(**{name: value[index] for name, value in vars(self).items()})

    def match(self, result: PoseResult) -> list[tuple[int, int]]:
        """Pairs (person of the result, person of the truth) by IoU, best first."""
        iou = self.box_similarity(np.asarray(result.bboxes, np.float64)).T
        pairs: list[tuple[int, int]] = []
        while iou.size and iou.max() > _MIN_IOU:
            i, j = np.unravel_index(int(iou.argmax()), iou.shape)
            pairs.append((int(i), int(j)))
            iou[i], iou[:, j] = 0, 0
        return pairs


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictedClip:
    """Tracked results, `body_colours` of their people, and the truth of each frame of one clip."""

    results: list[PoseResult]
    colours: list[FloatArray]
    truths: list[Truth]


def predicted_clips(folder: Path, model: RTMPose3D) -> Iterator[PredictedClip]:
    """Predictions for all clips of a folder of shards, in order."""
    for _, rows in groupby(frames(folder), key=lambda row: (row[0].parent, row[1]["shot"])):
        tracker = Tracker()
        clip = PredictedClip(results=[], colours=[], truths=[])
        for image_path, image, people in rows:
            result, colours = _predicted_frame(image_path, image, model, tracker)
            clip.results.append(result)
            clip.colours.append(colours)
            clip.truths.append(read_truth(people))
        yield clip


def _predicted_frame(
    path: Path, image: dict, model: RTMPose3D, tracker: Tracker
) -> tuple[PoseResult, FloatArray]:
    """People of a frame with their identifiers, and their colours."""
    known = {name: image["camera"][name] for name in ("fx", "fy", "cx", "cy")}
    camera = Camera(**known, width=image["width"], height=image["height"])
    pixels = load_image(path)
    result = model(pixels, camera=camera).without_image()
    colours = body_colours(pixels, result.keypoints_2d, result.confidence >= _MIN_CONFIDENCE)
    ids = tracker.update(
        result.bboxes,
        result.bbox_scores,
        result.keypoints_2d,
        result.confidence,
        image["time_s"],
        colours=colours,
    )
    result = replace(result, time_s=image["time_s"], frame_index=image["frame"], track_ids=ids)
    return result, colours


def frames(folder: Path) -> Iterator[tuple[Path, dict, list[dict]]]:
    """Image file, image and people of each frame, as the annotation files have them."""
    for shard in sorted(folder.glob("shard-*")):
        document = json.loads(next(shard.glob("*.json")).read_text("utf-8"))
        people: dict[int, list[dict]] = {}
        for annotation in document["annotations"]:
            people.setdefault(annotation["image_id"], []).append(annotation)
        for image in document["images"]:
            yield shard / image["file_name"], image, people.get(image["id"], [])


def read_truth(people: list[dict]) -> Truth:
    """Ground truth of the annotated people of one frame."""
    return Truth(
        identities=np.array([person["identity"] for person in people], np.int64),
        boxes=_boxes(people, "bbox"),
        visible_boxes=_boxes(people, "bbox_visible"),
        keypoints_2d=np.array([_keypoints(person) for person in people]).reshape(-1, 133, 2),
        keypoints_camera=np.array([p["keypoints_3d"] for p in people]).reshape(-1, 133, 3),
        visible=np.array([p["visibility133"] for p in people]).reshape(-1, 133) == 2,
        root_depth_m=np.array([person["root_depth_m"] for person in people], np.float64),
    )


def _boxes(people: list[dict], name: str) -> NDArray[np.float64]:
    """(G, 4) corners, px; NaN where a person has no such box."""
    rows = [person.get(name) or [np.nan] * 4 for person in people]
    boxes = np.array(rows, np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def _keypoints(person: Mapping[str, list[float]]) -> NDArray[np.float64]:
    """(133, 2) px; COCO's origin is the corner of the first pixel, ours is its centre."""
    rows = [np.array(person[part], np.float64).reshape(-1, 3) for part in _PARTS]
    return np.concatenate(rows)[:, :2] - 0.5
