"""Speed and memory of a video from end to end: reading, estimation, drawing, encoding with sound.

    python benchmarks/video.py walk.mp4 [--model rtmw3d-n] [--detect-every 8] [--repeat 1]

Prints frames per second, CPU time per frame in all and of each stage alone, and the resident
memory over time. CPU time hardly depends on what else the machine does; frames per second do.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2

from rtmpose3d import RTMPose3D
from rtmpose3d.pipeline import DETECT_EVERY, detect_people, estimate_poses
from rtmpose3d.sinks.video import VideoSink
from rtmpose3d.sinks.video.encoder import VideoEncoder, open_output
from rtmpose3d.sources.video import open_frames
from rtmpose3d.structures import Image, PoseResult
from rtmpose3d.tracking import LiveSmoother, Tracker
from rtmpose3d.viz.video import VideoFigure

STAGE_FRAMES = 40
MEMORY_STEP = 150


def resident_mib() -> float:
    """Resident memory of this process, MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def run_end_to_end(model: RTMPose3D, video: Path, options: argparse.Namespace) -> None:
    """Process the video `repeat` times and print speed and memory."""
    frames = people = detections = 0
    memory: list[str] = []
    wall, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.repeat):
            with (
                model.stream(video, detect_every=options.detect_every) as stream,
                VideoSink(Path(folder, "overlay.mp4"), preset=options.preset) as sink,
            ):
                for result in stream:
                    sink.write(result)
                    people += len(result)
                    if frames % MEMORY_STEP == 0:
                        memory.append(f"{frames}: {resident_mib():.0f}")
                    frames += 1
            detections += stream.detections
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{frames} frames, {people / frames:.2f} people per frame, detector in {detections}")
    print(f"end to end: {frames / wall:.1f} frames per second, {1000 * cpu / frames:.1f} ms CPU")
    print(f"resident memory, MiB, by frame: {', '.join(memory)}")


def print_stage(name: str, action: Callable[[int], object], count: int) -> None:
    """Print the CPU time per frame of an action on each frame."""
    action(0)
    cpu = time.process_time()
    for index in range(count):
        action(index)
    print(f"{name:24s} {1000 * (time.process_time() - cpu) / count:6.1f} ms CPU per frame")


def run_stages(model: RTMPose3D, video: Path, preset: str) -> None:
    """Print the CPU time of each stage alone."""
    cpu = time.process_time()
    images: list[Image] = []
    with open_frames(video) as frames:
        for frame in frames:
            images.append(frame.image)
            if len(images) == STAGE_FRAMES:
                break
    print(f"{'read':24s} {1000 * (time.process_time() - cpu) / len(images):6.1f} ms CPU per frame")
    with model.stream(images) as stream:
        results = list(stream)
    estimator = model._estimator
    detector = estimator._open_detector()
    count = len(images)

    def detect(index: int) -> object:
        return detect_people(detector, [images[index]], bbox_thr=0.3)

    def estimate(index: int) -> object:
        boxes = [results[index].bboxes]
        return estimate_poses(estimator.pose, [images[index]], boxes, flip_test=False)

    print_stage("detect (in every frame)", detect, count)
    print_stage("pose", estimate, count)
    run_tracking(results)
    figure = VideoFigure()
    print_stage("draw", lambda i: figure.draw(results[i]), count)
    run_encoding(images, preset)


def run_tracking(results: Sequence[PoseResult]) -> None:
    """Print the CPU time of tracker and smoother."""
    tracker, smoother = Tracker(), LiveSmoother()
    cpu = time.process_time()
    for result in results:
        assert result.time_s is not None
        tracker.update(
            result.bboxes,
            result.bbox_scores,
            result.keypoints_2d,
            result.confidence,
            result.time_s,
        )
        smoother.update(result)
    spent = 1000 * (time.process_time() - cpu) / len(results)
    print(f"{'track and smooth':24s} {spent:6.1f} ms CPU per frame")


def run_encoding(images: Sequence[Image], preset: str) -> None:
    """Print the CPU time of the encoder."""
    height, width = images[0].shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.mp4")
        cpu = time.process_time()
        with open_output(path, path) as container:
            encoder = VideoEncoder(container, (width, height), fps=30, preset=preset)
            for index, image in enumerate(images):
                encoder.encode(image, index / 30)
            encoder.finish()
        spent = 1000 * (time.process_time() - cpu) / len(images)
    print(f"{f'encode ({preset})':24s} {spent:6.1f} ms CPU per frame")


def main() -> None:
    """Measures one video."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("video", type=Path)
    parser.add_argument("--model", default="rtmw3d-n")
    parser.add_argument("--detect-every", type=int, default=DETECT_EVERY)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--preset", default="superfast")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    model = RTMPose3D.from_pretrained(options.model, threads=options.threads)
    print(f"OpenCV threads: {cv2.getNumThreads()}")
    run_stages(model, options.video, options.preset)
    run_end_to_end(model, options.video, options)


if __name__ == "__main__":
    main()
