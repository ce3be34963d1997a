"""Calibration of a detector's scores to the threshold of inference.

    python -m rtmpose3d.training.detector.calibration FILE.pth --rendered VAL --out NEW.pth
    python -m rtmpose3d.training.detector.calibration FILE.pth --boxes lspet/test --out NEW.pth

The network scores a box by its expected IoU with a person, so the score that separates people from
background depends on the length of the training. A constant, added to all logits, moves the score
at which detections have a given precision to 0.3, the threshold of inference. `--slope` then
multiplies their distance from that of 0.3, so that scores become probabilities
(`benchmarks/reliability.py --fit` finds it). The ranking of the boxes stays.
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
_SCORES = "bbox_head.rtm_cls."  # start of the keys of the convolutions that give the logits


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


def write_calibrated(source: Path, shift: float, out: Path, *, slope: float = 1.0) -> None:
    """Write a detector's .pth file with other logits: slope * (logit + shift - t) + t.

    Args:
        source: the detector's file.
        shift: constant to add to the logits.
        out: the file to write.
        slope: factor of their distance from t, the logit of a score of 0.3, which stays.

    Raises:
        WeightsError: the source is not a file of weights.
        InputError: the source has no weights of a detector, or the slope is not above 0.
        OutputError: the file cannot be written.
    """
    if not (math.isfinite(slope) and slope > 0):
        raise InputError(f"slope must be above 0, got {slope:g}")
    arrays = dict(read_checkpoint(source))
    names = [name for name in arrays if name.startswith(_SCORES)]
    if not any(name.endswith(".bias") for name in names):
        raise InputError(
            f"{source} has no {_SCORES}*.bias; it is not the file of a trained detector"
        )
    fixed = _logit(SCORE_THR)
    for name in names:
        values = arrays[name].astype(np.float32) * slope
        if name.endswith(".bias"):
            values += slope * (shift - fixed) + fixed
        arrays[name] = values.astype(arrays[name].dtype)
    meta = read_meta(source)
    meta["score_shift"] = float(meta.get("score_shift", 0)) + shift
    meta["score_slope"] = float(meta.get("score_slope", 1)) * slope
    write_torch_file(out, arrays, {"meta": meta})


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
    parser.add_argument("--slope", type=float, default=1.0, help="of the scores about 0.3")
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
        write_calibrated(options.source, result.shift, options.out, slope=options.slope)
    except RTMPose3DError as error:
        sys.exit(f"error: {error}")
    print(
        f"score {result.score:.2f} has precision {result.at_score.precision:.3f} and recall "
        f"{result.at_score.recall:.3f} in {len(detections)} images; {options.out} has its logits "
        f"shifted by {result.shift:+.3f}"
    )


if __name__ == "__main__":
    main()
