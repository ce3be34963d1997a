"""Images of a detector's training in one folder: sport, faces that fill the image, backgrounds.

    python benchmarks/detector_labels.py --data REAL_PEOPLE --backdrops photos/ --out detector_data
    python benchmarks/train_bundled.py --data detector_data --pose-minutes 0 ...

Links the images of `lspet` and `faces` and writes reduced copies of photographs without people. The
box of a face's person follows from its 68 landmarks: to the lower border of the image, with hair
and shoulders. What is next to it may be other people and is ignored.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from rtmpose3d.data.box_labels import read_box_labels
from rtmpose3d.sources import load_image
from rtmpose3d.structures import FloatArray
from rtmpose3d.synth.scene.backdrops import Backdrops

JAW = 0, 16  # of the 68 landmarks: its ends at the ears
BROWS = slice(17, 27)
HALF_WIDTH = 1.25  # of a person's box, in widths of the jaw
HAIR = 0.65  # above the brows, in heights of the face below them
MIN_MARGIN_PX = 12  # what is narrower is not ignored, but background
PERSON, DOUBTFUL = 1.0, 0.3  # scores: the latter are ignored
LONGER_SIDE_PX = 640  # of photographs without people


class Row(NamedTuple):
    """An image of the folder: its name, boxes (M, 4) px and scores (M,)."""

    name: str
    boxes_xyxy: FloatArray
    scores: FloatArray


def person_boxes(landmarks: FloatArray, size_wh: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Boxes and scores of an image of a face: of the person, and of what is next to it.

    Args:
        landmarks: (68, 2) px.
        size_wh: size of the image, px.
    """
    width, height = size_wh
    ears, chin = landmarks[list(JAW)], landmarks[:, 1].max()
    middle = ears[:, 0].mean()
    half = HALF_WIDTH * np.linalg.norm(ears[1] - ears[0])
    brows = landmarks[BROWS, 1].min()
    left, right = max(middle - half, 0.0), min(middle + half, float(width))
    top = max(brows - HAIR * (chin - brows), 0.0)
    boxes, scores = [(left, top, right, height)], [PERSON]
    for x1, x2 in ((0.0, left), (right, float(width))):
        if x2 - x1 > MIN_MARGIN_PX:
            boxes.append((x1, 0.0, x2, height))
            scores.append(DOUBTFUL)
    return np.array(boxes, np.float32), np.array(scores, np.float32)


def link(source: Path, folder: Path, name: str) -> str:
    """Links a file into the folder; its name there."""
    target = folder / name
    if not target.is_symlink():
        target.symlink_to(source.resolve())
    return name


def sport(source: Path, folder: Path) -> Iterator[Row]:
    """Images of `lspet` with the boxes of another detector."""
    for labels in read_box_labels(source):
        scores = np.where(labels.ignored, DOUBTFUL, PERSON).astype(np.float32)
        yield Row(link(labels.path, folder, labels.path.name), labels.boxes_xyxy, scores)


def faces(source: Path, folder: Path) -> Iterator[Row]:
    """Images of `faces68`."""
    with np.load(source / "labels.npz", allow_pickle=False) as data:
        names, landmarks = data["names"], data["landmarks"].astype(np.float32)
    for name, points in zip(names.tolist(), landmarks, strict=True):
        height, width = load_image(source / name).shape[:2]
        linked = link(source / name, folder, f"face_{Path(name).name}")
        yield Row(linked, *person_boxes(points, (width, height)))


def backgrounds(source: Path, folder: Path) -> Iterator[Row]:
    """Photographs without people."""
    for photo in Backdrops.open(source, "train").photos:
        image = load_image(photo.path)
        factor = min(1.0, LONGER_SIDE_PX / max(image.shape[:2]))
        name = f"background_{photo.path.stem}.jpg"
        reduced = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / name), reduced)
        yield Row(name, np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


def keypoints(source: Path, images: int) -> tuple[FloatArray, FloatArray]:
    """Joints and teacher's keypoints of `lspet`, whose people come first; others have none."""
    with np.load(source / "labels.npz", allow_pickle=False) as data:
        joints, teacher = data["joints"], data["teacher"]
    others = images - len(joints)
    no_joints = np.zeros((others, *joints.shape[1:]), joints.dtype)
    no_teacher = np.full((others, *teacher.shape[1:]), np.nan, teacher.dtype)
    return np.concatenate([joints, no_joints]), np.concatenate([teacher, no_teacher])


def main() -> None:
    """Writes OUT/lspet/train, and a link to the faces for `rtmw3d-n`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of lspet/ and faces/")
    parser.add_argument("--backdrops", type=Path, required=True, help="photographs without people")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    folder = options.out / "lspet" / "train"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        *sport(options.data / "lspet" / "train", folder),
        *faces(options.data / "faces" / "train", folder),
        *backgrounds(options.backdrops, folder),
    ]
    joints, teacher = keypoints(options.data / "lspet" / "train", len(rows))
    np.savez_compressed(
        folder / "labels.npz",
        joints=joints,
        teacher=teacher,
        names=np.array([row.name for row in rows]),
        detector_boxes=np.concatenate([row.boxes_xyxy for row in rows]),
        detector_scores=np.concatenate([row.scores for row in rows]),
        detector_counts=np.array([len(row.scores) for row in rows]),
    )
    link(options.data / "faces", options.out, "faces")
    print(f"{folder}: {len(rows)} images")


if __name__ == "__main__":
    main()
