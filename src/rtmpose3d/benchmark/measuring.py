"""Measurements of a model: its network alone per batch size, and the pipeline around it.

Backends and batch sizes of a model alternate. Weights that are not on this disk are synthetic:
the duration does not depend on them as long as numbers keep an ordinary size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from rtmpose3d.benchmark.timing import Timing, time_interleaved
from rtmpose3d.errors import InputError
from rtmpose3d.pipeline import PoseEstimator, detect_people
from rtmpose3d.runtime import (
    BACKENDS,
    DetectorSession,
    PoseSession,
    RuntimeOptions,
    open_detector,
    open_pose,
)
from rtmpose3d.runtime.graph_files import graph_file, is_counter
from rtmpose3d.runtime.network import Weights
from rtmpose3d.structures import Detections, Frame, Image, Runtime, UInt8Array
from rtmpose3d.weights import locate
from rtmpose3d.zoo import DetectorSpec, ModelSpec, PoseSpec, resolve_detector

Scope = Literal["network", "pipeline"]
IMAGE_WH = (1280, 720)
PERSON_XYXY = (420.0, 60.0, 760.0, 700.0)  # in the image
BBOX_THR = 0.3
QUIET_LOGIT = -12.0  # of a synthetic detector: it detects no people


@dataclass(frozen=True, kw_only=True)
class BenchmarkPlan:
    """Settings of the measurements of a model.

    Attributes:
        backends: keys of `runtime.BACKENDS`.
        batch_sizes: crops, or images of a detector, per call of the network.
        seconds: total time of each measurement, which has at least three runs.
        device: "auto", "cpu", "cuda", ...
        precision: precision of the arithmetic.
        threads: number of CPU threads; None: one per core.
        cache_dir: folder of downloaded weights.

    Raises:
        InputError: nothing to measure, or an impossible number.
        UnknownNameError: no such backend or device.
    """

    backends: tuple[str, ...]
    batch_sizes: tuple[int, ...] = (1,)
    seconds: float = 3.0
    device: str = "cpu"
    precision: str = "auto"
    threads: int | None = None
    cache_dir: Path | None = None

    def __post_init__(self) -> None:
        if not self.backends or not self.batch_sizes or min(self.batch_sizes) < 1:
            raise InputError("a benchmark needs a backend, and batch sizes of at least 1")
        if not 0 < self.seconds < float("inf"):
            raise InputError(f"seconds must be above 0, got {self.seconds:g}")
        for backend in self.backends:
            self.runtime(backend)

    def runtime(self, backend: str) -> RuntimeOptions:
        """The options of one backend's sessions."""
        return RuntimeOptions(
            backend=backend, device=self.device, precision=self.precision, threads=self.threads
        )


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One row of a table.

    Attributes:
        spec: the model.
        backend: key of `runtime.BACKENDS`.
        device: "cpu", "cuda:0", ...
        precision: that ran.
        scope: "network" (uint8 crops in, decoded keypoints out), or "pipeline" (image in,
            detector, crop, network, decoding, 3D, result of one person out).
        batch_size: crops or images per run; 1 for the pipeline.
        timing: of one run.
        synthetic: names of the models whose file is not on this disk, so that their weights are
            synthetic: the model's own, or in the pipeline its detector's.
    """

    spec: ModelSpec
    backend: str
    device: str
    precision: str
    scope: Scope
    batch_size: int
    timing: Timing
    synthetic: tuple[str, ...] = ()

    @property
    def per_second(self) -> float:
        """Throughput, crops or images per second."""
        return 1e3 * self.batch_size / self.timing.median_ms


def installed_backends() -> tuple[str, ...]:
    """The backends whose package is installed."""
    from importlib.util import find_spec

    return tuple(name for name, row in BACKENDS.items() if find_spec(row.package) is not None)


def measure(spec: ModelSpec, plan: BenchmarkPlan) -> list[Measurement]:
    """Measure a model: its network alone and, for pose models, the pipeline.

    Returns:
        Networks by backend and batch size, then pipelines by backend.

    Raises:
        BackendError: the device is not available.
        MissingDependencyError: a backend's package is not installed.
    """
    weights = find_weights(spec, plan.cache_dir)
    synthetic = {spec.name: () if isinstance(weights, Path) else (spec.name,)}
    functions: dict[tuple[Scope, str, int], Callable[[], object]] = {}
    runtimes: dict[str, Runtime] = {}
    for backend in plan.backends:
        session = _open(spec, weights, plan.runtime(backend))
        runtimes[backend] = session.runtime
        for size in plan.batch_sizes:
            functions["network", backend, size] = _network_run(session, size)
        if isinstance(session, PoseSession):
            detector = resolve_detector(session.spec.detector)
            detector_weights = find_weights(detector, plan.cache_dir)
            detecting = open_detector(detector, detector_weights, plan.runtime(backend))
            if not isinstance(detector_weights, Path):
                synthetic[detector.name] = (detector.name,)
            functions["pipeline", backend, 1] = _pipeline_run(session, detecting)
    durations = time_interleaved(functions, plan.seconds)
    return [
        Measurement(
            spec=spec,
            backend=backend,
            device=runtimes[backend].device,
            precision=runtimes[backend].precision,
            scope=scope,
            batch_size=size,
            timing=Timing.from_seconds(durations[scope, backend, size]),
            synthetic=sum(synthetic.values(), ()) if scope == "pipeline" else synthetic[spec.name],
        )
        for scope, backend, size in sorted(functions)
    ]


def find_weights(spec: ModelSpec, cache_dir: Path | None) -> Path | Weights:
    """A model's file if it is on this disk, otherwise synthetic weights."""
    path = locate(spec.file, cache_dir) if spec.file.name else None
    return path if path is not None and path.is_file() else synthetic_weights(spec)


def synthetic_weights(spec: ModelSpec) -> Weights:
    """Weights of the right shapes with which signals neither vanish nor explode."""
    rng = np.random.default_rng(0)
    weights: dict[str, np.ndarray] = {}
    for key, shape in graph_file(spec).shapes.items():
        if is_counter(key):
            weights[key] = np.zeros(shape, np.int64)
        elif len(shape) >= 2:
            gain = np.sqrt(2.0 / np.prod(shape[1:]))
            weights[key] = (rng.standard_normal(shape) * gain).astype(np.float32)
        elif "rtm_cls" in key:
            weights[key] = np.full(shape, QUIET_LOGIT, np.float32)
        elif key.endswith((".bias", "running_mean")):
            weights[key] = np.zeros(shape, np.float32)
        else:
            weights[key] = np.ones(shape, np.float32)
    return weights


def noise(size_wh: tuple[int, int]) -> Image:
    """(H, W, 3) uint8, uniform random values, the same every time."""
    width, height = size_wh
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _open(
    spec: ModelSpec, weights: Path | Weights, options: RuntimeOptions
) -> PoseSession | DetectorSession:
    if isinstance(spec, PoseSpec):
        return open_pose(spec, weights, options)
    if isinstance(spec, DetectorSpec):
        return open_detector(spec, weights, options)
    raise InputError(f"{spec.name} is neither a pose model nor a detector")


def _network_run(session: PoseSession | DetectorSession, batch_size: int) -> Callable[[], object]:
    images: UInt8Array = np.stack([noise(session.spec.input_size_wh)] * batch_size)
    return lambda: session.run(images)


def _pipeline_run(pose: PoseSession, detector: DetectorSession) -> Callable[[], object]:
    """From an image to one person's result; the box is the same whatever is detected."""
    frame = Frame(image=noise(IMAGE_WH))
    person = Detections(
        boxes_xyxy=np.array([PERSON_XYXY], np.float32), scores=np.ones(1, np.float32)
    )
    estimator = PoseEstimator(pose=pose)

    def run() -> object:
        detect_people(detector, [frame.image], bbox_thr=BBOX_THR)
        return estimator.run([frame], people=[person])

    return run
