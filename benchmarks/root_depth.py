"""Root depth of people with known cameras, as Markdown tables.

    python benchmarks/root_depth.py
    python benchmarks/root_depth.py --model rtmw3d-n --rendered rendered/val --fit rendered/train

Without a model, true image points and relative depths go in: what proportions alone determine.
With a model, its own keypoints in the annotated boxes do. `--fit` prints the ratios of bones of
the model's keypoints to the table (`KeypointAccuracy.bone_ratio`) and the sizes of boxes
(`KeypointAccuracy.box_extents`), measured on other people.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtmpose3d import RTMPose3D
from rtmpose3d.data import PoseRecord, ReadOptions, read_dataset
from rtmpose3d.geometry import Camera, solve_root_depth
from rtmpose3d.geometry.box_extents import LOWEST_JOINTS, visible_boxes
from rtmpose3d.geometry.proportions import BONES
from rtmpose3d.geometry.root_depth import (
    DEFAULT_ROOT_DEPTH_M,
    PUBLISHED_ACCURACY,
    lowest_joints,
)
from rtmpose3d.skeletons import HIPS
from rtmpose3d.zoo import resolve_pose

SAMPLES = (  # dataset, folder of its sample, split, annotation file
    ("h36m", "h36m", "test", "test_h36m_body3d.npz"),
    ("mpi-inf-3dhp", "mpi_inf_3dhp", "train", "test_3dhp_train.npz"),
    ("mpi-inf-3dhp", "mpi_inf_3dhp", "test", "test_3dhp_test.npz"),
)
MIN_BOX_PX = 80.0  # longer side of rendered people who count
SURE = 0.6  # confidence of keypoints whose bones are measured


@dataclass(frozen=True, kw_only=True)
class Person:
    """One annotated person: name, camera, (133, 2) px, (133,) m, (133,) 0 to 1, (4,) px, m."""

    name: str
    camera: Camera
    keypoints_2d: NDArray[np.floating]
    depth_m: NDArray[np.floating]
    confidence: NDArray[np.floating]
    box_xyxy: NDArray[np.floating]
    root_depth_m: float


def annotated_people(samples: Path) -> Iterator[PoseRecord]:
    """The annotated people of a folder that holds the samples h36m and mpi_inf_3dhp."""
    for dataset, folder, split, file in SAMPLES:
        yield from read_dataset(
            dataset,
            samples / folder,
            split,
            annotations=file,
            images=".",
            options=ReadOptions(check_images=False),
        )


def rendered_people(folder: Path, options: ReadOptions | None = None) -> Iterator[PoseRecord]:
    """The people of a dataset of `rtmpose3d synth` that are not tiny."""
    for record in read_dataset("rendered", folder, "train", options=options or ReadOptions()):
        box = record.box_xyxy
        if (box[2:] - box[:2]).max() >= MIN_BOX_PX:
            yield record


def as_annotated(record: PoseRecord) -> Person:
    """The annotated keypoints of a person."""
    annotated = record.annotated
    assert record.keypoints_camera_m is not None
    relative = record.keypoints_camera_m[:, 2].astype(np.float64) - root_depth(record)
    return Person(
        name=person_name(record),
        camera=known_camera(record),
        keypoints_2d=np.where(annotated[:, None], record.keypoints_px, 0.0).astype(np.float64),
        depth_m=np.where(annotated, relative, 0.0),
        confidence=annotated.astype(np.float64),
        box_xyxy=record.box_xyxy,
        root_depth_m=root_depth(record),
    )


def as_predicted(record: PoseRecord, model: RTMPose3D) -> Person | None:
    """The model's keypoints of a person; None where there is no image."""
    if not isinstance(record.image, Path) or not record.image.is_file():
        return None
    camera = known_camera(record)
    result = model(record.image, boxes=record.box_xyxy[None], camera=camera)
    assert result.keypoints_camera is not None
    assert result.root_depth_m is not None
    return Person(
        name=person_name(record),
        camera=camera,
        keypoints_2d=result.keypoints_2d[0],
        depth_m=result.keypoints_camera[0, :, 2] - result.root_depth_m[0],
        confidence=result.confidence[0],
        box_xyxy=record.box_xyxy,
        root_depth_m=root_depth(record),
    )


def person_name(record: PoseRecord) -> str:
    """Dataset and image of a person."""
    return f"{record.dataset} {Path(str(record.image)).stem}"


def known_camera(record: PoseRecord) -> Camera:
    """The person's camera."""
    assert record.camera is not None
    return record.camera


def root_depth(record: PoseRecord) -> float:
    """True depth of the middle of the hips, metres."""
    assert record.keypoints_camera_m is not None
    return float(record.keypoints_camera_m[list(HIPS), 2].astype(np.float64).mean())


def table(people: Iterable[Person], model: RTMPose3D | None, *, rows: bool) -> Iterator[str]:
    """Markdown table of the errors, one row per person if there are `rows`, and a summary."""
    accuracy = PUBLISHED_ACCURACY if model is None else resolve_pose(model.config.model).accuracy
    if rows:
        yield "| person | true, m | solved, m | error | errors in std | error of 5.144 m |"
        yield "|---|---:|---:|---:|---:|---:|"
    errors, in_std, constant, estimated = [], [], [], []
    for person in people:
        solved = solve_root_depth(
            person.keypoints_2d[None],
            person.depth_m[None],
            person.confidence[None],
            person.camera,
            accuracy=accuracy,
            boxes_xyxy=person.box_xyxy[None],
        )
        depth, std, true = solved.depth_m[0], solved.std_m[0], person.root_depth_m
        errors.append(depth / true - 1)
        in_std.append((depth - true) / std)
        constant.append(DEFAULT_ROOT_DEPTH_M / true - 1)
        estimated.append(solved.source[0] == "estimated")
        if rows:
            yield (
                f"| {person.name} | {true:.2f} | {depth:.2f} ± {std:.2f} | {errors[-1]:+.1%} "
                f"| {in_std[-1]:+.1f} | {constant[-1]:+.1%} |"
            )
    yield ""
    everyone = np.ones(len(errors), bool)
    for name, rows_of in (("people", everyone), ("of these estimated", np.array(estimated, bool))):
        size, beyond = np.abs(errors)[rows_of], np.abs(in_std)[rows_of] > 2
        yield (
            f"{len(size)} {name}: mean of the absolute errors {size.mean():.1%}, median "
            f"{np.median(size):.1%}, beyond two standard deviations {beyond.mean():.1%}."
        )
    yield f"5.144 m for all: {np.abs(constant).mean():.1%}."


def bone_ratios(people: Iterable[Person]) -> Iterator[str]:
    """Median length of each bone at the true distance over that of the table."""
    everyone = list(people)
    yield "| bone | ratio |"
    yield "|---|---:|"
    for bone in BONES:
        lengths = [
            bone_length(person, *ends)
            for person in everyone
            for ends in bone.keypoints
            if person.confidence[list(ends)].min() > SURE
        ]
        yield f"| {bone.name} | {np.median(lengths) / bone.length_m:.2f} |"


def box_extents(people: Iterable[Person], model: RTMPose3D) -> Iterator[str]:
    """Longer sides of boxes at the true distance, and the standard deviation of their log.

    By the lowest reliable joint, for boxes inside the image and for those that its border cuts.
    """
    accuracy = resolve_pose(model.config.model).accuracy
    extents: dict[tuple[int, bool], list[float]] = {}
    for person in people:
        sure = np.minimum(person.confidence[None] / accuracy.full_confidence, 1.0)
        kind = int(lowest_joints(sure.astype(np.float64))[0])
        side, cut = visible_boxes(person.box_xyxy[None], person.camera)
        extent_m = person.root_depth_m * float(side[0])
        extents.setdefault((kind, bool(cut[0])), []).append(np.log(extent_m))
    yield "| lowest joint | cut off | people | median, m | standard deviation of log |"
    yield "|---|---|---:|---:|---:|"
    for (kind, cut), logs in sorted(extents.items()):
        yield (
            f"| {LOWEST_JOINTS[kind]} | {'yes' if cut else 'no'} | {len(logs)} | "
            f"{np.exp(np.median(logs)):.2f} | {np.std(logs):.2f} |"
        )


def bone_length(person: Person, first: int, second: int) -> float:
    """Metres between two keypoints of a person at the true distance."""
    ends = [first, second]
    z = person.root_depth_m + person.depth_m[ends]
    points = person.camera.unproject(person.keypoints_2d[ends], z)
    return float(np.linalg.norm(points[0] - points[1]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="shared data")
    parser.add_argument("--model", help="a 3D model of the table; without it, true keypoints")
    parser.add_argument("--rendered", type=Path, help="dataset of rtmpose3d synth")
    parser.add_argument("--fit", type=Path, help="another one, to measure bones on")
    options = parser.parse_args()
    model = RTMPose3D.from_pretrained(options.model, detector=None) if options.model else None

    def convert(records: Iterable[PoseRecord]) -> Iterator[Person]:
        people = (as_predicted(r, model) if model else as_annotated(r) for r in records)
        return (person for person in people if person is not None)

    print("## Real people, true cameras\n")
    for line in table(convert(annotated_people(options.shared / "samples")), model, rows=True):
        print(line)
    if options.rendered:
        print(f"\n## Rendered people of {options.rendered}\n")
        for line in table(convert(rendered_people(options.rendered)), model, rows=False):
            print(line)
    if options.fit:
        others = list(convert(rendered_people(options.fit)))
        print(f"\n## Bones of the keypoints, measured on {options.fit}\n")
        for line in bone_ratios(others):
            print(line)
        if model:
            print("\n## Sizes of boxes, measured on the same people\n")
            for line in box_extents(others, model):
                print(line)


if __name__ == "__main__":
    main()
