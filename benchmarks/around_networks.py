"""CPU time of all but the networks: letterbox, selection, crop, decoding, root depth, result.

    python benchmarks/around_networks.py rtmw3d-l rtmw3d-n [--flip-test] [--rounds 9]

For one person in an image of 1280x720, with the model's own detector, in OpenVINO on one thread.
CPU time hardly depends on what else the machine does, except that shared caches slow it down.
Where weights are not on this disk, synthetic ones are used; their detector's time is measured, and
the person's box is given in any case.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from rtmpose3d.benchmark.measuring import find_weights
from rtmpose3d.geometry.letterbox import letterbox
from rtmpose3d.pipeline import PoseEstimator, filter_candidates
from rtmpose3d.runtime import RuntimeOptions, open_detector, open_pose
from rtmpose3d.runtime.backends import openvino
from rtmpose3d.sources import load_image
from rtmpose3d.structures import Detections, Frame
from rtmpose3d.zoo import DEMO_IMAGE, resolve_detector, resolve_pose

IMAGE_SIZE_WH = (1280, 720)
PERSON_XYXY = (375, 50, 665, 440)  # of the rendered image in the package, at this size
BBOX_THR = 0.3


class NetworkClock:
    """Sums the time of OpenVINO's inference, in place of `run_stages`.

    Args:
        now: the clock; the process's CPU time by default.
    """

    def __init__(self, now: Callable[[], float] = time.process_time) -> None:
        self.seconds = 0.0
        self._now = now
        self._run = openvino.run_stages
        openvino.run_stages = self

    def __call__(self, requests: Sequence, images: np.ndarray) -> tuple[np.ndarray, ...]:
        """Runs and sums."""
        start = self._now()
        results = self._run(requests, images)
        self.seconds += self._now() - start
        return results


def measure(name: str, clock: NetworkClock, *, flip_test: bool, rounds: int) -> None:
    """Print the times of a model and its detector."""
    options = RuntimeOptions(backend="openvino", device="cpu", threads=1)
    spec, detector_spec = resolve_pose(name), resolve_detector(resolve_pose(name).detector)
    detector = open_detector(detector_spec, find_weights(detector_spec, None), options)
    pose = open_pose(spec, find_weights(spec, None), options)
    estimator = PoseEstimator(pose=pose, detector=detector, flip_test=flip_test)
    image = np.asarray(cv2.resize(load_image(DEMO_IMAGE), IMAGE_SIZE_WH), np.uint8)
    frame = Frame(image=image)
    person = Detections(
        boxes_xyxy=np.array([PERSON_XYXY], np.float32), scores=np.ones(1, np.float32)
    )
    totals, networks = [], []
    for _ in range(rounds + 1):
        clock.seconds, start = 0.0, time.process_time()
        estimator.detect([frame])
        estimator.run([frame], people=[person])
        totals.append(1e3 * (time.process_time() - start))
        networks.append(1e3 * clock.seconds)
    total, network = statistics.median(totals[1:]), statistics.median(networks[1:])
    rest = statistics.median([a - b for a, b in zip(totals[1:], networks[1:], strict=True)])
    print(
        f"{name} and {detector_spec.name}: {total:.1f} ms in all, {network:.1f} in the networks, "
        f"{rest:.1f} around them ({100 * rest / total:.1f} %)"
    )
    pixels, scale_wh = letterbox(frame.image, detector.input_size_wh)
    (candidates,) = detector.run(pixels[None])
    start = time.process_time()
    for _ in range(100):
        letterbox(frame.image, detector.input_size_wh)
    middle = time.process_time()
    for _ in range(100):
        filter_candidates(candidates, detector, scale_wh, bbox_thr=BBOX_THR)
    end = time.process_time()
    print(f"  letterbox {10 * (middle - start):.2f} ms, selection {10 * (end - middle):.2f} ms")


def main() -> None:
    """Measures each model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--flip-test", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    clock = NetworkClock()
    for name in options.models:
        measure(name, clock, flip_test=options.flip_test, rounds=options.rounds)


if __name__ == "__main__":
    main()
