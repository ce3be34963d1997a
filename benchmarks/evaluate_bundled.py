"""Metrics and images of a model on annotated photographs and on rendered held-out people.

    python benchmarks/evaluate_bundled.py --model rtmw3d-n --detector rtmdet-n --out sheet

Prints the Markdown tables of docs/results.md: PCK, OKS-AP, MPJPE, the detector's recall and
precision, time. Photographs: the annotation samples in `--shared`/samples, for evaluation only.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import bundled_tables as sheet
import cv2
import numpy as np
from mean_pose import MeanPose, load_mean_pose, mean_pose, standing_mean_pose
from samples import read_samples

from rtmpose3d import RTMPose3D
from rtmpose3d.benchmark import describe_machine
from rtmpose3d.data import DATASETS, AnnotatedImage, PoseRecord
from rtmpose3d.evaluation import DatasetProtocol, MatchedPeople, RunOptions, SkippedItems
from rtmpose3d.evaluation.matching import detection_target
from rtmpose3d.evaluation.metrics import detection_metrics
from rtmpose3d.evaluation.poses import detections_from_result
from rtmpose3d.evaluation.protocols.dataset import read_annotated_images
from rtmpose3d.evaluation.reports.tiles import lay_out
from rtmpose3d.evaluation.running import Predicted, predict_records
from rtmpose3d.sources import load_image
from rtmpose3d.structures import Image, PoseResult
from rtmpose3d.viz import draw_2d
from rtmpose3d.zoo import default_confidence_thr, resolve_pose

DETECTOR_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
RENDERED_IMAGES = 500  # at most
SHEET_IMAGES = 80  # at most
TILE_HEIGHT_PX = 420
TIMED_RUNS = 15
PROTOCOL = DatasetProtocol(title="bundled models")


def run(
    model: RTMPose3D, images: Sequence[AnnotatedImage], options: RunOptions
) -> tuple[Predicted, MatchedPeople]:
    """Runs the model and matches its poses with the people who count."""
    predicted = predict_records(
        model, images, options, counts=PROTOCOL.counts, skipped=SkippedItems()
    )
    return predicted, PROTOCOL.match(predicted, detected=options.boxes == "detected")


def annotated_boxes(
    model: RTMPose3D, images: Sequence[AnnotatedImage], mean: MeanPose, out: Path, name: str
) -> Iterator[str]:
    """Tables of the people in their annotated boxes."""
    predicted, people = run(model, images, RunOptions())
    yield f"### Given boxes: {len(people)} boxes in {len(predicted.results)} images\n"
    yield from sheet.pck_table(people, mean)
    yield ""
    is_person = [DATASETS[name].box_kind == "person" for name in people.datasets]
    yield from sheet.oks_table(people.select(np.flatnonzero(is_person)), mean)
    yield ""
    yield "PCK@0.1 by dataset, the mean pose in brackets:\n"
    yield from sheet.dataset_table(people, mean)
    yield ""
    yield from sheet.table_3d(people, mean)
    yield ""
    yield "How many keypoints of a confidence are right (PCK@0.1):\n"
    yield from sheet.confidence_table(people)
    yield ""
    save_sheet(predicted, out / f"{name}_given.jpg")


def detected_boxes(
    model: RTMPose3D, images: Sequence[AnnotatedImage], mean: MeanPose, out: Path, name: str
) -> Iterator[str]:
    """Tables of the people in the boxes of the detector, and of the detector."""
    threshold = model.config.bbox_thr
    predicted, people = run(model, images, RunOptions(boxes="detected", bbox_thr=threshold))
    yield f"### Detected boxes: {len(people)} people in {len(predicted.results)} images\n"
    yield "People who are not detected count as missed. The mean pose is in the annotated boxes.\n"
    yield from sheet.pck_table(people, mean)
    yield ""
    low, _ = run(model, images, RunOptions(boxes="detected", bbox_thr=DETECTOR_THRESHOLDS[0]))
    results = [low.results[image.key] for image in images]
    targets = [
        detection_target(image, result.image_size_wh)
        for image, result in zip(images, results, strict=True)
    ]
    detections = [detections_from_result(result) for result in results]
    yield "Detector, people taller than a fifth of the image, at an IoU of 0.5:\n"
    yield from sheet.detector_table(
        {thr: detection_metrics(targets, detections, score_thr=thr) for thr in DETECTOR_THRESHOLDS}
    )
    yield ""
    save_sheet(predicted, out / f"{name}_found.jpg")


def has_person_box(record: PoseRecord) -> bool:
    """Whether the annotated box encloses the person closely, as a detection does."""
    return record.box_kind == "person" and DATASETS[record.dataset].tight_boxes


def timing(model: RTMPose3D, images: Sequence[AnnotatedImage], *, detect: bool) -> Iterator[str]:
    """Milliseconds from image to result for one person."""
    image = load_image(images[0].path)
    box = images[0].people[0].box_xyxy[None]
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


def save_sheet(predicted: Predicted, path: Path) -> None:
    """Writes the images with the predicted poses as one JPEG."""
    results = list(predicted.results.items())[:SHEET_IMAGES]
    tiles = [draw_tile(load_image(path), result) for (path, _), result in results]
    if not cv2.imwrite(str(path), lay_out(tiles), [cv2.IMWRITE_JPEG_QUALITY, 90]):
        raise SystemExit(f"cannot write {path}")


def draw_tile(image: Image, result: PoseResult) -> Image:
    """The result over its image, of the height of all tiles."""
    factor = TILE_HEIGHT_PX / image.shape[0]
    threshold = default_confidence_thr(result.model)
    drawn = draw_2d(image, result, confidence_thr=threshold, labels=False)
    size = max(round(drawn.shape[1] * factor), 1), TILE_HEIGHT_PX
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(drawn, size, interpolation=method).astype(np.uint8)


def header(options: argparse.Namespace, mean: MeanPose) -> Iterator[str]:
    """Model, machine, versions and date."""
    machine = describe_machine(None)
    yield f"# {options.model}\n"
    yield f"{machine['date']}, {machine['machine']}, {machine['versions']}."
    flips = (
        resolve_pose(options.model).flip_test if options.flip_test is None else options.flip_test
    )
    yield f"Mean pose: {mean.source} ({mean.poses} poses). Flip test: {'yes' if flips else 'no'}.\n"


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


def baseline(options: argparse.Namespace) -> MeanPose:
    """The mean pose: given, of training data (and kept in --out), or a standing person."""
    if options.mean_pose:
        return load_mean_pose(options.mean_pose)
    if options.training_data:
        images = read_annotated_images("rendered", options.training_data, SkippedItems())
        records = [r for image in images for r in image.people if PROTOCOL.counts(r)]
        mean = mean_pose(records, source=f"{len(records)} rendered training poses")
        mean.save(options.out / "mean_pose.npz")
        return mean
    return standing_mean_pose()


def tables(
    model: RTMPose3D, images: Sequence[AnnotatedImage], mean: MeanPose, out: Path, name: str
) -> Iterator[str]:
    """All tables of some annotated images."""
    yield f"## {name}\n"
    yield from annotated_boxes(model, images, mean, out, name)
    if model.config.detector is not None:
        boxed = [
            replace(image, people=tuple(r for r in image.people if has_person_box(r)))
            for image in images
        ]
        with_people = [image for image in boxed if image.people]
        yield from detected_boxes(model, with_people, mean, out, name)


def main() -> None:
    """Prints the tables, writes the sheets."""
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    mean = baseline(options)
    model = RTMPose3D.from_pretrained(
        options.model,
        device="cpu",
        pose_checkpoint=options.pose_checkpoint,
        detector=options.detector,
        detector_checkpoint=options.detector_checkpoint,
        flip_test=options.flip_test,
    )
    real = read_samples(options.shared / "samples")
    parts = [header(options, mean), tables(model, real, mean, options.out, "real")]
    if options.rendered:
        rendered = read_annotated_images("rendered", options.rendered, SkippedItems())[
            :RENDERED_IMAGES
        ]
        parts.append(tables(model, rendered, mean, options.out, "rendered"))
    parts.append(timing(model, real, detect=options.detector is not None))
    for part in parts:
        for line in part:
            print(line, flush=True)


if __name__ == "__main__":
    main()
