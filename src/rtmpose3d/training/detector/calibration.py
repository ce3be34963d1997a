"""Puts a detector's scores where inference expects them.

    python -m rtmpose3d.training.detector.calibration FILE.pth --rendered VAL --out NEW.pth

The network scores a box by its expected overlap with a person, so what score tells people from the
rest depends on how far it was trained. One number, added to all logits, moves the score at which a
given share of the finds are people to 0.3, from which on inference takes a box for a person. The
order of the boxes stays.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError, RTMPose3DError
from rtmpose3d.evaluation import score_detections
from rtmpose3d.evaluation.metrics.detection import AnnotatedImage, DetectionScores
from rtmpose3d.evaluation.predictions import by_image
from rtmpose3d.evaluation.rendered_people import read_rendered_people
from rtmpose3d.evaluation.sheet import annotated_images
from rtmpose3d.pipeline.detect import detect_people
from rtmpose3d.runtime import RuntimeOptions, open_detector
from rtmpose3d.sources import load_image
from rtmpose3d.structures import Detections
from rtmpose3d.training.detector.validation import LEAST_SCORE, SCORE_THR
from rtmpose3d.weights import read_checkpoint, read_meta, write_torch_file
from rtmpose3d.zoo import resolve_detector

_STEPS = np.arange(0.06, 0.95, 0.01)
_BIAS = "bbox_head.rtm_cls."


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Where a detector's scores tell people from the rest.

    Attributes:
        score: from which on the precision is as wished.
        shift: to be added to the logits, so that this score becomes 0.3.
        at_score: what is found with it.
    """

    score: float
    shift: float
    at_score: DetectionScores


def calibrate(
    images: Sequence[AnnotatedImage], found: Sequence[Detections], precision: float
) -> Calibration:
    """The least score with a precision.

    Args:
        images: annotated images.
        found: each one's detections, from low scores on.
        precision: that is wished for, 0 to 1.

    Raises:
        InputError: no score has it.
    """
    for score in _STEPS.tolist():
        at_score = score_detections(images, found, score_thr=score)
        if at_score.finds and at_score.precision >= precision:
            shift = _logit(SCORE_THR) - _logit(score)
            return Calibration(score=score, shift=shift, at_score=at_score)
    raise InputError(f"no score of these detections has a precision of {precision:g}; train on")


def _logit(score: float) -> float:
    return math.log(score / (1 - score))


def write_shifted(source: Path, shift: float, out: Path) -> None:
    """Write a detector's .pth with a number added to all its logits.

    Raises:
        WeightsError: it is no weights file.
        InputError: it is none of a detector.
        OutputError: it cannot be written.
    """
    arrays = dict(read_checkpoint(source))
    names = [name for name in arrays if name.startswith(_BIAS) and name.endswith(".bias")]
    if not names:
        raise InputError(f"{source} has no {_BIAS}*.bias; it is no file of a detector's training")
    for name in names:
        arrays[name] = (arrays[name].astype(np.float32) + shift).astype(arrays[name].dtype)
    write_torch_file(out, arrays, {"meta": {**read_meta(source), "score_shift": shift}})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; ends the process with an error's text if there is one."""
    parser = argparse.ArgumentParser(
        prog="python -m rtmpose3d.training.detector.calibration",
        description="Put a detector's scores where inference expects them",
    )
    parser.add_argument("source", type=Path, help="its .pth")
    parser.add_argument("--model", default="rtmdet-n")
    parser.add_argument(
        "--rendered", type=Path, required=True, help="dataset of rtmpose3d synth, to measure on"
    )
    parser.add_argument("--precision", type=float, default=0.8, help="that 0.3 is to have")
    parser.add_argument("--out", type=Path, required=True, help="the .pth to write")
    given = parser.parse_args(arguments)
    try:
        people = read_rendered_people(given.rendered)
        options = RuntimeOptions(device="cpu")
        session = open_detector(resolve_detector(given.model), given.source, options)
        sizes_wh: dict[Path, tuple[int, int]] = {}
        found: list[Detections] = []
        for path in by_image(people):
            image = load_image(path)
            sizes_wh[path] = image.shape[1], image.shape[0]
            found += detect_people(session, [image], bbox_thr=LEAST_SCORE)
        result = calibrate(annotated_images(people, sizes_wh), found, given.precision)
        write_shifted(given.source, result.shift, given.out)
    except RTMPose3DError as error:
        sys.exit(f"error: {error}")
    print(
        f"score {result.score:.2f} has precision {result.at_score.precision:.3f} and recall "
        f"{result.at_score.recall:.3f} in {len(found)} images; {given.out} has its logits "
        f"shifted by {result.shift:+.3f}"
    )


if __name__ == "__main__":
    main()
