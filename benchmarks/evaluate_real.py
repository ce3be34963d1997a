"""The bundled models on real people: sport, faces, and the detector, on the test parts.

    python benchmarks/evaluate_real.py --data REAL_PEOPLE --pose new.pth --detector new.pth

Prints the tables of docs/results.md: PCK of the body against labels by hand, of feet and hands
against the teacher's labels, the error of 68 landmarks of faces, all in given boxes; recall and
precision of the detector against the boxes of the published RTMDet-nano. The mean pose is a row of
each. Takes a minute or two on a core; `--every 4` is enough to choose between trainings.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bundled_tables import share
from mean_pose import mean_pose

from rtmpose3d import RTMPose3D
from rtmpose3d.data import PoseRecord, ReadOptions, load_record_image, read_dataset
from rtmpose3d.data.box_labels import read_box_labels
from rtmpose3d.evaluation.matching import labels_target
from rtmpose3d.evaluation.metrics import (
    AnnotatedBoxes,
    detection_metrics,
    metrics_2d,
    relative_errors,
)
from rtmpose3d.pipeline.detect import detect_people
from rtmpose3d.runtime import RuntimeOptions, open_detector
from rtmpose3d.skeletons import PART_INDICES, WHOLEBODY
from rtmpose3d.sources import load_image
from rtmpose3d.structures import BoolArray, FloatArray
from rtmpose3d.zoo import BundledFile, resolve_detector

EYE_CORNERS = (23 + 36, 23 + 45)  # outer ones, whose distance normalises errors of faces
SIDES_PCK = 0.1  # of the box: a keypoint is right
LIMBS = (slice(5, 11), slice(11, 17))  # arms, legs
THRESHOLDS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
MIN_SCORE = 0.05
TRAIN_PART = ReadOptions(every=4)  # for the mean pose


@dataclass(frozen=True, kw_only=True, eq=False)
class People:
    """N annotated people and their predicted keypoints."""

    predicted_px: FloatArray  # (N, 133, 2)
    truth_px: FloatArray  # (N, 133, 2)
    by_hand: BoolArray  # (N, 133)
    by_teacher: BoolArray  # (N, 133)
    boxes_xyxy: FloatArray  # (N, 4)


def labelled_by_hand(records: Sequence[PoseRecord]) -> BoolArray:
    """(N, 133) keypoints that count fully: labelled by hand or rendered, not by a teacher."""
    weights = [np.ones(133) if r.label_weight is None else r.label_weight for r in records]
    return (np.stack(weights) == 1) & np.stack([r.visible > 0 for r in records])


def face_errors(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """(N,) mean errors of the 68 landmarks, in percent of the distance of the outer eye corners."""
    left, right = EYE_CORNERS
    face = PART_INDICES["face"]
    eyes = np.linalg.norm(truth[:, left] - truth[:, right], axis=1)
    distance = np.linalg.norm(predicted[:, face] - truth[:, face], axis=2)
    return 100 * distance.mean(axis=1) / eyes


def predict(model: RTMPose3D, records: Sequence[PoseRecord]) -> People:
    """Runs the model in the annotated boxes."""
    predicted = [
        model(load_record_image(r), boxes=r.box_xyxy[None]).keypoints_2d[0] for r in records
    ]
    by_hand = labelled_by_hand(records)
    return People(
        predicted_px=np.stack(predicted),
        truth_px=np.stack([r.keypoints_px for r in records]),
        by_hand=by_hand,
        by_teacher=np.stack([r.visible > 0 for r in records]) & ~by_hand,
        boxes_xyxy=np.stack([r.box_xyxy for r in records]),
    )


def pck_rows(people: People, predicted_px: FloatArray, name: str) -> Iterator[str]:
    """PCK of each part, labelled by hand or by the teacher."""
    errors = relative_errors(predicted_px, people.truth_px, people.boxes_xyxy)
    for labels, use in (("hand", people.by_hand), ("teacher", people.by_teacher)):
        for part, row in metrics_2d(errors, use, parts=("body", "feet", "face", "hands")).items():
            if row.keypoints:
                pck05, pck10, _ = row.pck
                yield (
                    f"| {name} | {part} | {labels} | {share(pck10)} | {share(pck05)} | "
                    f"{row.keypoints} |"
                )


def with_better_sides(people: People) -> FloatArray:
    """Predictions with left and right of arms or legs exchanged where that is better.

    What a network that knows the sides would gain at most; some labels have them exchanged.
    """
    flipped = people.predicted_px[:, WHOLEBODY.flip_index]
    both = np.stack([people.predicted_px, flipped])
    errors = [relative_errors(p, people.truth_px, people.boxes_xyxy) for p in both]
    right = (np.stack(errors) < SIDES_PCK) & people.by_hand
    best = people.predicted_px.copy()
    for limbs in LIMBS:
        better = right[1][:, limbs].sum(axis=1) > right[0][:, limbs].sum(axis=1)
        best[:, limbs] = np.where(better[:, None, None], flipped[:, limbs], best[:, limbs])
    return best


def sport(model: RTMPose3D, folder: Path, split: str, options: ReadOptions) -> Iterator[str]:
    """PCK on LSP Extended, of the model and of the mean pose of its train part."""
    records = list(read_dataset("lspet", folder, split, options=options))
    people = predict(model, records)
    train = list(read_dataset("lspet", folder, "train", options=TRAIN_PART))
    mean = mean_pose(train, source="train part").in_boxes(people.boxes_xyxy)
    yield f"### Sport (LSP Extended), {len(records)} people, given boxes\n"
    yield "| | part | labels | PCK@0.1 | PCK@0.05 | keypoints |\n|---|---|---|---:|---:|---:|"
    yield from pck_rows(people, people.predicted_px, "model")
    sides = pck_rows(people, with_better_sides(people), "model, better sides")
    yield from (row for row in sides if "| body | hand |" in row)
    yield from pck_rows(people, mean, "mean pose")
    yield ""


def faces(model: RTMPose3D, folder: Path, split: str, options: ReadOptions) -> Iterator[str]:
    """Mean error of 68 landmarks in distances of the outer eye corners."""
    records = list(read_dataset("faces68", folder, split, options=options))
    people = predict(model, records)
    train = list(read_dataset("faces68", folder, "train", options=TRAIN_PART))
    mean = mean_pose(train, source="train part").in_boxes(people.boxes_xyxy)
    yield f"### Faces (Helen), {len(records)} people, given boxes\n"
    yield "| | mean error | median of faces | worst tenth above |\n|---|---:|---:|---:|"
    for name, predicted in (("model", people.predicted_px), ("mean pose", mean)):
        errors = face_errors(predicted, people.truth_px)
        yield (
            f"| {name} | {errors.mean():.1f} % | {np.median(errors):.1f} % | "
            f"{np.quantile(errors, 0.9):.1f} % |"
        )
    yield ""


def detector(name: str, checkpoint: Path | None, folder: Path, every: int) -> Iterator[str]:
    """Recall and precision against another detector's boxes."""
    spec = resolve_detector(name)
    if checkpoint is None:
        if not isinstance(spec.file, BundledFile):
            raise SystemExit(f"{name} is not in the package: give its weights, --detector FILE")
        checkpoint = spec.file.path
    session = open_detector(spec, checkpoint, RuntimeOptions(device="cpu"))
    targets: list[AnnotatedBoxes] = []
    detections = []
    for labels in read_box_labels(folder / "test")[::every]:
        image = load_image(labels.path)
        targets.append(labels_target(labels, (image.shape[1], image.shape[0])))
        detections += detect_people(session, [image], bbox_thr=MIN_SCORE)
    yield f"### Detector, {len(targets)} images of sport, people taller than a fifth of the image\n"
    yield "| score above | recall | precision | people | detections |\n|---:|---:|---:|---:|---:|"
    for score in THRESHOLDS:
        row = detection_metrics(targets, detections, score_thr=score)
        yield (
            f"| {score:g} | {share(row.recall)} | {share(row.precision)} | {row.people} | "
            f"{row.detections} |"
        )
    yield ""


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of lspet/ and faces/")
    parser.add_argument("--model", default="rtmw3d-n", help="a name of the model table")
    parser.add_argument("--pose", type=Path, help="weights of the pose model; default: its own")
    parser.add_argument("--detector-model", default="rtmdet-n")
    parser.add_argument("--detector", type=Path, help="weights of the detector; default: its own")
    parser.add_argument("--split", default="test", help="of sport and faces: test or train")
    parser.add_argument("--parts", default="sport,faces,detector")
    parser.add_argument("--every", type=int, default=1, help="use every n-th image only")
    options = parser.parse_args()
    parts, every = options.parts.split(","), ReadOptions(every=options.every)
    if "sport" in parts or "faces" in parts:
        model = RTMPose3D.from_pretrained(
            options.model, device="cpu", pose_checkpoint=options.pose, detector=None
        )
        for part, table, folder in (("sport", sport, "lspet"), ("faces", faces, "faces")):
            if part in parts:
                print(*table(model, options.data / folder, options.split, every), sep="\n")
    if "detector" in parts:
        folder = options.data / "lspet"
        rows = detector(options.detector_model, options.detector, folder, options.every)
        print(*rows, sep="\n")


if __name__ == "__main__":
    main()
