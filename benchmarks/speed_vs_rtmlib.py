"""Speed of this package and of rtmlib on the same weights and images, taking turns in one process.

    pip install ".[export]" && pip install --no-deps rtmlib tqdm
    python benchmarks/speed_vs_rtmlib.py --models rtmw3d-l rtmw-l-384x288 --out speed/

Contestants: this package as installed, in fp32, and in ONNX Runtime; rtmlib in ONNX Runtime, its
default, and in OpenVINO. Measured are the pose step (image and boxes to keypoints) for each number
of people, and image to result with one person (the model's own detector, and pose; rtmlib has no
exported RTMDet to run, so its detector is this package's in ONNX Runtime). Further the start in a
process of its own, from an empty and from a warm cache, with its peak memory; and the share of the
processor's measured peak (matrix products of the same library and precision) that the pose networks
reach.

The drift of each contestant, how far its precision moves keypoints, is measured against its own
library in fp32 on crops of the people in the package's image, in pixels of the network's input.

With --mediapipe PYTHON, MediaPipe Holistic takes part in image to result (mediapipe_speed.py).
Without --checkpoint, models whose weights are not on this disk have random ones: time does not
depend on them, but drift does. Between calls the process sleeps, since threads of one library spin
on into the next call. Writes speed.json, speed.md and speed.png. Keep the machine quiet meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from speed_figure import draw_speeds
from speed_peers import MEDIAPIPE, MediaPipe, PeerDrift, measure_drifts

from rtmpose3d import RTMPose3D
from rtmpose3d.benchmark import describe_machine
from rtmpose3d.benchmark.measuring import BBOX_THR, find_weights, noise, synthetic_weights
from rtmpose3d.benchmark.timing import WARM_UP_RUNS
from rtmpose3d.evaluation.reports.documents import Table, write_json
from rtmpose3d.export import export_onnx
from rtmpose3d.pipeline import detect_people
from rtmpose3d.runtime import DetectorSession, Device, RuntimeOptions, open_detector
from rtmpose3d.runtime.backends.onnxruntime_package import disable_telemetry
from rtmpose3d.runtime.backends.openvino_package import (
    device_precisions,
    import_openvino,
    openvino_core,
)
from rtmpose3d.structures import Image
from rtmpose3d.weights import write_torch_file
from rtmpose3d.zoo import PoseSpec, resolve_detector, resolve_pose

IMAGE_SIZE_WH = (1920, 1080)
PAUSE_S = 0.05
PEAK_SIZE = 2048  # rows and columns of the matrices whose product gives the peak
OURS = {
    "ours": RuntimeOptions(device="cpu"),
    "ours, fp32": RuntimeOptions(device="cpu", precision="fp32"),
    "ours, ONNX Runtime": RuntimeOptions(device="cpu", backend="onnxruntime"),
}
THEIRS = {"rtmlib": "onnxruntime", "rtmlib, OpenVINO": "openvino"}
BASELINE = "rtmlib"
FP32_OF = {  # what the drift of each contestant is measured against
    "ours": "ours, fp32",
    "ours, ONNX Runtime": "ours, fp32",
    "rtmlib, OpenVINO": "rtmlib",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement.

    Attributes:
        model: name of the pose model.
        step: "pose" or "image to result".
        people: number of people.
        contestant: key of `OURS` or `THEIRS`.
        median_ms: median duration.
        ratio: median over the rounds of rtmlib's duration to this one.
        low, high: middle half of that ratio.
        peak_share: reached share of the measured peak of its precision; None for rtmlib.
        drift: of its keypoints; None for those in fp32 that others are compared with.
    """

    model: str
    step: str
    people: int
    contestant: str
    median_ms: float
    ratio: float
    low: float
    high: float
    peak_share: float | None = None
    drift: PeerDrift | None = None


def place_people(people: int) -> tuple[Image, NDArray[np.float32]]:
    """A full-HD image and boxes side by side in it, none of them of the network's aspect."""
    width, _ = IMAGE_SIZE_WH
    step = width / people
    boxes = [
        [step * i + 12, 90 + 7 * (i % 9), step * i + min(step - 12, 390), 990 - 5 * (i % 9)]
        for i in range(people)
    ]
    return noise(IMAGE_SIZE_WH), np.array(boxes, np.float32)


@dataclass(frozen=True, kw_only=True)
class Contestants:
    """The opened models, by contestant.

    Attributes:
        poses: from an image and boxes to keypoints.
        detectors: of this package, in the backend of the contestant.
        precisions: of this package's pose networks.
    """

    poses: Mapping[str, Callable[[Image, NDArray[np.float32]], object]]
    detectors: Mapping[str, DetectorSession]
    precisions: Mapping[str, str]


def open_contestants(spec: PoseSpec, checkpoint: Path, folder: Path) -> Contestants:
    """Open the same weights in every contestant."""
    disable_telemetry()  # rtmlib imports onnxruntime
    import_openvino()  # and openvino
    import rtmlib  # pyright: ignore[reportMissingImports]

    exported = folder / f"{spec.name}.onnx"
    export_onnx(spec.name, exported, checkpoint=checkpoint, layout="mmdeploy")
    detector = resolve_detector(spec.detector)
    weights = find_weights(detector, None)
    image, boxes = place_people(1)
    poses: dict[str, Callable[[Image, NDArray[np.float32]], object]] = {}
    detectors, precisions = {}, {}
    for name, options in OURS.items():
        model = RTMPose3D.from_pretrained(
            spec.name, runtime=options, pose_checkpoint=checkpoint, detector=None, flip_test=False
        )
        detectors[name] = open_detector(detector, weights, options)
        poses[name] = lambda image, boxes, model=model: model(image, boxes=boxes)
        result = model(image, boxes=boxes)
        precisions[name] = result.runtime.precision if result.runtime else ""
    kind = rtmlib.RTMPose3d if spec.codec.has_depth else rtmlib.RTMPose
    for name, backend in THEIRS.items():
        theirs = kind(
            str(exported), model_input_size=spec.input_size_wh, backend=backend, device="cpu"
        )
        poses[name] = lambda image, boxes, model=theirs: model(image, bboxes=boxes.tolist())
    return Contestants(poses=poses, detectors=detectors, precisions=precisions)


def time_alternating(
    runs: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Milliseconds of every run; they take turns, and so does the first of each round."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        for _ in range(WARM_UP_RUNS):
            run()
    for i in range(rounds):
        for name in list(runs) if i % 2 == 0 else list(runs)[::-1]:
            time.sleep(PAUSE_S)
            start = time.perf_counter()
            runs[name]()
            times[name].append(1e3 * (time.perf_counter() - start))
    return times


def summarise(
    spec: PoseSpec, step: str, people: int, times: Mapping[str, list[float]]
) -> list[Row]:
    """One row per contestant, in relation to rtmlib's of the same round."""
    rows = []
    for name, values in times.items():
        ratios = [b / a for a, b in zip(values, times[BASELINE], strict=True)]
        low, high = np.percentile(ratios, [25, 75]).tolist()
        rows.append(
            Row(
                model=spec.name,
                step=step,
                people=people,
                contestant=name,
                median_ms=statistics.median(values),
                ratio=statistics.median(ratios),
                low=low,
                high=high,
            )
        )
    return rows


def measure_model(
    spec: PoseSpec,
    checkpoint: Path,
    people: Sequence[int],
    rounds: int,
    mediapipe: MediaPipe | None,
) -> tuple[list[Row], Mapping[str, str]]:
    """The pose step for each number of people, then image to result; and our precisions."""
    with tempfile.TemporaryDirectory() as folder:
        contestants = open_contestants(spec, checkpoint, Path(folder))
    drifts = measure_drifts(spec, contestants.poses, FP32_OF, "ours, fp32")
    rows = []
    for count in people:
        image, boxes = place_people(count)
        runs = {
            name: lambda pose=pose, image=image, boxes=boxes: pose(image, boxes)
            for name, pose in contestants.poses.items()
        }
        rows += summarise(spec, "pose", count, time_alternating(runs, rounds))
    image, boxes = place_people(1)
    onnxruntime = contestants.detectors["ours, ONNX Runtime"]

    def detect_and_pose(name: str) -> Callable[[], object]:
        detector = contestants.detectors.get(name, onnxruntime)

        def run() -> object:
            detect_people(detector, [image], bbox_thr=BBOX_THR)
            return contestants.poses[name](image, boxes)

        return run

    names = [name for name in contestants.poses if name != "rtmlib, OpenVINO"]
    whole: dict[str, Callable[[], object]] = {name: detect_and_pose(name) for name in names}
    if mediapipe is not None:
        whole[MEDIAPIPE] = mediapipe
    rows += summarise(spec, "image to result", 1, time_alternating(whole, rounds))
    rows = [replace(row, drift=drifts.get(row.contestant)) for row in rows]
    return rows, contestants.precisions


def measure_peaks(seconds: float = 2.0) -> dict[str, float]:
    """Billions of multiply-adds per second of matrix products in OpenVINO, by precision."""
    openvino, core = import_openvino(), openvino_core()
    peaks = {}
    for precision, name in (("fp32", "f32"), ("bf16", "bf16")):
        if precision not in device_precisions(Device(kind="cpu")):
            continue
        rng = np.random.default_rng(0)
        weight = rng.standard_normal((PEAK_SIZE, PEAK_SIZE)).astype(np.float32)
        opset = openvino.opset13
        x = opset.parameter([PEAK_SIZE, PEAK_SIZE], np.float32)
        y = opset.matmul(opset.matmul(x, weight, False, True), weight, False, True)
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": name}
        request = core.compile_model(
            openvino.Model([y], [x]), "CPU", settings
        ).create_infer_request()
        request.infer({0: weight})
        durations: list[float] = []
        while sum(durations) < seconds:
            start = time.perf_counter()
            request.infer({0: weight}, share_inputs=True, share_outputs=True)
            durations.append(time.perf_counter() - start)
        peaks[precision] = 2 * PEAK_SIZE**3 / min(durations) / 1e9
    return peaks


def add_peak_share(row: Row, peaks: Mapping[str, float], precisions: Mapping[str, str]) -> Row:
    """The row with the share of the peak that its network reaches."""
    precision = precisions.get(row.contestant, "")
    if precision not in peaks or row.step != "pose":
        return row
    gigaflops = resolve_pose(row.model).gflops * row.people / row.median_ms * 1e3
    return replace(row, peak_share=gigaflops / peaks[precision])


def measure_start(spec: PoseSpec, checkpoint: Path, precision: str) -> dict[str, dict[str, float]]:
    """Seconds and peak MB of a process with one result, from an empty and a warm cache (Linux)."""
    code = (
        "import sys, numpy as np; from rtmpose3d import RTMPose3D;"
        "model = RTMPose3D.from_pretrained(sys.argv[1], device='cpu', detector=None,"
        " pose_checkpoint=sys.argv[2], precision=sys.argv[3]);"
        "model(np.zeros((720, 1280, 3), np.uint8), boxes=[[300, 50, 700, 700]]);"
        # Not getrusage: a new process inherits its parent's peak there.
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    found = {}
    with tempfile.TemporaryDirectory() as cache:
        for name in ("empty cache", "warm cache"):
            start = time.perf_counter()
            run = subprocess.run(
                [sys.executable, "-c", code, spec.name, str(checkpoint), precision],
                check=True,
                text=True,
                stdout=subprocess.PIPE,
                env={**os.environ, "RTMPOSE3D_CACHE": cache},
            )
            seconds = time.perf_counter() - start
            found[name] = {"seconds": seconds, "peak_mb": int(run.stdout.split()[-1]) / 1e3}
    return found


def make_table(rows: Sequence[Row]) -> Table:
    """The measurements as text."""
    return Table(
        title="Speed",
        columns=(
            *("model", "step", "people", "", "ms", "rtmlib / it", "middle half", "of the peak"),
            *("drift, signed px", "mean px", "p99 px"),
        ),
        rows=tuple(
            (
                row.model,
                row.step,
                str(row.people),
                row.contestant,
                f"{row.median_ms:.1f}",
                f"{row.ratio:.2f}",
                f"{row.low:.2f} to {row.high:.2f}",
                "" if row.peak_share is None else f"{100 * row.peak_share:.0f} %",
                *_drift_cells(row.drift),
            )
            for row in rows
        ),
    )


def _drift_cells(drift: PeerDrift | None) -> tuple[str, str, str]:
    if drift is None:
        return "", "", ""
    return f"{drift.signed_px:.3f}", f"{drift.mean_px:.3f}", f"{drift.p99_px:.2f}"


def main() -> None:
    """Measures, prints the table and writes the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["rtmw3d-l", "rtmw-l-384x288"])
    parser.add_argument("--people", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--checkpoint", type=Path, help="Weights, for a single model.")
    parser.add_argument("--rounds", type=int, default=15, help="Runs of each.")
    parser.add_argument("--out", type=Path, default=Path("speed"), help="Folder of the results.")
    parser.add_argument("--mediapipe", type=Path, help="Python of an environment with mediapipe.")
    options = parser.parse_args()
    if options.checkpoint is not None and len(options.models) != 1:
        parser.error("--checkpoint is for one model")
    options.out.mkdir(parents=True, exist_ok=True)
    facts = {**describe_machine(None), "rtmlib": version("rtmlib"), "rounds": str(options.rounds)}
    peaks = measure_peaks()
    rows: list[Row] = []
    starts = {}
    for spec in map(resolve_pose, options.models):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            weights = options.checkpoint or find_weights(spec, None)
            facts[f"weights of {spec.name}"] = "of the model"
            if not isinstance(weights, Path):
                facts[f"weights of {spec.name}"] = "random: its drift says little"
                weights = folder / f"{spec.name}.pth"
                write_torch_file(weights, synthetic_weights(spec))
            mediapipe = None
            if options.mediapipe is not None:
                mediapipe = MediaPipe(options.mediapipe, folder)
                stack.callback(mediapipe.close)
            starts[spec.name] = measure_start(spec, weights, "auto")
            measured, precisions = measure_model(
                spec, weights, options.people, options.rounds, mediapipe
            )
        rows += [add_peak_share(row, peaks, precisions) for row in measured]
        facts[f"precision of {spec.name}"] = precisions["ours"]
    facts["peak, billions of multiply-adds/s"] = json.dumps(
        {name: round(peak) for name, peak in peaks.items()}
    )
    table = make_table(rows)
    lines = [f"- {name}: {text}" for name, text in facts.items()]
    lines += [f"- start of {name}: {json.dumps(start)}" for name, start in starts.items()]
    text = table.markdown() + "\n" + "\n".join(lines) + "\n"
    (options.out / "speed.md").write_text(text, encoding="utf-8")
    content = {**facts, "starts": starts, "peaks_gflops": peaks}
    write_json(options.out / "speed.json", {**content, "rows": [asdict(row) for row in rows]})
    draw_speeds(options.out / "speed.png", [asdict(row) for row in rows])
    print(text)


if __name__ == "__main__":
    main()
