"""Figures and images of a model on real annotated people and on rendered held-out ones.

    python benchmarks/evaluate_bundled.py --model rtmw3d-n --detector rtmdet-n --out sheet

Prints the Markdown tables of docs/results.md: PCK, OKS-AP, MPJPE, the detector's recall and
precision, time. Real people: the annotation samples in `--shared`/samples, for evaluation only.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

from rtmpose3d import RTMPose3D
from rtmpose3d.evaluation import MeanPose, score_detections, sheet
from rtmpose3d.evaluation.predictions import (
    Predictions,
    by_image,
    detections_of,
    predict_in_found_boxes,
    predict_in_given_boxes,
)
from rtmpose3d.evaluation.real_people import RealPerson
from rtmpose3d.evaluation.real_samples import read_real_people
from rtmpose3d.evaluation.rendered_people import mean_pose_of_rendered, read_rendered_people
from rtmpose3d.evaluation.reports.tiles import draw_results, lay_out
from rtmpose3d.sources import load_image
from rtmpose3d.viz import standing_person
from rtmpose3d.zoo import resolve_pose

DETECTOR_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
RENDERED_IMAGES = 500  # at most
SHEET_IMAGES = 80  # at most
TIMED_RUNS = 15


def standing_mean_pose() -> MeanPose:
    """The baseline where no mean of training poses is given: a figure that stands upright."""
    points = standing_person()
    front = np.column_stack([points[:, 0], -points[:, 2]])
    box = np.concatenate([front.min(axis=0), front.max(axis=0)])
    camera = np.column_stack([points[:, 0], -points[:, 2], points[:, 1]])
    relative = camera - camera[[11, 12]].mean(axis=0)
    return MeanPose.of_poses([(front, np.ones(133, bool), box, relative)], of="a standing figure")


def given_boxes(
    model: RTMPose3D, people: Sequence[RealPerson], mean: MeanPose, out: Path, name: str
) -> Iterator[str]:
    """Tables of the people in their annotated boxes."""
    found = predict_in_given_boxes(model, people)
    images = len(found.results)
    yield f"### Given boxes: {len(people)} boxes in {images} images\n"
    yield from sheet.pck_table(people, found.keypoints, mean)
    yield ""
    yield from sheet.oks_table(people, found, mean)
    yield ""
    yield "PCK@0.1 by dataset, the mean pose in brackets:\n"
    yield from sheet.dataset_table(people, found.keypoints, mean)
    yield ""
    yield from sheet.space_table(people, found, mean)
    yield ""
    yield "How many keypoints of a confidence are right (PCK@0.1):\n"
    yield from sheet.confidence_table(people, found)
    yield ""
    save_sheet(found, out / f"{name}_given.jpg")


def found_boxes(
    model: RTMPose3D, people: Sequence[RealPerson], mean: MeanPose, out: Path, name: str
) -> Iterator[str]:
    """Tables of the people in the boxes that the detector finds, and of the detector."""
    chosen = [person for person in sheet.with_person_box(people) if not person.crowd]
    found = predict_in_found_boxes(model, chosen)
    yield f"### Detected boxes: {len(chosen)} people in {len(found.results)} images\n"
    yield "Who is not found counts as missed. The mean pose stands in the annotated boxes.\n"
    yield from sheet.pck_table(chosen, found.keypoints, mean)
    yield ""
    everybody = sheet.with_person_box(people)
    low = predict_in_found_boxes(model, everybody, bbox_thr=DETECTOR_THRESHOLDS[0])
    sizes_wh = {path: result.image_size_wh for path, result in low.results.items()}
    images = sheet.annotated_images(everybody, sizes_wh)
    finds = [detections_of(low.results[path]) for path in by_image(everybody)]
    yield "Detector, people taller than a fifth of the image, at an IoU of 0.5:\n"
    yield from sheet.detector_table(
        (thr, score_detections(images, finds, score_thr=thr)) for thr in DETECTOR_THRESHOLDS
    )
    yield ""
    save_sheet(found, out / f"{name}_found.jpg")


def timing(model: RTMPose3D, people: Sequence[RealPerson], *, detect: bool) -> Iterator[str]:
    """Milliseconds from image to result for one person."""
    image = load_image(people[0].image_path)
    box = people[0].box_xyxy[None]
    runs = {"given box": lambda: model(image, boxes=box)}
    if detect:
        runs["with detector"] = lambda: model(image, single_person=True)
    height, width = image.shape[:2]
    yield f"Time from image ({width}x{height}) to result, one person, ONNX Runtime:\n"
    for what, run in runs.items():
        run()
        times = []
        for _ in range(TIMED_RUNS):
            start = time.perf_counter()
            run()
            times.append(1e3 * (time.perf_counter() - start))
        yield f"- {what}: {statistics.median(times):.0f} ms"
    yield ""


def save_sheet(found: Predictions, path: Path) -> None:
    """Write the images with what was found in them as one JPEG."""
    results = list(found.results.values())[:SHEET_IMAGES]
    sheet = lay_out(draw_results(results))
    if not cv2.imwrite(str(path), sheet, [cv2.IMWRITE_JPEG_QUALITY, 90]):
        raise SystemExit(f"cannot write {path}")


def header(options: argparse.Namespace, mean: MeanPose) -> Iterator[str]:
    """What was run, where and when."""
    packages = ("rtmpose3d", "onnxruntime", "numpy", "opencv-python-headless")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    yield f"# {options.model}\n"
    yield f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, {versions}."
    flips = (
        resolve_pose(options.model).flip_test if options.flip_test is None else options.flip_test
    )
    yield f"Mean pose: {mean.of} ({mean.poses} poses). Flip test: {'yes' if flips else 'no'}.\n"


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="a name of the model table")
    parser.add_argument("--pose-checkpoint", type=Path)
    parser.add_argument("--detector", help="name of a detector; without it, given boxes only")
    parser.add_argument("--detector-checkpoint", type=Path)
    parser.add_argument("--rendered", type=Path, help="held-out dataset of rtmpose3d synth")
    parser.add_argument("--mean-pose", type=Path, help="of the training poses (MeanPose.save)")
    parser.add_argument("--training-data", type=Path, help="dataset to take the mean pose of")
    parser.add_argument("--flip-test", action=argparse.BooleanOptionalAction)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, required=True, help="folder for the image sheets")
    return parser.parse_args()


def mean_pose(options: argparse.Namespace) -> MeanPose:
    """The baseline: given, taken of training data (and kept in --out), or a standing figure."""
    if options.mean_pose:
        return MeanPose.load(options.mean_pose)
    if options.training_data:
        mean = mean_pose_of_rendered(options.training_data)
        mean.save(options.out / "mean_pose.npz")
        return mean
    return standing_mean_pose()


def tables(
    model: RTMPose3D, people: Sequence[RealPerson], mean: MeanPose, out: Path, name: str
) -> Iterator[str]:
    """All tables of one collection of people."""
    boxed = [person for person in people if not person.crowd]
    yield f"## {name}\n"
    yield from given_boxes(model, boxed, mean, out, name)
    if model.config.detector is not None:
        yield from found_boxes(model, people, mean, out, name)


def main() -> None:
    """Print the tables, write the sheets."""
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    mean = mean_pose(options)
    model = RTMPose3D.from_pretrained(
        options.model,
        device="cpu",
        pose_checkpoint=options.pose_checkpoint,
        detector=options.detector,
        detector_checkpoint=options.detector_checkpoint,
        flip_test=options.flip_test,
    )
    real = read_real_people(options.shared / "samples")
    lines = [header(options, mean), tables(model, real, mean, options.out, "real")]
    if options.rendered:
        rendered = read_rendered_people(options.rendered, max_images=RENDERED_IMAGES)
        lines.append(tables(model, rendered, mean, options.out, "rendered"))
    lines.append(timing(model, real, detect=options.detector is not None))
    for part in lines:
        for line in part:
            print(line, flush=True)


if __name__ == "__main__":
    main()
