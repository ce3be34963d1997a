"""The paper's ablations on rendered people, at a size that a CPU trains in minutes.

    python benchmarks/ablations.py parts --assets DIR --backdrops DIR --out runs/ablations

`parts` is Table 4 (attention, neck, head over two scales, one after the other; and the auxiliary
heatmaps that our bundled model is trained with), `distillation` the two stages of DWPose, with a
teacher twice as wide, `joint` adds people with 2D labels only to people with 3D labels. Every
variant and seed uses the same crops in the same order. The published trainings are initialized
from a trained backbone; `--backbone src/rtmpose3d/bundled/rtmw3d-n.safetensors` does so, too, and
then few steps show more of what comes after the backbone. Finished runs are kept in OUT, so the
same command continues where it stopped; the table is printed and written to OUT/STUDY.md.
"""

from __future__ import annotations

import argparse
import csv
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.synth import CropJitter, CropStream, StreamPlan, WorldSettings, makehuman_people
from rtmpose3d.training.data.augment import augment_crop
from rtmpose3d.training.data.batches import BatchSource, TrainingData
from rtmpose3d.training.data.crop_files import read_crops, write_crops
from rtmpose3d.training.data.pose_batches import PoseBatch, join_batches, stack_samples
from rtmpose3d.training.data.rendered import load_validation_crops, pose_batch
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.pose.initialization import InitialWeights
from rtmpose3d.training.recipes.augmentation import Augmentation
from rtmpose3d.training.recipes.distillation import first_stage, second_stage
from rtmpose3d.training.recipes.pose import PoseRecipe
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.training.recipes.small import nano_small
from rtmpose3d.training.running import train

SIZE_WH = (96, 128)
FILE_CROPS = 64
VALIDATION_CROPS = 1024
METRICS = ("pck10_body", "pck10_feet", "pck10_face", "pck10_hands", "mpjpe_mm")
LABELLED_IN_3D = 0.1  # of the people in `joint`

Change = Callable[[PoseRecipe], PoseRecipe]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A row of a study.

    Attributes:
        name: of the row.
        change: of the common recipe.
        taught_by: the row whose weights are the teacher's; None without one.
        crops_in_3d, crops_in_2d: which crops it is trained on.
    """

    name: str
    change: Change = lambda recipe: recipe
    taught_by: str | None = None
    crops_in_3d: bool = True
    crops_in_2d: bool = True


def parts(*, gau: bool, pafpn: bool, hem: bool) -> Change:
    """Switch parts of the network on and off."""
    return lambda recipe: replace(
        recipe, model=replace(recipe.model, gau=gau, pafpn=pafpn, hem=hem), heatmap_weight=0.0
    )


def wider(recipe: PoseRecipe) -> PoseRecipe:
    """The teacher: twice the width, a third of the depth."""
    model = replace(recipe.model, name="teacher", width=0.5, depth=0.33)
    return replace(recipe, model=model)


def stage1(recipe: PoseRecipe) -> PoseRecipe:
    """A student of `wider`."""
    return replace(recipe, distillation=first_stage(wider(recipe).model))


def stage2(recipe: PoseRecipe) -> PoseRecipe:
    """A fifth of the steps more, for a new head that learns the old head's answers."""
    schedule = replace(recipe.schedule, steps=max(recipe.schedule.steps // 5, 1), warmup_steps=2)
    frozen = ("backbone", "neck")
    return replace(
        recipe,
        distillation=second_stage(recipe.model),
        schedule=schedule,
        frozen=frozen,
        heatmap_weight=0.0,
    )


STUDIES: Mapping[str, Sequence[Variant]] = {
    "parts": (
        Variant(name="backbone and SimCC", change=parts(gau=False, pafpn=False, hem=False)),
        Variant(name="+ GAU (RTMPose)", change=parts(gau=True, pafpn=False, hem=False)),
        Variant(name="+ PAFPN", change=parts(gau=True, pafpn=True, hem=False)),
        Variant(name="+ HEM (RTMW)", change=parts(gau=True, pafpn=True, hem=True)),
        Variant(name="+ auxiliary heatmaps in training"),
    ),
    "distillation": (
        Variant(name="teacher", change=wider),
        Variant(name="student"),
        Variant(name="student, stage 1", change=stage1, taught_by="teacher"),
        Variant(name="student, stage 2", change=stage2, taught_by="student"),
        Variant(name="student, stages 1 and 2", change=stage2, taught_by="student, stage 1"),
    ),
    "joint": (
        Variant(name="3D labels only", crops_in_2d=False),
        Variant(name="2D labels only", crops_in_3d=False),
        Variant(name="both, z masked where unknown"),
    ),
}


def small_recipe(steps: int, seed: int) -> PoseRecipe:
    """`nano_small` for a training of minutes."""
    return replace(
        nano_small(steps=steps),
        schedule=FlatCosine(steps=steps, warmup_steps=max(steps // 20, 2)),
        ema_momentum=0.005,
        ema_gamma=200,
        seed=seed,
        validate_every=steps,
        checkpoint_every=steps,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """Rendered crops in memory, drawn randomly and augmented again (a `BatchSource`)."""

    crops: PoseBatch
    batch_size: int
    augmentation: Augmentation
    seed: int

    def batch(self, index: int) -> PoseBatch:
        """Batch number `index`, from 0."""
        rng = np.random.default_rng([self.seed, index])
        rows = rng.integers(len(self.crops), size=self.batch_size)
        samples = self.crops.samples()
        varied = [augment_crop(samples[row], self.augmentation, rng) for row in rows]
        return stack_samples(varied, self.crops.box_side_px[rows])


def rendered_crops(world: WorldSettings, folder: Path, count: int) -> PoseBatch:
    """Crops of the small size, rendered once and kept in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"crops_{i:05d}.npz" for i in range(-(-count // FILE_CROPS))]
    missing = [i for i, path in enumerate(files) if not path.exists()]
    if missing:
        plan = StreamPlan(batch_size=FILE_CROPS, workers=1, first_batch=missing[0])
        with CropStream(world, SIZE_WH, jitter=CropJitter(), plan=plan) as stream:
            for path, batch in zip(files[missing[0] :], stream, strict=False):
                write_crops(path, pose_batch(batch))
                print(f"\r{path.stem}: {len(files)} files", end="", flush=True)
        print()
    return join_batches([read_crops(path) for path in files])


def labelled(crops: PoseBatch, variant: Variant) -> PoseBatch:
    """The crops of a variant of `joint`: a tenth has labels in 3D, the others in 2D only."""
    in_3d = np.arange(len(crops)) < LABELLED_IN_3D * len(crops)
    metres = crops.keypoints_camera_m.copy()
    metres[~in_3d] = np.nan
    use = (in_3d & variant.crops_in_3d) | (~in_3d & variant.crops_in_2d)
    if not variant.crops_in_3d:
        metres[:] = np.nan
        use[:] = True
    return PoseBatch(
        crops=crops.crops[use],
        keypoints_px=crops.keypoints_px[use],
        visible=crops.visible[use],
        keypoints_camera_m=metres[use],
        box_side_px=crops.box_side_px[use],
    )


def run(
    variant: Variant,
    recipe: PoseRecipe,
    crops: PoseBatch,
    held_out: list[PoseBatch],
    out: Path,
    teacher: Path | None,
    backbone: Path | None,
) -> dict[str, float]:
    """Metrics of one variant and seed: trained, or read if it was trained before."""
    done = out / "metrics.csv"
    if not done.exists():
        recipe = variant.change(recipe)

        def open_stage(stage: int) -> BatchSource[PoseBatch]:
            return Kept(
                crops=crops,
                batch_size=recipe.batch_size,
                augmentation=recipe.augmentation(stage),
                seed=recipe.seed,
            )

        data = TrainingData(open_stage=open_stage, validation=held_out)
        engine = Engine("auto", precision=recipe.precision)
        initial = None if backbone is None else InitialWeights(path=backbone, parts=("backbone",))
        result = train(
            recipe, data, out, engine=engine, teacher=teacher, initial=initial, resume=True
        )
        with atomic_write(done, "w") as file:
            writer = csv.writer(file)
            writer.writerows(result.metrics.items())
    with done.open(newline="") as file:
        return {name: float(value) for name, value in csv.reader(file)}


def table(study: str, found: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Markdown: mean and spread of every metric over the seeds."""
    lines = [f"| {study} | seeds | {' | '.join(METRICS)} |", "|---|---:" + "|---:" * 5 + "|"]
    for name, runs in found.items():
        cells = []
        for metric in METRICS:
            values = [metrics[metric] for metrics in runs]
            digits = 0 if "mpjpe" in metric else 3
            spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.{digits}f}{spread}")
        lines.append(f"| {name} | {len(runs)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train what is missing, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--assets", type=Path, required=True, help="MakeHuman's folder")
    parser.add_argument("--backdrops", type=Path, help="photographs without people")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2000, help="of 32 crops")
    parser.add_argument("--crops", type=int, default=12_800, help="rendered to train on")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of the network")
    parser.add_argument("--backbone", type=Path, help="weights of the initial backbone")
    given = parser.parse_args()
    if given.seeds < 1:
        parser.error(f"--seeds is the number of seeds, at least 1; got {given.seeds}")
    if given.backbone and given.study == "distillation":
        parser.error("--backbone does not fit the teacher of distillation")
    if given.threads:
        torch.set_num_threads(given.threads)
        cv2.setNumThreads(given.threads)
    world = WorldSettings(
        assets=given.assets, make_people=makehuman_people, backdrops=given.backdrops, seed=5
    )
    crops = rendered_crops(world, given.out / "crops", given.crops)
    recipe = small_recipe(given.steps, 0)
    held_out = load_validation_crops(
        recipe, replace(world, split="val"), given.out / "validation.npz", VALIDATION_CROPS
    )
    found: dict[str, list[dict[str, float]]] = {}
    weights: dict[str, Path] = {}  # of the seed at hand
    for seed in range(given.seeds):  # seeds outside, so that an unfinished study compares
        for number, variant in enumerate(STUDIES[given.study]):
            theirs = labelled(crops, variant) if given.study == "joint" else crops
            out = given.out / f"{given.study}_{number}_{seed}"
            recipe = small_recipe(given.steps, seed)
            taught_by = None if variant.taught_by is None else weights[variant.taught_by]
            metrics = run(variant, recipe, theirs, held_out, out, taught_by, given.backbone)
            weights[variant.name] = out / f"{variant.change(recipe).model.name}.pth"
            found.setdefault(variant.name, []).append(metrics)
            print(variant.name, seed, {name: round(metrics[name], 3) for name in METRICS})
            with atomic_write(given.out / f"{given.study}.md", "w") as file:
                file.write(table(given.study, found))
    print(table(given.study, found))


if __name__ == "__main__":
    main()
