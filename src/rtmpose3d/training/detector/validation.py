"""Validation of the averaged weights on fixed images: AP, and recall and precision at a score."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from rtmpose3d.evaluation.metrics import (
    AnnotatedBoxes,
    OksImage,
    average_precision,
    detection_metrics,
)
from rtmpose3d.evaluation.reports.tiles import lay_out
from rtmpose3d.geometry.boxes import iou_matrix
from rtmpose3d.models.graph import DetectorGraph
from rtmpose3d.pipeline.detect import filter_candidates
from rtmpose3d.runtime import DetectorSession, Device
from rtmpose3d.runtime.backends.torch import TorchNetwork
from rtmpose3d.structures import Detections, Image
from rtmpose3d.training.detector.images import DetectorBatch
from rtmpose3d.training.loop.sheets import add_title
from rtmpose3d.viz.text import draw_label
from rtmpose3d.zoo import DetectorSpec

SCORE_THR = 0.3  # of recall and precision; the default of inference
MIN_SCORE = 0.05
_TRUTH_BGR, _DETECTED_BGR, _IGNORED_BGR = (80, 200, 80), (40, 120, 255), (160, 160, 160)


def graph_session(spec: DetectorSpec, graph: DetectorGraph) -> DetectorSession:
    """Session of a network in training, for inference's own selection of people.

    Args:
        spec: row of the model table.
        graph: network with normalisation and decoding, in evaluation mode.
    """
    return DetectorSession(spec, TorchNetwork(graph, spec.output_names), Device(kind="cpu"))


def validate_detector(
    session: DetectorSession, batches: Sequence[DetectorBatch]
) -> tuple[dict[str, float], list[list[Detections]]]:
    """Compute the metrics over all batches.

    Returns:
        metrics: `ap`, `ap50` (COCO's, of boxes), `recall` and `precision` of people taller than a
            fifth of the image at a score of 0.3; nan without people.
        detections: for each image of each batch.
    """
    batch_detections = [_detect(session, batch) for batch in batches]
    detections = [one for batch in batch_detections for one in batch]
    images = [annotated for batch in batches for annotated in _annotated(batch)]
    precision = average_precision(
        [
            OksImage(
                oks=iou_matrix(own.boxes_xyxy.astype(float), image.boxes_xyxy.astype(float)),
                scores=own.scores,
                ignored=image.ignored,
                crowd=image.ignored,
            )
            for image, own in zip(images, detections, strict=True)
        ]
    )
    at = detection_metrics(images, detections, score_thr=SCORE_THR)
    metrics = {
        "ap": precision.ap,
        "ap50": precision.ap50,
        "recall": at.recall,
        "precision": at.precision,
    }
    return metrics, batch_detections


def draw_detections(
    batches: Sequence[DetectorBatch],
    detections: Sequence[Sequence[Detections]],
    title: str,
    *,
    max_images: int = 24,
) -> Image:
    """Draw images with ground-truth boxes (green; grey: ignored) and detections (orange).

    Args:
        batches: validation images.
        detections: for each image of each batch.
        title: title of the sheet.
        max_images: maximum number of images, evenly spaced over all.
    """
    pairs = [
        (batch, i, own)
        for batch, in_batch in zip(batches, detections, strict=True)
        for i, own in enumerate(in_batch)
    ]
    chosen = np.linspace(0, len(pairs) - 1, min(max_images, len(pairs))).astype(int)
    sheet = lay_out([_tile(*pairs[i]) for i in chosen])
    return add_title(
        sheet, f"{title}: orange detections from {SCORE_THR:g}, green ground truth, grey ignored"
    )


def _detect(session: DetectorSession, batch: DetectorBatch) -> list[Detections]:
    return [
        filter_candidates(candidates, session, np.ones(2), bbox_thr=MIN_SCORE)
        for candidates in session.run(batch.images)
    ]


def _annotated(batch: DetectorBatch) -> list[AnnotatedBoxes]:
    size_wh = batch.images.shape[2], batch.images.shape[1]
    return [
        AnnotatedBoxes(boxes_xyxy=boxes, ignored=ignored, size_wh=size_wh)
        for boxes, ignored in zip(batch.boxes_xyxy, batch.ignored, strict=True)
    ]


def _tile(batch: DetectorBatch, i: int, detections: Detections) -> Image:
    tile = batch.images[i].copy()
    for box, ignored in zip(batch.boxes_xyxy[i], batch.ignored[i], strict=True):
        _rectangle(tile, box, _IGNORED_BGR if ignored else _TRUTH_BGR)
    for box, score in zip(detections.boxes_xyxy, detections.scores, strict=True):
        if score >= SCORE_THR:
            _rectangle(tile, box, _DETECTED_BGR)
            draw_label(tile, float(box[0]), float(box[1]), f"{score:.2f}", 11)
    return tile


def _rectangle(tile: Image, box: np.ndarray, colour: tuple[int, int, int]) -> None:
    x1, y1, x2, y2 = np.round(box).astype(int).tolist()
    cv2.rectangle(tile, (x1, y1), (x2, y2), colour, 1, cv2.LINE_AA)
