"""Speed and drift of the networks on a GPU, in one run that keeps to a number of seconds.

    python benchmarks/gpu.py --out runs/gpu --seconds 110    # with PYTHONPATH=src in a checkout

For each model, arithmetic and number of crops: the network alone (normalised crops to logits, times
between CUDA events) and the whole step (uint8 crops in host memory to keypoints in host memory,
wall clock). Published weights are used where they are on this disk, otherwise synthetic ones. Drift
in pixels is that of the bundled model, on people of --images. gpu.json and gpu.md in --out are
written after every measurement.
"""

from __future__ import annotations

import argparse
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from gpu_drift import BUNDLED, drift_px, people_crops
from gpu_report import Report, Row
from gpu_timing import device_times_ms, gpu_state, measure_peaks, profile_kernels, wall_times_ms
from gpu_variants import (
    Arithmetic,
    Variant,
    build_variant,
    flops_per_image,
    given_weights,
    prepare,
    relative_error,
    run_once,
    select_kernels,
    stages,
    synthetic_network,
)

import rtmpose3d
from rtmpose3d.errors import MissingDependencyError
from rtmpose3d.models import PoseNetwork, RTMDet
from rtmpose3d.models.graph import PoseGraph
from rtmpose3d.models.mixed_precision import MixedPoseNetwork
from rtmpose3d.runtime import RuntimeOptions, open_pose
from rtmpose3d.runtime.backends.onnxruntime_package import import_onnxruntime
from rtmpose3d.runtime.backends.torch import TorchNetwork
from rtmpose3d.runtime.backends.torch_cuda import CudaGraphNetwork, GraphRecorder
from rtmpose3d.zoo import MODELS, ModelSpec, PoseSpec, resolve_pose

DEMO_IMAGE = Path(rtmpose3d.__file__).parent / "bundled" / "people.jpg"
MODEL_NAMES = ("rtmw3d-l", "rtmw-l-256x192", "rtmw-x-384x288", "rtmw3d-n", "rtmdet-m")
CALIBRATION_CROPS = 16
CHECKED_BATCHES = (1, 3, 20)

FIRST_VARIANTS = (  # the order is that of interest, since the run may be cut off
    Variant(arithmetic="fp16"),
    Variant(arithmetic="fp16", fused=True),
)
LAST_VARIANTS = (
    Variant(arithmetic="fp32", graph=False),
    Variant(arithmetic="fp32"),
    Variant(arithmetic="tf32"),
    Variant(arithmetic="bf16"),
    Variant(arithmetic="fp16", graph=False),
    Variant(arithmetic="fp16", benchmark=True),
)
COMPILED_BATCH = 8
COMPILED = Variant(arithmetic="fp16", compiled=True)
DRIFT_ARITHMETICS: tuple[Arithmetic, ...] = (
    "fp32",
    "tf32",
    "fp16",
    "bf16",
    "fp16 everywhere",
    "bf16 everywhere",
)


class OutOfTimeError(BaseException):
    """The seconds are over; not an Exception, so that no library on the way handles it."""


@dataclass(kw_only=True)
class Run:
    """State of a run: device, settings, report, networks that are ready."""

    device: torch.device
    models: tuple[str, ...]
    batch_sizes: tuple[int, ...]
    images: tuple[Path, ...]
    drift_crops: int
    run_seconds: float
    deadline: float
    report: Report
    networks: dict[str, PoseNetwork | RTMDet] = field(default_factory=dict)

    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step: a failure is recorded, and the next one follows; without time it is skipped."""
        start = time.monotonic()
        if self.remaining() < 1:
            raise OutOfTimeError
        try:
            yield
        except Exception as error:  # whatever a library raises must not end the run
            self.report.note(f"{name}: {type(error).__name__}: {str(error).splitlines()[:1]}")
        self.report.durations[name] = round(time.monotonic() - start, 2)


def measure_drift(run: Run) -> None:
    """Rows of drift: the bundled model's keypoints against fp32 on the CPU."""
    spec = resolve_pose(BUNDLED)
    network = given_weights(spec)
    assert isinstance(network, PoseNetwork), "the package contains its weights"
    crops = people_crops(run.images, spec, run.drift_crops)
    images = torch.from_numpy(crops)
    expected = run_once(build_variant(spec, network, "fp32"), images, "fp32")
    for arithmetic in DRIFT_ARITHMETICS:
        with run.step(f"drift {arithmetic}"):
            graph = build_variant(spec, network, arithmetic).to(run.device)
            actual = [one.cpu() for one in run_once(graph, images, arithmetic)]
            run.report.add_drift(arithmetic, *drift_px(spec, expected, actual))
    if run.device.type == "cuda":
        graph = build_variant(spec, network, "fp16", fused=True).to(run.device)
        actual = [one.cpu() for one in run_once(graph, images, "fp16")]
        run.report.add_drift("fp16, fused kernels", *drift_px(spec, expected, actual))


def fp32_network(run: Run, name: str) -> tuple[ModelSpec, PoseNetwork | RTMDet]:
    """A model's row and its fp32 network on the device, with given or synthetic weights."""
    spec = MODELS[name]
    if name not in run.networks:
        given = given_weights(spec)
        if given is not None:
            run.networks[name] = given.to(run.device)
        else:
            rng = np.random.default_rng(0)
            size = (CALIBRATION_CROPS, *spec.input_size_wh[::-1], 3)
            images = rng.integers(0, 256, size, dtype=np.uint8)
            if isinstance(spec, PoseSpec):
                images = people_crops(run.images, spec, CALIBRATION_CROPS)
            run.networks[name] = synthetic_network(spec, torch.from_numpy(images), run.device)
            run.report.synthetic.append(name)
    return spec, run.networks[name]


def measure_stages(run: Run, name: str) -> None:
    """Rows of relative errors between the parts of a pose network, for fp16 and bf16."""
    spec, network = fp32_network(run, name)
    assert isinstance(spec, PoseSpec)
    assert isinstance(network, PoseNetwork)
    crops = torch.from_numpy(people_crops(run.images, spec, 8)).to(run.device)
    graph = PoseGraph(network, spec).to(run.device)
    x = graph.normalise(crops)
    expected = stages(network, x, torch.float32)
    for arithmetic in ("fp16", "bf16"):
        mixed = build_variant(spec, network, arithmetic).network
        assert isinstance(mixed, MixedPoseNetwork)
        for stage, value in stages(mixed.network, x, mixed.dtype).items():
            error = relative_error(value, expected[stage])
            run.report.add_stage(name, stage, arithmetic, error)


def measure_speed(run: Run, name: str, variant: Variant) -> None:
    """Rows of speed of a model in a variant, for every batch size."""
    spec, network = fp32_network(run, name)
    graph = build_variant(spec, network, variant.arithmetic, fused=variant.fused)
    names = spec.output_names
    whole: CudaGraphNetwork | TorchNetwork = TorchNetwork(graph, names)
    if variant.graph and run.device.type == "cuda":
        recorder = GraphRecorder(
            run.device, tf32=variant.arithmetic == "tf32", benchmark=variant.benchmark
        )
        whole = CudaGraphNetwork({names: graph}, names, recorder)
    rng = np.random.default_rng(1)
    for size in run.batch_sizes:
        with run.step(f"{name}, {variant}, {size}"):
            images = rng.integers(0, 256, (size, *spec.input_size_wh[::-1], 3), dtype=np.uint8)
            x = graph.normalise(torch.from_numpy(images).to(run.device))
            start = time.monotonic()
            queue = prepare(graph.network, x, variant)
            queue()
            synchronize(run.device)
            ready_s = time.monotonic() - start
            row = Row(
                model=name,
                variant=str(variant),
                batch_size=size,
                network_ms=device_times_ms(queue, run.device, run.run_seconds),
                flops=flops_per_image(spec) * size,
                ready_s=ready_s,
            )
            if not variant.compiled:
                with select_kernels(variant):
                    row.step_ms = wall_times_ms(
                        partial(whole.run, images, names[:3]), run.run_seconds
                    )
            run.report.add_speed(row)


def measure_onnxruntime(run: Run, name: str) -> None:
    """Rows of ONNX Runtime's CUDA and TensorRT, or notes why there are none."""
    try:
        onnxruntime = import_onnxruntime()
    except MissingDependencyError as error:
        run.report.note(str(error))
        return
    providers = onnxruntime.get_available_providers()
    for provider in ("CUDAExecutionProvider", "TensorrtExecutionProvider"):
        if provider not in providers:
            run.report.note(
                f"{provider}: skipped, onnxruntime {onnxruntime.__version__} has only "
                f"{', '.join(providers)}"
            )
    if "CUDAExecutionProvider" not in providers:
        return
    spec, network = fp32_network(run, name)
    assert isinstance(spec, PoseSpec)
    weights = {key: value.cpu().numpy() for key, value in network.state_dict().items()}
    session = open_pose(spec, weights, RuntimeOptions(backend="onnxruntime", device="cuda"))
    rng = np.random.default_rng(1)
    for size in run.batch_sizes:
        with run.step(f"{name}, ONNX Runtime, {size}"):
            images = rng.integers(0, 256, (size, *spec.input_size_wh[::-1], 3), dtype=np.uint8)
            session.run(images)
            run.report.add_speed(
                Row(
                    model=name,
                    variant="ONNX Runtime CUDA",
                    batch_size=size,
                    step_ms=wall_times_ms(partial(session.run, images), run.run_seconds),
                    flops=flops_per_image(spec) * size,
                )
            )


def measure_kernels(run: Run, name: str, size: int) -> None:
    """The kernels that take the most time of a network in fp16."""
    spec, network = fp32_network(run, name)
    graph = build_variant(spec, network, "fp16")
    images = torch.zeros((size, *spec.input_size_wh[::-1], 3), dtype=torch.uint8).random_(0, 256)
    x = graph.normalise(images.to(run.device))
    queue = prepare(graph.network, x, Variant(arithmetic="fp16", graph=False))
    run.report.kernels[f"{name}, fp16, {size} crops"] = profile_kernels(queue, run.device)
    run.report.write()


def synchronize(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure_peak_rates(run: Run) -> None:
    """Rates of the device, and its clocks right after the matrix products."""
    run.report.peaks.update(measure_peaks(run.device))
    run.report.machine["after the peaks"] = gpu_state(run.device)
    run.report.write()


def check_graphs(run: Run) -> None:
    """Compare the outputs of padded batches in CUDA graphs with those of eager runs."""
    spec = resolve_pose(BUNDLED)
    network = given_weights(spec)
    assert isinstance(network, PoseNetwork)
    graph = build_variant(spec, network.to(run.device), "fp16")
    names = spec.output_names
    functions = {names[3:]: graph.simcc, names: graph}
    crops = people_crops(run.images, spec, max(CHECKED_BATCHES))
    recorded = CudaGraphNetwork(functions, names, GraphRecorder(run.device))
    for count in CHECKED_BATCHES:
        expected = run_once(graph, torch.from_numpy(crops[:count]), "fp16")
        for requested in (names, names[3:]):
            actual = recorded.run(crops[:count], requested)
            offset = len(names) - len(requested)
            errors = [
                float(np.abs(a - e.cpu().numpy()).max())
                for a, e in zip(actual, expected[offset:], strict=True)
            ]
            run.report.checks[f"{count} crops, {', '.join(requested)}"] = errors
    run.report.write()


def plan(run: Run) -> Iterator[tuple[str, Callable[[], None]]]:
    """The steps in order of interest."""
    first, *_ = run.models
    yield "peaks", lambda: measure_peak_rates(run)
    if run.device.type == "cuda":
        yield "check of graphs", lambda: check_graphs(run)
    for variant in FIRST_VARIANTS:
        yield from speed_steps(run, variant)
    yield "drift", lambda: measure_drift(run)
    yield "stages", lambda: measure_stages(run, first)
    yield "ONNX Runtime", lambda: measure_onnxruntime(run, first)
    yield from speed_steps(run, LAST_VARIANTS[0])
    for size in run.batch_sizes:
        yield f"kernels, {size}", lambda size=size: measure_kernels(run, first, size)
    compiled = replace(run, batch_sizes=(COMPILED_BATCH,))
    yield f"{first}, {COMPILED}", lambda: measure_speed(compiled, first, COMPILED)
    for variant in LAST_VARIANTS[1:]:
        yield from speed_steps(run, variant)


def speed_steps(run: Run, variant: Variant) -> Iterator[tuple[str, Callable[[], None]]]:
    """The steps of a variant, one for each model."""
    for name in run.models:
        yield f"{name}, {variant}", lambda n=name: measure_speed(run, n, variant)


def main() -> None:
    """Measures and writes gpu.json and gpu.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N, or cpu for a trial.")
    parser.add_argument("--models", nargs="+", default=list(MODEL_NAMES), help="Names of models.")
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[1, 8, 32], help="Crops.")
    parser.add_argument("--images", nargs="+", type=Path, default=[DEMO_IMAGE], help="With people.")
    parser.add_argument("--drift-crops", type=int, default=64, help="Crops for the drift.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of the results.")
    parser.add_argument("--seconds", type=float, default=110, help="Length of the run.")
    parser.add_argument("--run-seconds", type=float, default=0.15, help="Of each measurement.")
    options = parser.parse_args()
    start = time.monotonic()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error(f"torch {torch.__version__} sees no GPU; --device cpu is for a trial")
    report = Report(folder=options.out, machine=gpu_state(device))
    run = Run(
        device=device,
        models=tuple(options.models),
        batch_sizes=tuple(options.batch_sizes),
        images=tuple(options.images),
        drift_crops=options.drift_crops,
        run_seconds=options.run_seconds,
        deadline=start + options.seconds,
        report=report,
    )

    def stop(number: int, frame: object) -> None:
        raise OutOfTimeError

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, options.seconds)
    try:
        for name, step in plan(run):
            with run.step(name):
                step()
    except OutOfTimeError:
        report.note(f"stopped after {options.seconds:g} s; what is missing was not measured")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        report.machine["at the end"] = gpu_state(device)
        report.write()
        print(report.markdown())


if __name__ == "__main__":
    main()
