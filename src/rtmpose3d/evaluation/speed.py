"""How fast models are here: networks alone, and the whole way from one image to a pose.

What is compared takes turns, so that whatever else the machine does hits all alike; medians and
the middle half of the runs are given. Weights that are not on this disk are made up: the time does
not hang on them, as long as numbers stay of ordinary size.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.pipeline import detect_people, estimate_poses, lift_people
from rtmpose3d.runtime import (
    DetectorSession,
    PoseSession,
    RuntimeOptions,
    load_weights,
    open_detector,
    open_pose,
)
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.structures import Image
from rtmpose3d.weights import locate
from rtmpose3d.zoo import DetectorSpec, ModelSpec, PoseSpec, resolve_detector

BackendName = Literal["onnxruntime", "torch"]
What = Literal["network", "whole"]
IMAGE_WH = (1280, 720)
PERSON_XYXY = (420.0, 60.0, 760.0, 700.0)  # in the image
LEAST_RUNS = 3
WARM_UP_RUNS = 2
SETTLE_S = 0.02  # ONNX Runtime's threads spin on for a while, on cores that the next one needs
QUIET_LOGIT = -12.0  # of a made-up detector: it finds nobody
Weights = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Times of one thing.

    Attributes:
        runs: how many were timed.
        median_ms: of them.
        low_ms, high_ms: the middle half of them lies between.
    """

    runs: int
    median_ms: float
    low_ms: float
    high_ms: float

    @classmethod
    def of(cls, times_s: Sequence[float]) -> Timing:
        """Of times in seconds, at least one."""
        low, high = np.percentile(times_s, [25, 75]).tolist()
        return cls(
            runs=len(times_s),
            median_ms=1e3 * statistics.median(times_s),
            low_ms=1e3 * low,
            high_ms=1e3 * high,
        )


@dataclass(frozen=True, kw_only=True)
class SpeedPlan:
    """What to measure of a model.

    Attributes:
        backends: to run it in.
        batch_sizes: crops, or images of a detector, that go through the network at once.
        seconds: that each entry is run for, at least three times.
        device: "auto", "cpu", "cuda", ...
        threads: of the CPU; None: as many as there are cores.
        cache_dir: folder of downloaded weights.

    Raises:
        InputError: nothing to measure, or numbers that cannot be.
    """

    backends: tuple[BackendName, ...]
    batch_sizes: tuple[int, ...] = (1,)
    seconds: float = 3.0
    device: str = "cpu"
    threads: int | None = None
    cache_dir: Path | None = None

    def __post_init__(self) -> None:
        if not self.backends or not self.batch_sizes or min(self.batch_sizes) < 1:
            raise InputError("a benchmark needs a backend, and batch sizes of at least 1")
        if not 0 < self.seconds < float("inf"):
            raise InputError(f"seconds must be above 0, got {self.seconds:g}")
        if self.threads is not None and self.threads < 1:
            raise InputError(f"threads must be at least 1, got {self.threads}")


@dataclass(frozen=True, kw_only=True)
class Speed:
    """One row of the table.

    Attributes:
        spec: of the model.
        backend, device: where it ran.
        what: "network" (uint8 crops in, decoded keypoints out), or "whole" (image in, detector,
            crop, network, decoding, 3D, pose of one person out).
        batch_size: crops at once; 1 for "whole".
        timing: of one call.
        made_up: whether weights were made up, because the published file is not on this disk.
    """

    spec: ModelSpec
    backend: BackendName
    device: str
    what: What
    batch_size: int
    timing: Timing
    made_up: bool

    @property
    def per_second(self) -> float:
        """Crops or images a second."""
        return 1e3 * self.batch_size / self.timing.median_ms


def measure(spec: ModelSpec, plan: SpeedPlan) -> list[Speed]:
    """All rows of one model: networks alone, and for pose models the whole way.

    Raises:
        BackendError: the device is not there.
        MissingDependencyError: torch was asked for and is not installed.
    """
    weights, made_up = weights_of(spec, plan.cache_dir)
    detector = resolve_detector(spec.detector) if isinstance(spec, PoseSpec) else None
    detector_weights = {} if detector is None else weights_of(detector, plan.cache_dir)[0]
    runs: dict[tuple[BackendName, str, What, int], Callable[[], object]] = {}
    for backend in plan.backends:
        options = RuntimeOptions(backend=backend, device=plan.device, threads=plan.threads)
        if isinstance(spec, PoseSpec) and detector is not None:
            pose = open_pose(spec, weights, options)
            people = open_detector(detector, detector_weights, options)
            device, run = str(pose.device), pose.run
            runs[backend, device, "whole", 1] = _whole(pose, people)
        elif isinstance(spec, DetectorSpec):
            session = open_detector(spec, weights, options)
            device, run = str(session.device), session.run
        else:
            raise InputError(f"{spec.name} is neither a pose model nor a detector")
        for size in plan.batch_sizes:
            runs[backend, device, "network", size] = _network(run, spec, size)
    times = interleaved(runs, plan.seconds)
    return [
        Speed(
            spec=spec,
            backend=backend,
            device=device,
            what=what,
            batch_size=size,
            timing=Timing.of(times[backend, device, what, size]),
            made_up=made_up,
        )
        for backend, device, what, size in sorted(runs, key=lambda key: (key[2], key[0], key[3]))
    ]


def interleaved(
    runs: Mapping[tuple[BackendName, str, What, int], Callable[[], object]], seconds: float
) -> dict[tuple[BackendName, str, What, int], list[float]]:
    """Seconds of every run; they take turns, and who begins alternates.

    Args:
        runs: what to time, after a warm-up.
        seconds: that each gets in all; it runs three times even if that takes longer.
    """
    times: dict[tuple[BackendName, str, What, int], list[float]] = {key: [] for key in runs}
    for run in runs.values():
        for _ in range(WARM_UP_RUNS):
            run()
    going = list(runs)
    while going:
        for key in going:
            time.sleep(SETTLE_S)
            start = time.perf_counter()
            runs[key]()
            times[key].append(time.perf_counter() - start)
        going = [
            key for key in going[::-1] if len(times[key]) < LEAST_RUNS or sum(times[key]) < seconds
        ]
    return times


def weights_of(spec: ModelSpec, cache_dir: Path | None) -> tuple[Weights, bool]:
    """A model's weights where its file is on this disk, else made-up ones; and whether they are."""
    path = locate(spec.file, cache_dir) if spec.file.name else None
    if path is not None and path.is_file():
        return load_weights(spec, path), False
    return made_up_weights(spec), True


def made_up_weights(spec: ModelSpec) -> Weights:
    """Weights of the right shapes with which signals neither vanish nor explode."""
    rng = np.random.default_rng(0)
    weights: Weights = {}
    for key, shape in graph_file(spec).shapes.items():
        if key.endswith("num_batches_tracked"):
            weights[key] = np.zeros(shape, np.int64)
        elif len(shape) >= 2:
            gain = np.sqrt(2.0 / np.prod(shape[1:]))
            weights[key] = (rng.standard_normal(shape) * gain).astype(np.float32)
        elif "rtm_cls" in key:
            weights[key] = np.full(shape, QUIET_LOGIT, np.float32)
        elif key.endswith(".bias") or key.endswith("running_mean"):
            weights[key] = np.zeros(shape, np.float32)
        else:
            weights[key] = np.ones(shape, np.float32)
    return weights


def noise(size_wh: tuple[int, int]) -> Image:
    """(H, W, 3) uint8, every value alike likely, the same every time."""
    width, height = size_wh
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _network(
    run: Callable[[np.ndarray], object], spec: ModelSpec, batch_size: int
) -> Callable[[], object]:
    crops = np.ascontiguousarray(np.stack([noise(spec.input_size_wh)] * batch_size))
    return lambda: run(crops)


def _whole(pose: PoseSession, people: DetectorSession) -> Callable[[], object]:
    """From an image to one person's pose. The box is always the same, whatever is detected."""
    image, box = noise(IMAGE_WH), np.array([PERSON_XYXY], np.float32)
    camera = Camera.from_fov(width=IMAGE_WH[0], height=IMAGE_WH[1])

    def run() -> object:
        detect_people(people, [image], bbox_thr=0.3)
        poses = estimate_poses(pose, [image], [box])[0]
        if poses.depth_m is None:
            return poses
        return lift_people(poses.keypoints_2d, poses.depth_m, poses.confidence, camera)

    return run
