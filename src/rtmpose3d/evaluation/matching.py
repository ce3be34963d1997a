"""Matching of annotated people and predicted poses: `MatchedPeople`, the input of all metrics.

People are matched by order where their own boxes were given, by box IoU where people were detected,
or by OKS where only poses are known (COCO's results).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rtmpose3d.data import DATASETS, AnnotatedImage, PoseRecord
from rtmpose3d.data.box_labels import BoxLabels
from rtmpose3d.evaluation.metrics import AnnotatedBoxes, assign_boxes, oks_matrix
from rtmpose3d.evaluation.poses import NO_POSES, ImagePoses
from rtmpose3d.skeletons import NUM_KEYPOINTS, WHOLEBODY
from rtmpose3d.structures import BoolArray, Detections, FloatArray, IntArray

MIN_OKS = 0.1  # a pose less similar to a person than this is not matched


@dataclass(frozen=True, kw_only=True, eq=False)
class MatchedPeople:
    """N annotated people and the pose predicted for each.

    Attributes:
        names: names for tables and sheets: image and annotation.
        datasets: name of each person's dataset.
        image_paths: image files; None where unknown.
        boxes_xyxy: (N, 4) px, annotated.
        area_px2: (N,) annotated areas.
        truth_px: (N, 133, 2) px; 0 where not annotated.
        annotated: (N, 133) bool.
        occluded: (N, 133) bool; None if a dataset does not distinguish.
        predicted_px: (N, 133, 2) px; nan for people who were not detected.
        confidence: (N, 133); 0 for people who were not detected.
        scores: (N,) scores of the poses; 0 for people who were not detected.
        truth_camera_m: (N, 133, 3) metres, camera space; nan where unknown; None for 2D data.
        predicted_camera_m: (N, 133, 3) metres; nan for people who were not detected; None for 2D
            models.
    """

    names: tuple[str, ...]
    datasets: tuple[str, ...]
    image_paths: tuple[Path | None, ...]
    boxes_xyxy: FloatArray
    area_px2: FloatArray
    truth_px: FloatArray
    annotated: BoolArray
    predicted_px: FloatArray
    confidence: FloatArray
    scores: FloatArray
    occluded: BoolArray | None = None
    truth_camera_m: FloatArray | None = None
    predicted_camera_m: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def detected(self) -> BoolArray:
        """(N,) bool, people with a pose."""
        return np.asarray(np.isfinite(self.predicted_px).all(axis=(1, 2)))

    @property
    def has_3d(self) -> bool:
        """Whether both annotations and predictions have 3D positions."""
        return self.truth_camera_m is not None and self.predicted_camera_m is not None

    @property
    def oks(self) -> FloatArray:
        """(N,) OKS of each person and its pose over all keypoints; 0 if not detected."""
        values = np.zeros(len(self))
        for i in np.flatnonzero(self.detected).tolist():
            row = slice(i, i + 1)
            values[i] = oks_matrix(
                self.predicted_px[row],
                self.truth_px[row],
                self.annotated[row],
                self.area_px2[row],
                self.boxes_xyxy[row],
                WHOLEBODY.sigmas,
            ).item()
        return values

    def select(self, rows: Sequence[int] | IntArray) -> MatchedPeople:
        """The people of some rows."""
        index = np.asarray(rows, int)
        changes: dict[str, object] = {}
        for name, value in vars(self).items():
            if isinstance(value, tuple):
                changes[name] = tuple(value[i] for i in index.tolist())
            elif value is not None:
                changes[name] = value[index]
        return replace(self, **changes)  # pyright: ignore[reportArgumentType]


def collect_matches(
    people: Sequence[Sequence[PoseRecord]],
    poses: Sequence[ImagePoses],
    assignments: Sequence[IntArray],
) -> MatchedPeople:
    """Collects the annotated people of all images, each with its pose.

    Args:
        people: annotated people of each image.
        poses: predicted poses of each image.
        assignments: (G,) per image: row of each person's pose, -1 for none.
    """
    records = [record for image in people for record in image]
    rows = [
        (image_poses, pose)
        for image_poses, assigned in zip(poses, assignments, strict=True)
        for pose in assigned.tolist()
    ]
    count = len(records)
    has_3d = all(p is NO_POSES or p.keypoints_camera_m is not None for p in poses)
    predicted = np.full((count, NUM_KEYPOINTS, 2), np.nan)
    in_camera = np.full((count, NUM_KEYPOINTS, 3), np.nan)
    confidence, scores = np.zeros((count, NUM_KEYPOINTS)), np.zeros(count)
    for i, (image_poses, pose) in enumerate(rows):
        if pose < 0:
            continue
        predicted[i] = image_poses.keypoints_px[pose]
        confidence[i] = image_poses.keypoint_scores[pose]
        scores[i] = image_poses.scores[pose]
        if image_poses.keypoints_camera_m is not None:
            in_camera[i] = image_poses.keypoints_camera_m[pose]
    annotated = _stack([record.annotated for record in records], (NUM_KEYPOINTS,)).astype(bool)
    truth = _stack([record.keypoints_px for record in records], (NUM_KEYPOINTS, 2))
    occluded = [record.occluded for record in records if record.occluded is not None]
    return MatchedPeople(
        names=tuple(_names(people)),
        datasets=tuple(record.dataset for record in records),
        image_paths=tuple(r.image if isinstance(r.image, Path) else None for r in records),
        boxes_xyxy=_stack([record.box_xyxy for record in records], (4,)),
        area_px2=np.array([record.oks_area_px2 for record in records], np.float64),
        truth_px=np.where(annotated[..., None], truth, 0.0),
        annotated=annotated,
        occluded=np.stack(occluded) if records and len(occluded) == count else None,
        predicted_px=predicted,
        confidence=confidence,
        scores=scores,
        truth_camera_m=_truth_camera_m(records, annotated),
        predicted_camera_m=in_camera if has_3d else None,
    )


def assign_by_iou(image: AnnotatedImage, chosen: Sequence[int], boxes: Detections) -> IntArray:
    """(G',) row of the detection of each chosen person, -1 for none.

    All people of the image are matched, so that a detection of a crowd or of an ignored person
    is not assigned to another person.

    Args:
        image: annotated.
        chosen: indices of the people to return, among the image's.
        boxes: detections.
    """
    person_of_detection = assign_boxes(boxes, *_boxes_and_ignored(image))
    detection_of_person = np.full(len(image.people), -1)
    matched = np.flatnonzero(person_of_detection >= 0)
    detection_of_person[person_of_detection[matched]] = matched
    return detection_of_person[list(chosen)]


def assign_by_oks(people: Sequence[PoseRecord], poses: ImagePoses) -> IntArray:
    """(G,) row of the pose of each person, -1 for none.

    Pairs are made by decreasing OKS over all keypoints, down to 0.1, each pose and person once.
    """
    pose_of_person = np.full(len(people), -1)
    if not len(poses) or not people:
        return pose_of_person
    oks = oks_matrix(
        poses.keypoints_px,
        np.stack([record.keypoints_px for record in people]),
        np.stack([record.annotated for record in people]),
        np.array([record.oks_area_px2 for record in people]),
        np.stack([record.box_xyxy for record in people]).astype(np.float64),
        WHOLEBODY.sigmas,
    )
    while oks.max() >= MIN_OKS:
        pose, person = np.unravel_index(int(oks.argmax()), oks.shape)
        pose_of_person[person] = pose
        oks[pose], oks[:, person] = -1, -1
    return pose_of_person


def detection_target(image: AnnotatedImage, size_wh: tuple[int, int]) -> AnnotatedBoxes:
    """Annotated boxes of an image, for detection metrics.

    Args:
        image: annotated; complete if its dataset annotates everyone.
        size_wh: size of the image, px.
    """
    spec = DATASETS.get(image.people[0].dataset) if image.people else None
    boxes, ignored = _boxes_and_ignored(image)
    return AnnotatedBoxes(
        boxes_xyxy=boxes,
        ignored=ignored,
        size_wh=size_wh,
        complete=spec is not None and spec.all_annotated,
    )


def labels_target(labels: BoxLabels, size_wh: tuple[int, int]) -> AnnotatedBoxes:
    """Another detector's boxes of an image, for detection metrics.

    Args:
        labels: all people count as annotated.
        size_wh: size of the image, px.
    """
    return AnnotatedBoxes(boxes_xyxy=labels.boxes_xyxy, ignored=labels.ignored, size_wh=size_wh)


def _boxes_and_ignored(image: AnnotatedImage) -> tuple[FloatArray, BoolArray]:
    boxes = _stack([record.box_xyxy for record in image.people], (4,))
    return boxes, np.array([record.crowd or record.ignored for record in image.people], bool)


def _stack(
    arrays: Sequence[FloatArray] | Sequence[BoolArray], shape: tuple[int, ...]
) -> FloatArray:
    return np.array(arrays, np.float64).reshape(-1, *shape)


def _truth_camera_m(records: Sequence[PoseRecord], annotated: BoolArray) -> FloatArray | None:
    """(N, 133, 3) metres, nan where unknown; None if nothing is known."""
    metres = np.full((len(records), NUM_KEYPOINTS, 3), np.nan)
    for i, record in enumerate(records):
        if record.keypoints_camera_m is not None:
            metres[i] = record.keypoints_camera_m
    known = np.isfinite(metres).all(axis=2) & annotated
    return np.where(known[..., None], metres, np.nan) if known.any() else None


def _names(people: Sequence[Sequence[PoseRecord]]) -> list[str]:
    """Image and annotation id, or number of the person in the image."""
    names = []
    for image in people:
        for number, record in enumerate(image):
            file = record.image.name if isinstance(record.image, Path) else record.source
            known = record.annotation_id
            person = f"person {number}" if known is None else f"annotation {known}"
            names.append(f"{file}, {person}")
    return names
