"""Drift of the contestants of `speed_vs_rtmlib.py`, and MediaPipe as a further one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rtmpose3d import PoseResult, RTMPose3D
from rtmpose3d.benchmark.drift import offset_statistics
from rtmpose3d.sources import load_image
from rtmpose3d.structures import Image
from rtmpose3d.zoo import DEMO_IMAGE, OFFLINE_MODEL, PoseSpec, default_confidence_thr

BOXES_PER_PERSON = 8
SHIFT = 0.06  # of the further boxes, shares of their sides
CROP_ROOM = 1.25  # a crop's sides over those of its box
MEDIAPIPE = "MediaPipe Holistic (full)"

PoseFunction = Callable[[Image, NDArray[np.float32]], object]


@dataclass(frozen=True, kw_only=True)
class PeerDrift:
    """Drift of a contestant's keypoints from those of its own library in fp32.

    Attributes:
        signed_px: mean over x and y, the larger of the two; pixels of the network's input.
        mean_px, p99_px: mean and 99th percentile of the distances.
    """

    signed_px: float
    mean_px: float
    p99_px: float


def keypoints_px(found: object) -> NDArray[np.floating]:
    """(N, K, 2) image pixels of a result of this package or of rtmlib."""
    if isinstance(found, PoseResult):
        return found.keypoints_2d
    assert isinstance(found, tuple)
    return np.asarray(found[-1] if len(found) == 4 else found[0])[..., :2]


def measure_drifts(
    spec: PoseSpec, poses: Mapping[str, PoseFunction], references: Mapping[str, str], exact: str
) -> dict[str, PeerDrift]:
    """Drift of contestants on crops of the people in the package's image.

    Args:
        spec: the pose model.
        poses: functions from image and boxes to poses, by contestant.
        references: the contestant in fp32 that each is compared with.
        exact: contestant of this package in fp32, whose confident keypoints are judged.
    """
    image = load_image(DEMO_IMAGE)
    boxes = RTMPose3D.from_pretrained(OFFLINE_MODEL, device="cpu")(image).bboxes
    rng = np.random.default_rng(0)
    sides = boxes[:, 2:] - boxes[:, :2]
    shifted = [
        boxes + np.tile(rng.uniform(-SHIFT, SHIFT, sides.shape) * sides, 2)
        for _ in range(BOXES_PER_PERSON)
    ]
    boxes = np.concatenate(shifted).astype(np.float32)
    result = poses[exact](image, boxes)
    assert isinstance(result, PoseResult)
    judged = result.confidence >= default_confidence_thr(spec.name)
    size = np.array(spec.input_size_wh, np.float64)
    px_per_input_px = (CROP_ROOM * (boxes[:, 2:] - boxes[:, :2]) / size).max(axis=1)
    points = {name: keypoints_px(pose(image, boxes)) for name, pose in poses.items()}
    drifts = {}
    for name, reference in references.items():
        moved = (points[name] - points[reference]) / px_per_input_px[:, None, None]
        signed_px, mean_px, p99_px = offset_statistics(moved[judged])
        drifts[name] = PeerDrift(signed_px=signed_px, mean_px=mean_px, p99_px=p99_px)
    return drifts


class MediaPipe:
    """MediaPipe in a process of its own environment, on one person in an image of full HD.

    Args:
        python: of the environment with mediapipe.
        folder: for the image.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        image = np.full((1080, 1920, 3), 114, np.uint8)
        person = cv2.resize(load_image(DEMO_IMAGE)[20:420, 260:520], None, fx=2.5, fy=2.5)
        image[40 : 40 + len(person), 600 : 600 + person.shape[1]] = person
        path = folder / "person.png"
        cv2.imwrite(str(path), image)
        script = Path(__file__).parent / "mediapipe_speed.py"
        self._process = subprocess.Popen(
            [str(python), str(script), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __call__(self) -> None:
        """One run.

        Raises:
            RuntimeError: the process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        if not self._process.stdout.readline():
            raise RuntimeError("MediaPipe's process has ended; run mediapipe_speed.py by itself")

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
