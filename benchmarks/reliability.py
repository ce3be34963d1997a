"""Reliability of a model's confidence and of the scores of its results, real and rendered people.

    python benchmarks/reliability.py --data REAL_PEOPLE --rendered RENDERED [--every 4]

Prints Markdown tables: of each tenth of confidence, the share of keypoints within a tenth of the
box's longer side, in given boxes (sport: labels by hand of LSP Extended's test part); of each tenth
of `bbox_scores`, the share of the model's people that match an annotated one at an IoU of 0.5
(sport: boxes of the published RTMDet-nano), after the check of poses. `--fit` adds the slope of the
detector's logits about 0.3 under which the scores are most likely the probabilities of such a
match, for `python -m rtmpose3d.training.detector.calibration --slope`; fit on other images
(`--skip`) than you report on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from bundled_tables import share
from evaluate_real import labelled_by_hand
from root_depth import rendered_people

from rtmpose3d import RTMPose3D
from rtmpose3d.data import AnnotatedImage, PoseRecord, ReadOptions, load_record_image, read_dataset
from rtmpose3d.data.box_labels import read_box_labels
from rtmpose3d.evaluation import SkippedItems
from rtmpose3d.evaluation.matching import detection_target, labels_target
from rtmpose3d.evaluation.metrics import (
    AnnotatedBoxes,
    detection_metrics,
    pck_by_confidence,
    relative_errors,
)
from rtmpose3d.evaluation.poses import detections_from_result
from rtmpose3d.evaluation.protocols.dataset import read_annotated_images
from rtmpose3d.sources import load_image
from rtmpose3d.structures import Detections
from rtmpose3d.training.detector.validation import SCORE_THR

EDGES = tuple(tenth / 10 for tenth in range(1, 11))
FINE_EDGES = np.linspace(0.05, 1, 39)
SLOPES = np.linspace(0.5, 6, 111)


def confidence_row(model: RTMPose3D, records: Sequence[PoseRecord]) -> Mapping[float, str]:
    """Share of correct keypoints by the lower end of the range of confidence."""
    results = [model(load_record_image(r), boxes=r.box_xyxy[None]) for r in records]
    errors = relative_errors(
        np.concatenate([result.keypoints_2d for result in results]),
        np.stack([r.keypoints_px for r in records]),
        np.stack([r.box_xyxy for r in records]),
    )
    rows = pck_by_confidence(
        errors, np.concatenate([r.confidence for r in results]), labelled_by_hand(records)
    )
    return {row.low: f"{share(row.pck)} ({row.keypoints})" for row in rows}


def score_row(
    targets: Sequence[AnnotatedBoxes], found: Sequence[Detections]
) -> Mapping[float, str]:
    """Share of true detections by the lower end of the range of scores."""
    at = {low: detection_metrics(targets, found, score_thr=low) for low in EDGES}
    shares: dict[float, str] = {}
    for low, high in pairwise(EDGES):
        count = at[low].detections - at[high].detections
        false = at[low].false_positives - at[high].false_positives
        shares[low] = f"{share(1 - false / count)} ({count})" if count else "–"
    return shares


def fit_slope(targets: Sequence[AnnotatedBoxes], found: Sequence[Detections]) -> float:
    """Slope of the logits about that of 0.3 with the highest likelihood of the matches."""
    at = [detection_metrics(targets, found, score_thr=float(low)) for low in FINE_EDGES]
    count = -np.diff([row.detections for row in at])
    true = count + np.diff([row.false_positives for row in at])
    score = (FINE_EDGES[:-1] + FINE_EDGES[1:]) / 2
    logit, fixed = np.log(score / (1 - score)), np.log(SCORE_THR / (1 - SCORE_THR))
    p = 1 / (1 + np.exp(-(SLOPES[:, None] * (logit - fixed) + fixed)))
    p = np.clip(p, 1e-4, 1 - 1e-4)
    likelihood = (true * np.log(p) + (count - true) * np.log(1 - p)).sum(axis=1)
    return float(SLOPES[likelihood.argmax()])


def print_table(name: str, rows: Mapping[str, Mapping[float, str]]) -> None:
    """One row for each kind of people, one column for each tenth."""
    lows = EDGES[:-1]
    print(f"| {name} | " + " | ".join(f"{low:.1f} to {low + 0.1:.1f}" for low in lows) + " |")
    print("|---|" + "---:|" * len(lows))
    for kind, shares in rows.items():
        print(f"| {kind} | " + " | ".join(shares.get(low, "–") for low in lows) + " |")
    print(flush=True)


def sport_targets(folder: Path, skip: int, every: int) -> Iterator[tuple[Path, AnnotatedBoxes]]:
    """Images of sport with the boxes of RTMDet-nano."""
    for labels in read_box_labels(folder / "test")[skip::every]:
        height, width = load_image(labels.path).shape[:2]
        yield labels.path, labels_target(labels, (width, height))


def rendered_targets(images: Sequence[AnnotatedImage]) -> Iterator[tuple[Path, AnnotatedBoxes]]:
    """Rendered images with the boxes of their people."""
    for image in images:
        height, width = load_image(image.path).shape[:2]
        yield image.path, detection_target(image, (width, height))


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of lspet/")
    parser.add_argument("--rendered", type=Path, required=True, help="of rtmpose3d synth")
    parser.add_argument("--model", default="rtmw3d-n", help="a name of the model table")
    parser.add_argument("--every", type=int, default=1, help="use every n-th image only")
    parser.add_argument("--skip", type=int, default=0, help="of the images, begin after so many")
    parser.add_argument("--fit", action="store_true", help="fit the slope of the scores")
    options = parser.parse_args()
    model = RTMPose3D.from_pretrained(options.model, device="cpu")
    reading = ReadOptions(every=options.every)
    sport = list(read_dataset("lspet", options.data / "lspet", "test", options=reading))
    rendered = list(rendered_people(options.rendered, reading))
    people = {"sport": sport, "rendered": rendered}
    print_table("confidence", {name: confidence_row(model, rows) for name, rows in people.items()})
    images = read_annotated_images("rendered", options.rendered, SkippedItems())
    targets = {
        "sport": sport_targets(options.data / "lspet", options.skip, options.every),
        "rendered": rendered_targets(images[options.skip :: options.every]),
    }
    scores: dict[str, Mapping[float, str]] = {}
    slopes: dict[str, float] = {}
    for name, boxed in targets.items():
        annotated, found = [], []
        for path, target in boxed:
            annotated.append(target)
            found.append(detections_from_result(model(path, bbox_thr=float(FINE_EDGES[0]))))
        scores[name] = score_row(annotated, found)
        if options.fit:
            slopes[name] = fit_slope(annotated, found)
    print_table("score", scores)
    for name, slope in slopes.items():
        print(f"slope of the scores of {name} people: {slope:.2f}")


if __name__ == "__main__":
    main()
