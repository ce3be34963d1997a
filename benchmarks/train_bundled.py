"""Trains the bundled models on real and rendered people for a given time, from the shipped weights.

    python benchmarks/train_bundled.py --data REAL_PEOPLE --assets makehuman/ --backdrops photos/ \
        --out runs/bundled --render-images 6000 --pose-minutes 60 --detector-minutes 20

Renders people into OUT/data/rendered (through EGL, on a GPU if there is one), then trains each
model in two parts: a flat learning rate for the first three fifths of its minutes, then from the
averaged weights a cosine, whose number of steps follows from the speed of the first part. A
finished part is kept, an interrupted one is resumed. At the end OUT has rtmw3d-n.safetensors and
rtmdet-n.safetensors in half precision (12 and 3 MB), for benchmarks/evaluate_real.py and
`python -m rtmpose3d.export.bundle`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from rtmpose3d.export.bundle import stored_tensors
from rtmpose3d.runtime import load_weights
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.training import InitialWeights, planning
from rtmpose3d.training.loop.checkpoint_folder import find_checkpoints
from rtmpose3d.training.loop.log import read_log
from rtmpose3d.training.loop.trainer import TrainingResult
from rtmpose3d.training.recipes import DatasetEntry, FlatCosine
from rtmpose3d.training.recipes.base import Precision
from rtmpose3d.training.recipes.mixtures import FACE_BOX_SCALE
from rtmpose3d.weights import write_safetensors
from rtmpose3d.zoo import BundledFile, resolve

FLAT_FRACTION = 0.6  # of the minutes
UNLIMITED_STEPS = 10_000_000  # of the first part, which the clock ends
WARMUP_STEPS = 200
MARGIN = 0.93  # of the second part's minutes: validation, checkpoints, a slower machine
LOG_EVERY = 10
SPEED_ROWS = 20  # of steps.csv at the end, whose median is the speed


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Data, time and learning rate of the training of one model."""

    model: str
    datasets: tuple[DatasetEntry, ...]
    minutes: float
    learning_rate: float
    batch_size: int
    initial: Path | None


def entries(model: str, rendered_repeat: float) -> tuple[DatasetEntry, ...]:
    """Mixture of a model: real people, and rendered ones for what photographs lack (z, hands)."""
    lspet, rendered = DatasetEntry(dataset="lspet"), DatasetEntry(dataset="rendered")
    faces = DatasetEntry(dataset="faces68", box_scale=FACE_BOX_SCALE)
    mixed = (lspet, replace(rendered, repeat=rendered_repeat))
    return mixed if model == "rtmdet-n" else (*mixed, faces)


def render(options: argparse.Namespace, folder: Path) -> None:
    """Renders images in the layout of the dataset `rendered`; an interrupted run resumes."""
    command = [sys.executable, "-m", "rtmpose3d", "synth", "--assets", options.assets]
    command += ["--out", folder, "--count", options.render_images, "--workers", options.workers]
    if options.backdrops:
        command += ["--backdrops", options.backdrops]
    subprocess.run([str(part) for part in command], check=True)


def data_folder(options: argparse.Namespace) -> Path:
    """Folder of the rendered people and of links to the datasets."""
    folder = options.out / "data"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("lspet", "faces"):
        if not (folder / name).exists():
            (folder / name).symlink_to((options.data / name).resolve())
    return folder


def run_part(
    settings: Settings,
    options: argparse.Namespace,
    out: Path,
    *,
    initial: Path,
    schedule: FlatCosine,
    stage2_fraction: float,
    minutes: float | None,
) -> TrainingResult:
    """Trains one part of a model's training, or resumes it."""
    plan = planning.plan_training(
        settings.model,
        planning.DataOptions(
            folder=data_folder(options),
            datasets=settings.datasets,
            validation=(),
            on_bad="skip",
            workers=options.workers,
        ),
        overrides=planning.RecipeOverrides(
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            precision=precision(options),
            seed=options.seed,
            checkpoint_every=options.checkpoint_every,
        ),
        weights=planning.WeightOptions(initial=InitialWeights(path=initial)),
    )
    recipe = replace(
        plan.recipe, schedule=schedule, stage2_fraction=stage2_fraction, log_every=LOG_EVERY
    )
    run = planning.TrainingOptions(
        out=out, minutes=minutes, resume=True, device=options.device, threads=options.threads
    )
    result = planning.run_plan(replace(plan, recipe=recipe), run, print)
    assert result is not None
    return result


def precision(options: argparse.Namespace) -> Precision:
    """As given; bfloat16 on GPUs, float32 on CPUs, most of which have no fast bfloat16."""
    if options.precision:
        return options.precision
    return "bf16" if options.device.startswith("cuda") else "fp32"


def train(settings: Settings, options: argparse.Namespace) -> None:
    """Trains a model in two parts and writes its file."""
    spec = resolve(settings.model)
    assert isinstance(spec.file, BundledFile)
    first, second = (options.out / f"{settings.model}-{part}" for part in ("flat", "cosine"))
    flat = FlatCosine(steps=UNLIMITED_STEPS, warmup_steps=WARMUP_STEPS, flat_fraction=1.0)
    marker = first / "finished"
    if not marker.exists():
        minutes = FLAT_FRACTION * settings.minutes
        run_part(
            *(settings, options, first),
            initial=settings.initial or spec.file.path,
            schedule=flat,
            stage2_fraction=0.0,
            minutes=minutes,
        )
        marker.touch()
    checkpoint = find_checkpoints(first / "checkpoints")[0].weights
    steps = cosine_steps(first, (1 - FLAT_FRACTION) * settings.minutes, settings.batch_size)
    result = run_part(
        *(settings, options, second),
        initial=checkpoint,
        schedule=FlatCosine(steps=steps, warmup_steps=0, flat_fraction=0.0, final=0.02),
        stage2_fraction=0.5,
        minutes=None,
    )
    weights = load_weights(spec, result.weights)
    stored, shared = stored_tensors(weights, graph_file(spec))
    write_safetensors(options.out / f"{settings.model}.safetensors", stored, shared)
    print(f"{options.out / settings.model}.safetensors: {result.step:,} steps after the flat part")


def cosine_steps(first: Path, minutes: float, batch_size: int) -> int:
    """Steps that fit into the minutes at the speed at the end of the first part."""
    rows = read_log(first / "steps.csv")[-SPEED_ROWS:]
    speeds = sorted(row["images_per_s"] for row in rows)
    if not speeds:
        raise SystemExit(f"{first}: too short to measure the speed; give it more minutes")
    return max(round(MARGIN * minutes * 60 * speeds[len(speeds) // 2] / batch_size), 20)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of lspet/ and faces/")
    parser.add_argument("--assets", type=Path, required=True, help="as for rtmpose3d synth")
    parser.add_argument("--backdrops", type=Path, help="as for rtmpose3d synth")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--render-images", type=int, default=6000, help="of 1 to 4 people each")
    parser.add_argument("--rendered-repeat", type=float, default=0.3, help="part of them an epoch")
    parser.add_argument("--pose-minutes", type=float, default=60.0)
    parser.add_argument("--detector-minutes", type=float, default=20.0)
    parser.add_argument("--pose-batch-size", type=int, default=32)
    parser.add_argument("--pose-learning-rate", type=float, default=5e-4)
    parser.add_argument("--detector-batch-size", type=int, default=32)
    parser.add_argument("--detector-learning-rate", type=float, default=5e-4)
    parser.add_argument("--pose-initial", type=Path, help="instead of the shipped weights")
    parser.add_argument("--detector-initial", type=Path, help="instead of the shipped weights")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--precision", choices=("fp32", "bf16"))
    parser.add_argument("--workers", type=int, default=max((os.cpu_count() or 2) - 1, 1))
    parser.add_argument("--threads", type=int, help="CPU threads of the network")
    parser.add_argument("--checkpoint-every", type=int, default=500)
    parser.add_argument("--seed", type=int, default=2026)
    return parser.parse_args()


def main() -> None:
    """Renders, then trains both models; a model with 0 minutes is not trained."""
    options = parse()
    render(options, data_folder(options) / "rendered")
    pose = Settings(
        model="rtmw3d-n",
        datasets=entries("rtmw3d-n", options.rendered_repeat),
        minutes=options.pose_minutes,
        learning_rate=options.pose_learning_rate,
        batch_size=options.pose_batch_size,
        initial=options.pose_initial,
    )
    detector = Settings(
        model="rtmdet-n",
        datasets=entries("rtmdet-n", options.rendered_repeat),
        minutes=options.detector_minutes,
        learning_rate=options.detector_learning_rate,
        batch_size=options.detector_batch_size,
        initial=options.detector_initial,
    )
    for settings in (pose, detector):
        if settings.minutes:
            train(settings, options)


if __name__ == "__main__":
    main()
