"""Calibration of a detector's scores to the threshold of inference.

    python -m rtmpose3d.training.detector.calibration FILE.pth --rendered VAL --out NEW.pth
    python -m rtmpose3d.training.detector.calibration FILE.pth --boxes lspet/test --out NEW.pth

The network scores a box by its expected IoU with a person, so the score that separates people from
background depends on the length of the training. A constant, added to all logits, moves the score
at which detections have a given precision to 0.3, the threshold of inference. The ranking of the
boxes stays.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.data.box_labels import read_box_labels
from rtmpose3d.errors import InputError, RTMPose3DError
from rtmpose3d.evaluation import SkippedItems
from rtmpose3d.evaluation.matching import detection_target, labels_target
from rtmpose3d.evaluation.metrics import AnnotatedBoxes, DetectionMetrics, detection_metrics
from rtmpose3d.evaluation.protocols.dataset import read_annotated_images
from rtmpose3d.pipeline.detect import detect_people
from rtmpose3d.runtime import RuntimeOptions, open_detector
from rtmpose3d.sources import load_image
from rtmpose3d.structures import Detections, Image
from rtmpose3d.training.detector.validation import MIN_SCORE, SCORE_THR
from rtmpose3d.weights import read_checkpoint, read_meta, write_torch_file
from rtmpose3d.zoo import resolve_detector

_STEPS = np.arange(0.06, 0.95, 0.01)
_BIAS = "bbox_head.rtm_cls."


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Score threshold of a detector for a given precision.

    Attributes:
        score: minimum score with the precision.
        shift: constant to add to the logits, so that this score becomes 0.3.
        at_score: precision and recall at this score.
    """

    score: float
    shift: float
    at_score: DetectionMetrics


def calibrate(
    images: Sequence[AnnotatedBoxes], detections: Sequence[Detections], precision: float
) -> Calibration:
    """Find the minimum score with a precision.

    Args:
        images: annotated images.
        detections: detections in each, including those of low scores.
        precision: required precision, 0 to 1.

    Raises:
        InputError: no score has this precision.
    """
    for score in _STEPS.tolist():
        at_score = detection_metrics(images, detections, score_thr=score)
        if at_score.detections and at_score.precision >= precision:
            shift = _logit(SCORE_THR) - _logit(score)
            return Calibration(score=score, shift=shift, at_score=at_score)
    raise InputError(f"no score of these detections has a precision of {precision:g}; train longer")


def _logit(score: float) -> float:
    return math.log(score / (1 - score))


def write_shifted(source: Path, shift: float, out: Path) -> None:
    """Write a detector's .pth file with a constant added to all its logits.

    Raises:
        WeightsError: the source is not a file of weights.
        InputError: the source has no weights of a detector.
        OutputError: the file cannot be written.
    """
    arrays = dict(read_checkpoint(source))
    names = [name for name in arrays if name.startswith(_BIAS) and name.endswith(".bias")]
    if not names:
        raise InputError(f"{source} has no {_BIAS}*.bias; it is not the file of a trained detector")
    for name in names:
        arrays[name] = (arrays[name].astype(np.float32) + shift).astype(arrays[name].dtype)
    write_torch_file(out, arrays, {"meta": {**read_meta(source), "score_shift": shift}})


def _rendered(folder: Path) -> Iterator[tuple[Image, AnnotatedBoxes]]:
    for annotated in read_annotated_images("rendered", folder, SkippedItems()):
        image = load_image(annotated.path)
        yield image, detection_target(annotated, (image.shape[1], image.shape[0]))


def _boxes(folder: Path) -> Iterator[tuple[Image, AnnotatedBoxes]]:
    for labels in read_box_labels(folder):
        image = load_image(labels.path)
        yield image, labels_target(labels, (image.shape[1], image.shape[0]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; exits with the message of an error."""
    parser = argparse.ArgumentParser(
        prog="python -m rtmpose3d.training.detector.calibration",
        description="Calibrate a detector's scores to the threshold of inference",
    )
    parser.add_argument("source", type=Path, help="the detector's .pth file")
    parser.add_argument("--model", default="rtmdet-n")
    truth = parser.add_mutually_exclusive_group(required=True)
    truth.add_argument("--rendered", type=Path, help="rendered dataset of rtmpose3d synth")
    truth.add_argument("--boxes", type=Path, help="folder of images with boxes in labels.npz")
    parser.add_argument("--precision", type=float, default=0.8, help="precision at a score of 0.3")
    parser.add_argument("--out", type=Path, required=True, help="the .pth file to write")
    options = parser.parse_args(arguments)
    try:
        runtime = RuntimeOptions(device="cpu")
        session = open_detector(resolve_detector(options.model), options.source, runtime)
        targets: list[AnnotatedBoxes] = []
        detections: list[Detections] = []
        annotated = _boxes(options.boxes) if options.boxes else _rendered(options.rendered)
        for image, target in annotated:
            targets.append(target)
            detections += detect_people(session, [image], bbox_thr=MIN_SCORE)
        result = calibrate(targets, detections, options.precision)
        write_shifted(options.source, result.shift, options.out)
    except RTMPose3DError as error:
        sys.exit(f"error: {error}")
    print(
        f"score {result.score:.2f} has precision {result.at_score.precision:.3f} and recall "
        f"{result.at_score.recall:.3f} in {len(detections)} images; {options.out} has its logits "
        f"shifted by {result.shift:+.3f}"
    )


if __name__ == "__main__":
    main()
