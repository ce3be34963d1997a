"""Time from an image and boxes to keypoints, this package and rtmlib, on the same weights.

    pip install ".[export]" && pip install --no-deps rtmlib tqdm
    python benchmarks/pose_vs_rtmlib.py --models rtmw3d-l rtmw-l-256x192

Both run in ONNX Runtime on the CPU with its default threads, in one process, alternately; the
medians and their ratio are printed as Markdown. rtmlib reads the file that `export_onnx` writes
from the same checkpoint. Without --checkpoint the weights are random: time does not depend on them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtmpose3d import RTMPose3D
from rtmpose3d.benchmark import describe_machine
from rtmpose3d.benchmark.measuring import noise, synthetic_weights
from rtmpose3d.benchmark.timing import SETTLE_S, WARM_UP_RUNS
from rtmpose3d.export import export_onnx
from rtmpose3d.runtime.backends.onnxruntime_package import disable_telemetry
from rtmpose3d.weights import write_torch_file
from rtmpose3d.zoo import PoseSpec, resolve_pose

IMAGE_SIZE_WH = (1920, 1080)


def scene(people: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A full-HD image and boxes side by side in it, none of them of the network's aspect."""
    width, _ = IMAGE_SIZE_WH
    step = width / people
    boxes = [
        [step * i + 12, 90 + 7 * i, step * i + min(step - 12, 390), 990 - 5 * i]
        for i in range(people)
    ]
    return noise(IMAGE_SIZE_WH), np.array(boxes, np.float32)


def contestants(
    spec: PoseSpec, checkpoint: Path, folder: Path, people: int
) -> dict[str, Callable[[], object]]:
    """The functions to time: each estimates keypoints from the same image and boxes."""
    disable_telemetry()  # rtmlib imports onnxruntime
    import rtmlib  # pyright: ignore[reportMissingImports]

    exported = folder / f"{spec.name}.onnx"
    if not exported.exists():
        export_onnx(spec.name, exported, checkpoint=checkpoint, layout="mmdeploy")
    image, boxes = scene(people)
    ours = RTMPose3D.from_pretrained(
        spec.name, device="cpu", pose_checkpoint=checkpoint, detector=None
    )
    rtmlib_model = rtmlib.RTMPose3d if spec.codec.has_depth else rtmlib.RTMPose
    theirs = rtmlib_model(
        str(exported), model_input_size=spec.input_size_wh, backend="onnxruntime", device="cpu"
    )
    as_list = boxes.tolist()
    return {
        "ours": lambda: ours(image, boxes=boxes),
        "rtmlib": lambda: theirs(image, bboxes=as_list),
    }


def interleaved_ms(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of every run; they alternate, and so does the first of each round."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        for _ in range(WARM_UP_RUNS):
            run()
    for i in range(rounds):
        order = list(runs) if i % 2 == 0 else list(runs)[::-1]
        for name in order:
            time.sleep(SETTLE_S)
            start = time.perf_counter()
            runs[name]()
            times[name].append(1e3 * (time.perf_counter() - start))
    return times


def rows(models: list[str], checkpoint: Path | None, rounds: int) -> Iterator[str]:
    """One Markdown row per model and number of people."""
    for name in models:
        spec = resolve_pose(name)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            weights = checkpoint
            if weights is None:
                weights = folder / f"{spec.name}.pth"
                write_torch_file(weights, synthetic_weights(spec))
            for people in (1, 8):
                times = interleaved_ms(contestants(spec, weights, folder, people), rounds)
                ours, theirs = (statistics.median(times[key]) for key in ("ours", "rtmlib"))
                per_round = [b / a for a, b in zip(times["ours"], times["rtmlib"], strict=True)]
                low, high = np.percentile(per_round, [25, 75])
                yield (
                    f"| {name} | {people} | {ours:.1f} | {theirs:.1f} | **{theirs / ours:.2f}** "
                    f"| {low:.2f} to {high:.2f} |"
                )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--models", nargs="+", default=["rtmw3d-l", "rtmw-m-256x192"], help="Pose models."
    )
    parser.add_argument("--checkpoint", type=Path, help="Weights, for a single model.")
    parser.add_argument("--rounds", type=int, default=15, help="Runs of each.")
    options = parser.parse_args()
    if options.checkpoint is not None and len(options.models) != 1:
        parser.error("--checkpoint is for one model")
    print(", ".join((*describe_machine(None).values(), f"rtmlib {version('rtmlib')}")))
    print(f"{options.rounds} rounds, alternating; {IMAGE_SIZE_WH[0]}x{IMAGE_SIZE_WH[1]} image\n")
    print("| model | people | ours, ms | rtmlib, ms | rtmlib / ours | middle half of rounds |")
    print("|---|---:|---:|---:|---:|---|")
    for row in rows(options.models, options.checkpoint, options.rounds):
        print(row, flush=True)


if __name__ == "__main__":
    main()
