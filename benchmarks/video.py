"""Speed and memory of a video from end to end: reading, estimation, drawing, encoding with sound.

    python benchmarks/video.py walk.mp4 [--model rtmw3d-n] [--frames 330] [--max-people 1]

Prints the time of the start (loading, and the first frames) apart from the steady state, frames per
second, the share of the time in which a network runs (in OpenVINO, one call at a time), CPU time
per frame in all, of each thread and of each stage alone, and the resident memory over time. A
shorter video is played forwards and backwards. CPU time hardly depends on what else the machine
does; frames per second do.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import cv2
from around_networks import NetworkClock

from rtmpose3d import RTMPose3D
from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.pipeline import DETECT_EVERY, detect_people, estimate_poses
from rtmpose3d.sinks.video import VideoSink
from rtmpose3d.sinks.video.encoder import VideoEncoder, open_output
from rtmpose3d.sources.video import open_frames
from rtmpose3d.structures import Image, PoseResult
from rtmpose3d.tracking import LiveSmoother, Tracker
from rtmpose3d.viz.video import VideoFigure

STAGE_FRAMES = 40
WARM_FRAMES = 30  # at the start, counted apart
AHEAD = 30  # frames that are read before they are needed
MEMORY_STEP = 150


def resident_mib() -> float:
    """Resident memory of this process, MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def loop_video(video: Path, frames: int, folder: Path) -> Path:
    """The video itself if it is long enough, else a copy that plays it forwards and backwards."""
    with av.open(str(video)) as source:
        stream = source.streams.video[0]
        images = [frame.to_ndarray(format="yuv420p") for frame in source.decode(stream)]
        rate = stream.average_rate
    if len(images) >= frames:
        return video
    there_and_back = [*images, *images[-2:0:-1]]
    longer = folder / "longer.mp4"
    with av.open(str(longer), "w") as output:
        track = output.add_stream("libx264", rate=rate)
        track.height, track.width = images[0].shape[0] * 2 // 3, images[0].shape[1]
        track.pix_fmt, track.options = "yuv420p", {"crf": "20", "preset": "veryfast"}
        for index in range(frames):
            image = there_and_back[index % len(there_and_back)]
            frame = av.VideoFrame.from_ndarray(image, format="yuv420p")
            frame.pts, frame.time_base = index, 1 / Fraction(rate)
            output.mux(track.encode(frame))
        output.mux(track.encode(None))
    return longer


def thread_times() -> dict[int, float]:
    """CPU time of each thread of this process, seconds (Linux)."""
    ticks = os.sysconf("SC_CLK_TCK")
    times = {}
    for thread in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            fields = (thread / "stat").read_text().rpartition(")")[2].split()
            times[int(thread.name)] = (int(fields[11]) + int(fields[12])) / ticks
    return times


def run_end_to_end(
    model: RTMPose3D, video: Path, options: argparse.Namespace, clock: NetworkClock
) -> None:
    """Process the video and print speed and memory after the first frames."""
    frames = people = warm_detections = 0
    memory: list[str] = []
    began = time.perf_counter(), time.process_time()
    warm = began
    threads: dict[int, float] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        model.stream(
            video, detect_every=options.detect_every, max_people=options.max_people
        ) as stream,
        VideoSink(Path(folder, "overlay.mp4"), preset=options.preset) as sink,
    ):
        for result in stream:
            sink.write(result)
            frames += 1
            if frames % MEMORY_STEP == 0:
                memory.append(f"{frames}: {resident_mib():.0f}")
            if frames <= WARM_FRAMES:
                warm = time.perf_counter(), time.process_time()
                warm_detections, threads = stream.detections, thread_times()
                clock.seconds = 0.0
            else:
                people += len(result)
            if frames == options.frames:  # before the source ends, and its threads with it
                break
        counted = frames - WARM_FRAMES
        wall, cpu = time.perf_counter() - warm[0], time.process_time() - warm[1]
        detections = stream.detections - warm_detections
        spent = {number: s - threads.get(number, 0) for number, s in thread_times().items()}
    print(f"first {WARM_FRAMES} frames: {warm[0] - began[0]:.1f} s, {warm[1] - began[1]:.1f} s CPU")
    print(f"{counted} frames, {people / counted:.2f} people per frame, detector in {detections}")
    print(
        f"steady: {counted / wall:.1f} frames per second, {1000 * cpu / counted:.1f} ms CPU, "
        f"a network runs in {100 * clock.seconds / wall:.0f} % of the time"
    )
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    by_name = defaultdict[str, float](float)
    for number, seconds in spent.items():
        by_name[names.get(number, "OpenVINO, FFmpeg, x264")] += 1000 * seconds / counted
    by_name["ended threads"] = 1000 * (cpu - sum(spent.values())) / counted
    print("CPU by thread:", ", ".join(f"{k} {v:.1f} ms" for k, v in by_name.items()))
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
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--checkpoint", type=Path, help="of the pose network")
    parser.add_argument("--detector", default="auto", help="auto: the model's own")
    parser.add_argument("--detect-every", type=int, default=DETECT_EVERY)
    parser.add_argument("--max-people", type=int)
    parser.add_argument("--frames", type=int, default=330)
    parser.add_argument("--preset", default="superfast")
    parser.add_argument("--threads", type=int, help="default: as the command line chooses")
    parser.add_argument("--no-stages", action="store_true")
    options = parser.parse_args()
    began = time.perf_counter(), time.process_time()
    model = RTMPose3D.from_pretrained(
        options.model,
        backend=options.backend,
        threads=options.threads or ModelOptions().for_streams().threads,
        pose_checkpoint=options.checkpoint,
        detector=options.detector,
    )
    clock = NetworkClock(time.perf_counter)
    wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    print(f"{model._estimator.pose.runtime}, OpenCV threads: {cv2.getNumThreads()}")
    print(f"loading: {wall:.1f} s, {cpu:.1f} s CPU")
    if not options.no_stages:
        run_stages(model, options.video, options.preset)
    with tempfile.TemporaryDirectory() as folder:
        run_end_to_end(
            model, loop_video(options.video, options.frames + AHEAD, Path(folder)), options, clock
        )


if __name__ == "__main__":
    main()
