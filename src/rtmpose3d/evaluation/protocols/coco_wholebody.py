"""COCO-WholeBody's official evaluation: AP and AR of the whole body and of each part.

The official script scores each part separately: a person counts for a part if one of its keypoints
is labelled; a detection whose keypoints in the part all have scores of 0 or less does not count for
the part; the size of a person is its area, that of a detection the extent of its 17 body keypoints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from rtmpose3d.data import AnnotatedImage, ImageKey, PoseRecord, read_dataset
from rtmpose3d.data.candidates import ReadOptions, read_json
from rtmpose3d.data.ids import id_order
from rtmpose3d.data.readers.coco_files import list_images
from rtmpose3d.data.records import BOX_SHARE
from rtmpose3d.evaluation.errors import SkippedItems
from rtmpose3d.evaluation.matching import MatchedPeople, assign_by_oks, collect_matches
from rtmpose3d.evaluation.metrics import (
    AveragePrecision,
    OksImage,
    average_precision,
    keypoint_metrics_2d,
    metrics_2d,
    oks_matrix,
    relative_errors,
)
from rtmpose3d.evaluation.metrics.metrics_2d import PARTS_2D, errors_by_part
from rtmpose3d.evaluation.poses import NO_POSES, ImagePoses
from rtmpose3d.evaluation.protocols.coco_results import read_results, results_document
from rtmpose3d.evaluation.protocols.pose_files import read_own_results
from rtmpose3d.evaluation.protocols.rescoring import Rescoring
from rtmpose3d.evaluation.reports import tables
from rtmpose3d.evaluation.reports.histogram import BOX_AXIS
from rtmpose3d.evaluation.result import Evaluation
from rtmpose3d.evaluation.running import Predicted, RunOptions
from rtmpose3d.geometry.crop import center_scale_from_boxes
from rtmpose3d.skeletons import NUM_KEYPOINTS, PART_INDICES, WHOLEBODY
from rtmpose3d.structures import Detections, FloatArray, PoseResult

_TITLE = "COCO-WholeBody"
COCO_PARTS: Mapping[str, str] = {
    "wholebody": "wholebody",
    "body": "body",
    "foot": "feet",
    "face": "face",
    "lefthand": "left_hand",
    "righthand": "right_hand",
}
"""Official name of each part -> its name in `PART_INDICES`."""
CROP_WH = (192, 256)  # any size of the aspect ratio that all models share


def read_coco_images(
    annotations: Path, images: Path | None, skipped: SkippedItems
) -> list[AnnotatedImage]:
    """Reads COCO-WholeBody annotations, with crowds and images without people.

    Args:
        annotations: JSON file as published (V1.0).
        images: folder of the images; None: that of the annotations.
        skipped: collects bad annotations, and counts those that a rule excludes.

    Returns:
        All images, by rising id.

    Raises:
        InputError: the file cannot be used, or an annotation is bad and may not be skipped.
    """
    reading = read_dataset(
        "coco-wholebody",
        annotations.parent,
        "val",
        on_bad="skip",
        options=ReadOptions(keep_ignored=True, check_images=False),
        annotations=annotations.name,
        images=str((images or annotations.parent).absolute()),
    )
    records = list(reading)
    for bad in reading.bad:
        skipped.add(bad.text)
    skipped.add_by_rule("annotations", reading.skipped)
    note_areas(records, skipped)
    return list_images(reading.files, records, skipped.add)


def note_areas(records: Sequence[PoseRecord], skipped: SkippedItems) -> None:
    """Notes people without an annotated area, which OKS estimates from their boxes."""
    count = sum(record.area_px2 is None for record in records)
    if count:
        skipped.notes.append(
            f"{count} of {len(records)} people have no area: {BOX_SHARE:g} of their box's is used"
        )


@dataclass(frozen=True, kw_only=True)
class CocoWholeBodyProtocol:
    """AP and AR of COCO-WholeBody, and errors in pixels.

    Attributes:
        rescoring: how poses are scored, and how duplicates are suppressed.
    """

    rescoring: Rescoring = field(default_factory=Rescoring)

    @property
    def title(self) -> str:
        """Name for reports."""
        return _TITLE

    def counts(self, record: PoseRecord) -> bool:
        """Whether a person is cropped and counts for errors in pixels.

        As in mmpose: no crowd, some body keypoint is labelled, and the box is in the image.
        """
        has_body = bool(record.annotated[PART_INDICES["body"]].any())
        return not record.crowd and has_body and record.box_in_image

    def score(self, predicted: Predicted, options: RunOptions) -> Evaluation:
        """Scores the results of a model; see `evaluate.Protocol`."""
        given = options.boxes if isinstance(options.boxes, Mapping) else {}
        poses = {
            image.key: self.rescore(predicted.results[image.key], given.get(image.key))
            for image in predicted.images
            if image.key in predicted.results
        }
        return self.score_poses(predicted.images, poses)

    def rescore(self, result: PoseResult, boxes: Detections | None = None) -> ImagePoses:
        """Poses of a result, rescored and without duplicates.

        Args:
            result: result of one image.
            boxes: detections that it was estimated in; None: those of the result.
        """
        _, scale = center_scale_from_boxes(result.bboxes, CROP_WH)
        return rescored_poses(
            result.keypoints_2d,
            result.scores,
            result.bbox_scores if boxes is None else boxes.scores,
            scale.prod(axis=1).astype(np.float64),
            self.rescoring,
        )

    def read_poses(
        self,
        path: Path,
        images: Sequence[AnnotatedImage],
        skipped: SkippedItems | None = None,
    ) -> dict[ImageKey, ImagePoses]:
        """Reads predicted poses from files.

        Args:
            path: results JSON in the official format, whose scores are used as they are; or a
                .json, .jsonl or .npz file of this package, or a folder of .json and .npz files,
                which are rescored.
            images: annotated images.
            skipped: counts the results that are not of people.

        Returns:
            The poses by key of the image.

        Raises:
            InputError: the files are of another format, or of images that are not annotated.
        """
        is_json = not path.is_dir() and path.suffix.lower() not in (".npz", ".jsonl")
        if is_json and isinstance(read_json(path), list):
            return read_results(path, images, skipped)
        return {image.key: self.rescore(result) for image, result in read_own_results(path, images)}

    def score_poses(
        self, images: Sequence[AnnotatedImage], poses: Mapping[ImageKey, ImagePoses]
    ) -> Evaluation:
        """Scores poses, however they were made.

        Args:
            images: annotated images.
            poses: poses by key of the image; images that are missing have no detections.
        """
        ap = coco_wholebody_ap(images, poses)
        matches = self.match(images, poses)
        errors = relative_errors(matches.predicted_px, matches.truth_px, matches.boxes_xyxy)
        parts = metrics_2d(errors, matches.annotated)
        keypoints = keypoint_metrics_2d(errors, matches.annotated)
        oks = matches.oks
        return Evaluation(
            title=_TITLE,
            metrics={
                "ap_ar": tables.coco_document(ap),
                "parts": tables.document_2d(parts),
                "keypoints": tables.document_2d(keypoints),
            },
            tables=[
                tables.coco_table(ap),
                tables.table_2d(parts),
                tables.keypoint_table_2d(keypoints),
            ],
            summary=2,
            matches=matches,
            part_errors=errors_by_part(100 * errors, matches.annotated, PARTS_2D),
            axis=BOX_AXIS,
            case_errors=1 - oks,
            case_captions=[f"OKS {value:.2f}" for value in oks.tolist()],
            facts={
                "people": f"{len(matches)} with labelled body keypoints in {len(images)} images",
                "images with poses": f"{sum(i.key in poses for i in images)} of {len(images)}",
            },
            settings={"rescoring": asdict(self.rescoring)},
            predictions=results_document(images, poses),
        )

    def match(
        self, images: Sequence[AnnotatedImage], poses: Mapping[ImageKey, ImagePoses]
    ) -> MatchedPeople:
        """Pairs each person who counts with the pose most similar to them."""
        people = [[record for record in i.people if self.counts(record)] for i in images]
        predicted = [poses.get(image.key, NO_POSES) for image in images]
        assigned = [assign_by_oks(*pair) for pair in zip(people, predicted, strict=True)]
        return collect_matches(people, predicted, assigned)


def rescored_poses(
    keypoints_px: FloatArray,
    keypoint_scores: FloatArray,
    box_scores: FloatArray,
    area_px2: FloatArray,
    rescoring: Rescoring,
) -> ImagePoses:
    """Top-down poses of an image, rescored and without duplicates.

    Args:
        keypoints_px: (D, 133, 2) px.
        keypoint_scores: (D, 133) scores of the network.
        box_scores: (D,) scores of the boxes.
        area_px2: (D,) areas of the crops.
        rescoring: how they are scored, and how duplicates are suppressed.
    """
    scores = rescoring.scores(box_scores, keypoint_scores)
    keep = rescoring.keep(keypoints_px, scores, area_px2)
    return ImagePoses(
        keypoints_px=np.asarray(keypoints_px, np.float64)[keep],
        keypoint_scores=np.asarray(keypoint_scores, np.float64)[keep],
        scores=scores[keep],
    )


def coco_wholebody_ap(
    images: Sequence[AnnotatedImage], poses: Mapping[ImageKey, ImagePoses]
) -> dict[str, AveragePrecision]:
    """AP and AR of each part, by its official name.

    Args:
        images: annotated images, with crowds.
        poses: poses by key of the image; images that are missing have no detections.
    """
    ordered = sorted(images, key=lambda image: id_order(image.image_id))  # of equal scores
    return {
        part: average_precision(
            [_part_image(image.people, poses.get(image.key, NO_POSES), part) for image in ordered]
        )
        for part in COCO_PARTS
    }


def _part_image(people: Sequence[PoseRecord], poses: ImagePoses, part: str) -> OksImage:
    """Detections of one image compared with its annotations, for one part."""
    index = PART_INDICES[COCO_PARTS[part]]
    detected = (poses.keypoint_scores[:, index] > 0).any(axis=1)
    points = np.asarray(poses.keypoints_px, np.float64)[detected]
    body = points[:, PART_INDICES["body"]]
    extent_px = np.ptp(body, axis=1) if len(body) else np.zeros((0, 2))
    truth = np.array([r.keypoints_px for r in people], np.float64).reshape(-1, NUM_KEYPOINTS, 2)
    annotated = np.array([r.annotated for r in people], bool).reshape(-1, NUM_KEYPOINTS)[:, index]
    boxes = np.array([r.oks_box_xyxy for r in people], np.float64).reshape(-1, 4)
    area = np.array([r.oks_area_px2 for r in people], np.float64)
    crowd = np.array([r.crowd for r in people], bool)
    truth = np.where(annotated[..., None], truth[:, index], 0.0)
    sigmas = WHOLEBODY.sigmas[index]
    return OksImage(
        oks=oks_matrix(points[:, index], truth, annotated, area, boxes, sigmas),
        scores=(poses.scores if part == "body" else poses.scores_for(part))[detected],
        ignored=crowd | ~annotated.any(axis=1),
        crowd=crowd,
        predicted_area_px2=extent_px.prod(axis=1),
        true_area_px2=area,
    )
