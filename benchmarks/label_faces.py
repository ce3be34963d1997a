"""Keypoints of body and hands for photographs of faces, by MediaPipe Holistic (full).

    python -m venv mp && mp/bin/pip install mediapipe==0.10.21 rtmpose3d
    mp/bin/python benchmarks/label_faces.py faces/train/labels.npz --out labels.npz

Adds an array `teacher` (N, 133, 3) to the labels of the dataset `faces68`: pixels and score, NaN
where there is nothing. Labels of a photograph are kept where eyes and nose agree with its
landmarks. MediaPipe needs an environment of its own.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import mediapipe  # pyright: ignore[reportMissingImports]
import numpy as np
from mediapipe_people import BODY, FIRST_LEFT_HAND, FIRST_RIGHT_HAND, KEYPOINTS

HAND_POINTS = 21
MIN_SIDE_PX = 640  # photographs are enlarged to it
MAX_DISAGREEMENT = 0.3  # of eyes and nose, in distances of the eyes


def label(model: object, image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(133, 3) keypoints of the person with these (68, 2) landmarks of the face."""
    labels = np.full((KEYPOINTS, 3), np.nan, np.float32)
    height, width = image.shape[:2]
    factor = max(1.0, MIN_SIDE_PX / max(height, width))
    large = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    found = model.process(cv2.cvtColor(large, cv2.COLOR_BGR2RGB))  # pyright: ignore
    if found.pose_landmarks is None:
        return labels
    size = np.array([width, height])
    body = [found.pose_landmarks.landmark[i] for i in BODY]
    labels[: len(BODY), :2] = np.array([[p.x, p.y] for p in body]) * size - 0.5
    labels[: len(BODY), 2] = [p.visibility for p in body]
    hands = (
        (found.left_hand_landmarks, FIRST_LEFT_HAND),
        (found.right_hand_landmarks, FIRST_RIGHT_HAND),
    )
    for hand, first in hands:
        if hand is not None:
            points = np.array([[p.x, p.y] for p in hand.landmark]) * size - 0.5
            labels[first : first + HAND_POINTS, :2] = points
            labels[first : first + HAND_POINTS, 2] = 1
    left_eye, right_eye = landmarks[42:48].mean(axis=0), landmarks[36:42].mean(axis=0)
    apart = np.linalg.norm(labels[:3, :2] - [landmarks[30], left_eye, right_eye], axis=1)
    distance = max(
        np.linalg.norm(left_eye - right_eye), 0.4 * np.linalg.norm(landmarks[27] - landmarks[8])
    )
    if apart.max() > MAX_DISAGREEMENT * distance:
        return np.full_like(labels, np.nan)
    outside = ~((labels[:, :2] > 0) & (labels[:, :2] < size - 1)).all(axis=1)
    labels[outside] = np.nan
    return labels


def main() -> None:
    """Labels all photographs of a part of the dataset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labels", type=Path, help="labels.npz in the folder of the photographs")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with np.load(options.labels) as data:
        arrays = dict(data)
    teacher = np.full((len(arrays["names"]), KEYPOINTS, 3), np.nan, np.float32)
    holistic = mediapipe.solutions.holistic.Holistic(static_image_mode=True, model_complexity=1)
    with holistic as model:
        for row, name in enumerate(arrays["names"]):
            path = options.labels.parent / str(name)
            image = cv2.imread(str(path))
            if image is None:
                raise SystemExit(f"{path} is not a readable image")
            teacher[row] = label(model, image, arrays["landmarks"][row])
    np.savez_compressed(options.out, **arrays, teacher=teacher)
    print(f"{np.isfinite(teacher[:, :17, 0]).any(axis=1).sum()} of {len(teacher)} with a body")


if __name__ == "__main__":
    main()
