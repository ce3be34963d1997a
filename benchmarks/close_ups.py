"""Faces that fill the image, and photographs without people, through the whole pipeline.

    python benchmarks/close_ups.py --data REAL_PEOPLE --backdrops photos/ [--first 2 --every 4]

Faces of Helen's test part, cut out with 1.2, 1.6 and 2 times their size, and with all their room.
A face is found if the mean error of its 68 landmarks is below 15 % of the distance of the outer eye
corners. Of each photograph without people, the whole and a random part of it are used.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from rtmpose3d import RTMPose3D
from rtmpose3d.data import load_record_image, read_dataset
from rtmpose3d.skeletons import PART_INDICES
from rtmpose3d.sources import load_image
from rtmpose3d.structures import FloatArray, Image, PoseResult
from rtmpose3d.synth.scene.backdrops import Backdrops

FACTORS = (1.2, 1.6, 2.0, 9.0)  # sides of the window in sizes of the face; 9: all there is
SIDE_PX = 480  # to which windows are enlarged
MAX_ERROR = 0.15  # of the distance of the outer eye corners
FACE = PART_INDICES["face"]
EYE_CORNERS = (36, 45)  # of the 68 landmarks


def cut_window(
    image: Image, landmarks: FloatArray, factor: float, rng: np.random.Generator
) -> tuple[Image, FloatArray]:
    """A window about a face, enlarged, and the landmarks in it."""
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    aspect = rng.choice([1.0, 4 / 3, 3 / 4]) ** 0.5
    side = (high - low).max() * factor
    size = np.maximum(side * np.array([aspect, 1 / aspect]), 1.05 * (high - low))
    centre = (low + high) / 2 + rng.uniform(-0.1, 0.1, 2) * side
    x1, y1 = np.maximum(np.round(centre - size / 2), 0).astype(int)
    x2, y2 = np.minimum(np.round(centre + size / 2), image.shape[1::-1]).astype(int)
    window = np.ascontiguousarray(image[y1:y2, x1:x2])
    enlarge = max(1, round(SIDE_PX / max(window.shape[:2])))
    window = cv2.resize(window, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_CUBIC)
    return np.asarray(window, np.uint8), (landmarks - [x1, y1]) * enlarge


def is_close_up(result: PoseResult, image: Image) -> bool:
    """Whether the result is one person whose box is the image."""
    return len(result) == 1 and bool((result.bboxes[0] == [0, 0, *image.shape[1::-1]]).all())


def face_error(result: PoseResult, landmarks: FloatArray) -> float:
    """Mean error of the best face, in distances of the outer eye corners; inf without one."""
    left, right = EYE_CORNERS
    eyes = float(np.linalg.norm(landmarks[left] - landmarks[right]))
    distance = np.linalg.norm(result.keypoints_2d[:, FACE] - landmarks, axis=2).mean(axis=1)
    return float(distance.min(initial=np.inf)) / eyes


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of faces/")
    parser.add_argument("--backdrops", type=Path, help="photographs without people")
    parser.add_argument("--split", choices=("train", "val"), default="val", help="of these")
    parser.add_argument("--model", default="rtmw3d-n", help="a name of the model table")
    parser.add_argument("--first", type=int, default=0, help="first face")
    parser.add_argument("--every", type=int, default=1, help="use every n-th face and photograph")
    options = parser.parse_args()
    model = RTMPose3D.from_pretrained(options.model, device="cpu")
    rng = np.random.default_rng(5)
    records = list(read_dataset("faces68", options.data / "faces", "test"))
    print("| window | faces | found | of these by the close-up | people per image |")
    print("|---|---:|---:|---:|---:|")
    for factor in FACTORS:
        rows = []
        for record in records[options.first :: options.every]:
            landmarks = record.keypoints_px[FACE].astype(np.float64)
            image, truth = cut_window(load_record_image(record), landmarks, factor, rng)
            result = model(image)
            found = face_error(result, truth) < MAX_ERROR
            rows.append((found, found and is_close_up(result, image), len(result)))
        found, close_up, people = np.mean(rows, axis=0)
        print(
            f"| {factor} | {len(rows)} | {found:.2f} | {close_up:.2f} | {people:.2f} |", flush=True
        )
    if options.backdrops is None:
        return
    images = detections = close_ups = 0
    for photo in Backdrops.open(options.backdrops, options.split).photos[:: options.every]:
        whole = load_image(photo.path)
        height, width = whole.shape[:2]
        part_w, part_h = (rng.uniform(0.3, 0.7) * np.array([width, height])).astype(int)
        x, y = rng.integers(0, width - part_w), rng.integers(0, height - part_h)
        for image in (whole, np.ascontiguousarray(whole[y : y + part_h, x : x + part_w])):
            result = model(image)
            false = is_close_up(result, image)
            images, close_ups = images + 1, close_ups + false
            detections += len(result) - false
    print(f"\n{images} images without people: {detections} detections, {close_ups} close-ups.")


if __name__ == "__main__":
    main()
