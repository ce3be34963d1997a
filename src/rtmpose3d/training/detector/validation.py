"""How good the averaged weights are on fixed images: AP, recall and precision at one score."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from rtmpose3d.evaluation.metrics.detection import AnnotatedImage, score_detections
from rtmpose3d.evaluation.metrics.oks import OksImage, average_precision
from rtmpose3d.evaluation.reports.tiles import lay_out
from rtmpose3d.geometry.boxes import iou_matrix
from rtmpose3d.models.graph import DetectorGraph
from rtmpose3d.pipeline.detect import filter_candidates
from rtmpose3d.runtime import DetectorSession, Device
from rtmpose3d.runtime.backends.torch import TorchNetwork
from rtmpose3d.structures import Detections, Image
from rtmpose3d.training.detector.images import DetectorBatch
from rtmpose3d.training.pose.sheets import with_head
from rtmpose3d.viz.text import draw_label
from rtmpose3d.zoo import DetectorSpec

SCORE_THR = 0.3  # of recall and precision; the default of inference
LEAST_SCORE = 0.05
_TRUE_BGR, _FOUND_BGR, _IGNORED_BGR = (80, 200, 80), (40, 120, 255), (160, 160, 160)


def graph_session(spec: DetectorSpec, graph: DetectorGraph) -> DetectorSession:
    """A network in training as a session, so that inference's own selection runs.

    Args:
        spec: of the network.
        graph: with normalisation and decoding, in evaluation mode; stays where it is.
    """
    return DetectorSession(spec, TorchNetwork(graph, spec.output_names), Device(kind="cpu"))


def validate_detector(
    session: DetectorSession, batches: Sequence[DetectorBatch]
) -> tuple[dict[str, float], list[list[Detections]]]:
    """Figures over all batches together, and what was found, batch by batch.

    Returns:
        `ap`, `ap50` (COCO's, of boxes), `recall` and `precision` of people taller than a fifth of
        the image at a score of 0.3; nan where there is nobody.
    """
    found = [_found(session, batch) for batch in batches]
    everything = [detections for batch in found for detections in batch]
    images = [annotated for batch in batches for annotated in _annotated(batch)]
    precision = average_precision(
        [
            OksImage(
                oks=iou_matrix(finds.boxes_xyxy.astype(float), image.boxes_xyxy.astype(float)),
                scores=finds.scores,
                ignored=image.ignored,
                crowd=image.ignored,
            )
            for image, finds in zip(images, everything, strict=True)
        ]
    )
    at = score_detections(images, everything, score_thr=SCORE_THR)
    figures = {
        "ap": precision.ap,
        "ap50": precision.ap50,
        "recall": at.recall,
        "precision": at.precision,
    }
    return figures, found


def draw_detections(
    batches: Sequence[DetectorBatch],
    found: Sequence[Sequence[Detections]],
    title: str,
    *,
    most: int = 24,
) -> Image:
    """A sheet of images with true boxes (green; grey: ignored) and found ones (orange).

    Args:
        batches: images as the network sees them.
        found: in them.
        title: of the sheet.
        most: images that are shown, evenly from all.
    """
    pairs = [
        (batch, i, detections)
        for batch, finds in zip(batches, found, strict=True)
        for i, detections in enumerate(finds)
    ]
    chosen = np.linspace(0, len(pairs) - 1, min(most, len(pairs))).astype(int)
    sheet = lay_out([_tile(*pairs[i]) for i in chosen])
    return with_head(sheet, f"{title}: orange found at {SCORE_THR:g}, green true, grey ignored")


def _found(session: DetectorSession, batch: DetectorBatch) -> list[Detections]:
    return [
        filter_candidates(candidates, session, np.ones(2), bbox_thr=LEAST_SCORE)
        for candidates in session.run(batch.images)
    ]


def _annotated(batch: DetectorBatch) -> list[AnnotatedImage]:
    size_wh = batch.images.shape[2], batch.images.shape[1]
    return [
        AnnotatedImage(boxes_xyxy=boxes, ignored=ignored, size_wh=size_wh)
        for boxes, ignored in zip(batch.boxes_xyxy, batch.ignored, strict=True)
    ]


def _tile(batch: DetectorBatch, i: int, found: Detections) -> Image:
    tile = batch.images[i].copy()
    for box, ignored in zip(batch.boxes_xyxy[i], batch.ignored[i], strict=True):
        _rectangle(tile, box, _IGNORED_BGR if ignored else _TRUE_BGR)
    for box, score in zip(found.boxes_xyxy, found.scores, strict=True):
        if score >= SCORE_THR:
            _rectangle(tile, box, _FOUND_BGR)
            draw_label(tile, float(box[0]), float(box[1]), f"{score:.2f}", 11)
    return tile


def _rectangle(tile: Image, box: np.ndarray, colour: tuple[int, int, int]) -> None:
    x1, y1, x2, y2 = np.round(box).astype(int).tolist()
    cv2.rectangle(tile, (x1, y1), (x2, y2), colour, 1, cv2.LINE_AA)
