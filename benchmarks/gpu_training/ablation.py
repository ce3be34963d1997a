"""Ablation of the mixture of real and rendered people that `rtmw3d-n` is trained on.

    python benchmarks/gpu_training/ablation.py --data REAL_PEOPLE --assets makehuman/ \
        --backdrops photos/ --out runs/mixture --device cpu

Each variant changes one thing of the mixture, at 128x96, so that a CPU trains it in minutes. All
start from the same weights: those of `rtmw3d-n-cc0`, resized and trained on rendered people until
they fit the smaller crops. Metrics are of the test parts: sport (labels by hand),
faces (error of 68 landmarks in distances of the outer eye corners), and rendered people with other
bodies, clothes and backdrops. Finished variants are kept in OUT, so the same command resumes; the
table is printed and written to OUT/ablation.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from bone_prior import BonePrior
from canvases import CROPS_PER_FILE, Rendering, Shuffled, read_people, read_rendered
from pose import (
    PORTRAIT_BOX_SCALE,
    add_common_arguments,
    augment_batch,
    label_people,
    save,
    train_step,
    training_precision,
)
from torch import Tensor
from windows import People, cut_crops, inference_windows, join, to_crop

from rtmpose3d.data import ReadOptions, read_dataset
from rtmpose3d.models.graph import PoseGraph
from rtmpose3d.skeletons import HIPS, PART_INDICES
from rtmpose3d.structures import FloatArray
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.synth.scene import AssetSplit
from rtmpose3d.training.data.pose_batches import PoseBatch
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.pose.initialization import InitialWeights
from rtmpose3d.training.pose.task import PoseTask, prepare_pose
from rtmpose3d.training.pose.validation import CropPredictions, validate_pose
from rtmpose3d.training.recipes.augmentation import Augmentation
from rtmpose3d.training.recipes.pose import PoseRecipe
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.training.recipes.small import nano_small
from rtmpose3d.zoo import BundledFile, resolve

INITIAL = "rtmw3d-n-cc0"
EYE_CORNERS = (23 + 36, 23 + 45)
BLAZEPOSE = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)  # COCO's 17 in it
OWN_LABELS_AT = 0.5  # part of the steps before the network labels
MIN_AGREEMENT = 0.9  # of a teacher with labels by hand, for its depth
METRICS = {
    "sport_10": "sport PCK@0.1",
    "sport_05": "@0.05",
    "faces": "faces, %",
    "rendered_10": "rendered PCK@0.1",
    "mpjpe_body_mm": "MPJPE, mm",
    "depth_mm": "z of sport against the teacher's, mm",
}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A row of the table.

    Attributes:
        name: of the row.
        sport, faces: their shares of a batch; the rest is rendered.
        augmentation: change of the augmentation.
        teacher_weight: factor on the weights of the teacher's labels.
        own_labels: whether the network labels the photographs itself after half of the steps.
        teacher_depth: whether sport has the teacher's z of the body.
        bone_prior: weight of the loss of bone lengths of people without 3D labels.
        heatmap_weight: of the auxiliary heatmaps.
    """

    name: str
    sport: float = 0.4
    faces: float = 0.1
    augmentation: Callable[[Augmentation], Augmentation] = lambda augmentation: augmentation
    teacher_weight: float = 1.0
    own_labels: bool = False
    teacher_depth: bool = False
    bone_prior: float = 0.0
    heatmap_weight: float = 1.0


def geometric(**changes: object) -> Callable[[Augmentation], Augmentation]:
    """Change of the geometric augmentation."""

    def change(augmentation: Augmentation) -> Augmentation:
        assert augmentation.geometric is not None
        return replace(augmentation, geometric=replace(augmentation.geometric, **changes))  # type: ignore[arg-type]

    return change


def photometric(**changes: object) -> Callable[[Augmentation], Augmentation]:
    """Change of the photometric augmentation."""

    def change(augmentation: Augmentation) -> Augmentation:
        assert augmentation.photometric is not None
        return replace(augmentation, photometric=replace(augmentation.photometric, **changes))  # type: ignore[arg-type]

    return change


VARIANTS = (
    Variant(name="40 % sport, 10 % faces, 50 % rendered"),
    Variant(name="rendered people only", sport=0.0, faces=0.0),
    Variant(name="no rendered people (80 % sport)", sport=0.8, faces=0.2),
    Variant(name="20 % sport", sport=0.2),
    Variant(name="65 % sport", sport=0.65),
    Variant(name="no faces", faces=0.0),
    Variant(name="no labels of the teacher", teacher_weight=0.0),
    Variant(name="labels of the teacher with twice the weight", teacher_weight=2.0),
    Variant(name="labels of the network itself", own_labels=True),
    Variant(name="rotation up to 40 degrees, not 100", augmentation=geometric(rotation_deg=40.0)),
    Variant(name="no half bodies", augmentation=geometric(half_body_prob=0.0, cut_prob=0.0)),
    Variant(name="scale 0.8 to 1.2, not 0.6 to 1.4", augmentation=geometric(scale=(0.8, 1.2))),
    Variant(name="no loss of quality", augmentation=photometric(degradation=None)),
    Variant(name="no occlusion", augmentation=photometric(patch_prob=0.0, dropout_prob=0.0)),
    Variant(name="no auxiliary heatmaps", heatmap_weight=0.0),
    Variant(name="z of the teacher on photographs", teacher_depth=True),
    Variant(name="bone lengths and symmetry on photographs, 0.3", bone_prior=0.3),
    Variant(name="bone lengths and symmetry on photographs, 0.03", bone_prior=0.03),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Data:
    """People to train on and to validate on.

    Attributes:
        sport, faces, rendered: of the train parts.
        sport_depth_m: (N, 133) z of the teacher relative to the hips, nan where unknown.
        test: batches of the test parts: sport, faces, rendered.
        test_depth_m: as `sport_depth_m`, of the test part.
    """

    sport: People
    faces: People
    rendered: People
    sport_depth_m: Tensor
    test: Mapping[str, list[PoseBatch]]
    test_depth_m: FloatArray


def render(
    options: argparse.Namespace, split: AssetSplit, count: int, size_wh: tuple[int, int]
) -> People:
    """Rendered canvases, kept in OUT."""
    folder, needed = options.out / f"rendered_{split}", -(-count // CROPS_PER_FILE)
    world = Rendering(
        assets=options.assets, backdrops=options.backdrops, folder=folder, size_wh=size_wh,
        workers=options.render_workers, seed=77, split=split, max_waiting_files=needed,
    )  # fmt: skip
    if len(list(folder.glob("*.npz"))) < needed:
        processes = world.start()
        while (have := len(list(folder.glob("*.npz")))) < needed:
            print(f"\r{split}: {have * CROPS_PER_FILE} of {count} rendered", end="", flush=True)
            time.sleep(2)
        for process in processes:
            process.terminate()
        print()
    return join([read_rendered(path) for path in sorted(folder.glob("*.npz"))[:needed]])


def teacher_depth_m(folder: Path, split: str, every: int) -> FloatArray:
    """(N, 133) z of the teacher relative to the hips for the records of LSP Extended."""
    with np.load(folder / split / "labels.npz") as file:
        world, agreement = file["teacher_world_m"], file["agreement"]
    records = read_dataset("lspet", folder, split, options=ReadOptions(every=every))
    rows = [record.index for record in records]
    depth = np.full((len(rows), 133), np.nan, np.float32)
    z = world[rows][:, BLAZEPOSE, 2]
    depth[:, :17] = np.where(agreement[rows, None] >= MIN_AGREEMENT, z, np.nan)
    return depth - depth[:, list(HIPS)].mean(axis=1, keepdims=True)


def test_batches(people: People, size_wh: tuple[int, int]) -> list[PoseBatch]:
    """Crops as inference cuts them, with labels by hand only."""
    batches = []
    for rows in torch.arange(len(people)).split(CROPS_PER_FILE):
        part = people.rows(rows)
        windows = inference_windows(part, size_wh)
        crops = cut_crops(part, windows, size_wh).round().to(torch.uint8)
        sides = (part.boxes_xyxy[:, 2:] - part.boxes_xyxy[:, :2]).amax(dim=1) / windows.px
        batch = PoseBatch(
            crops=crops.permute(0, 2, 3, 1).contiguous().numpy(),
            keypoints_px=to_crop(part.keypoints_px, windows, size_wh).numpy(),
            visible=(part.visible * (part.label_weight == 1)).numpy(),
            keypoints_camera_m=np.full((len(part), 133, 3), np.nan, np.float32),
            box_side_px=sides.numpy(),
        )
        batches.append(batch)
    return batches


def rendered_batches(folder: Path, size_wh: tuple[int, int]) -> list[PoseBatch]:
    """Crops of rendered canvases, with 3D."""
    batches = []
    for path in sorted(folder.glob("*.npz")):
        (batch,) = test_batches(read_rendered(path), size_wh)
        with np.load(path) as file:
            batches.append(replace(batch, keypoints_camera_m=file["keypoints_camera_m"]))
    return batches


def read_data(options: argparse.Namespace) -> Data:
    """Everything in memory."""
    size_wh = nano_small().model.input_size_wh
    lspet, faces = options.data / "lspet", options.data / "faces"
    read = {"workers": options.readers, "size_wh": size_wh}
    rendered = render(options, "train", options.rendered, size_wh)
    render(options, "val", options.rendered_test, size_wh)
    test = {
        "sport": read_people("lspet", lspet, split="test", every=options.every, **read),
        "faces": read_people("faces68", faces, split="test", every=1, **read),
    }
    batches = {name: test_batches(people, size_wh) for name, people in test.items()}
    batches["rendered"] = rendered_batches(options.out / "rendered_val", size_wh)
    return Data(
        sport=read_people("lspet", lspet, **read),
        faces=read_people("faces68", faces, box_scale=PORTRAIT_BOX_SCALE, **read),
        rendered=rendered,
        sport_depth_m=torch.from_numpy(teacher_depth_m(lspet, "train", 1)),
        test=batches,
        test_depth_m=teacher_depth_m(lspet, "test", options.every),
    )


def small_recipe(
    options: argparse.Namespace, variant: Variant, *, seed: int, steps: int
) -> PoseRecipe:
    """`nano_small` for a training of minutes."""
    recipe = nano_small(steps=steps, batch_size=options.batch_size)
    return replace(
        recipe,
        schedule=FlatCosine(steps=steps, warmup_steps=max(steps // 20, 2)),
        learning_rate=options.learning_rate,
        ema_momentum=0.005,
        ema_gamma=200,
        heatmap_weight=variant.heatmap_weight,
        precision=training_precision(options),
        stage1=variant.augmentation(recipe.stage1),
        seed=seed,
    )


def weighted(people: People, factor: float) -> People:
    """Other weights for labels of a teacher."""
    teacher = people.label_weight < 1
    weight = torch.where(teacher, (factor * people.label_weight).clamp(max=1), people.label_weight)
    return replace(people, label_weight=weight, visible=people.visible * (weight > 0))


def train(
    options: argparse.Namespace, variant: Variant, data: Data, recipe: PoseRecipe, initial: Path
) -> PoseTask:
    """Trains a variant."""
    engine = Engine(options.device, precision=recipe.precision)
    task = prepare_pose(recipe, engine, InitialWeights(path=initial))
    task.model.train()
    torch.manual_seed(recipe.seed)
    sport = weighted(data.sport, variant.teacher_weight)
    if variant.teacher_depth:
        sport = replace(sport, relative_depth_m=data.sport_depth_m)
    people = {"sport": sport, "faces": data.faces, "rendered": data.rendered}
    parts = {name: Shuffled(values, engine.device) for name, values in people.items()}
    size, steps = recipe.batch_size, recipe.schedule.steps
    counts = {"sport": round(variant.sport * size), "faces": round(variant.faces * size)}
    counts["rendered"] = size - sum(counts.values())
    prior = BonePrior(task, variant.bone_prior) if variant.bone_prior else None
    start = time.monotonic()
    for step in range(steps):
        if variant.own_labels and step == round(OWN_LABELS_AT * steps):
            for name in ("sport", "faces"):
                own = parts[name].people
                print(f"  {name}: {label_people(task, own, own.clone())}")
        drawn = [parts[name].draw(count) for name, count in counts.items() if count]
        batch = augment_batch(join(drawn), recipe, 1)
        rate = recipe.learning_rate * recipe.schedule.factor(step)
        losses = train_step(task, recipe, batch, rate, step, prior)
        if step % 50 == 49:
            speed = (step + 1) * size / (time.monotonic() - start)
            print(f"  step {step + 1}: {losses['loss']:.2f}, {speed:.0f} crops/s", flush=True)
    return task


def base_weights(options: argparse.Namespace, data: Data) -> Path:
    """Weights that all variants start from, kept in OUT."""
    path = options.out / "base.safetensors"
    if not path.exists():
        file = resolve(INITIAL).file
        assert isinstance(file, BundledFile)
        rendered = Variant(name="base", sport=0.0, faces=0.0)
        recipe = small_recipe(options, rendered, seed=0, steps=options.base_steps)
        task = train(options, rendered, data, recipe, file.path)
        print(evaluate(task, data))
        save(task, path)
    return path


def evaluate(task: PoseTask, data: Data) -> dict[str, float]:
    """Metrics of the averaged weights, without flip test."""
    task.state.average.copy_to(task.average)
    graph = PoseGraph(task.average, task.spec).to(task.engine.device).eval()
    sport, poses = validate_pose(graph, task.spec, data.test["sport"])
    _, faces = validate_pose(graph, task.spec, data.test["faces"])
    rendered, _ = validate_pose(graph, task.spec, data.test["rendered"])
    return {
        "sport_10": sport["pck10_body"],
        "sport_05": sport["pck05_body"],
        "faces": face_error(faces, data.test["faces"]),
        "rendered_10": rendered["pck10_body"],
        "hands_10": rendered["pck10_hands"],
        "mpjpe_body_mm": rendered["mpjpe_body_mm"],
        "depth_mm": depth_error_mm(poses, data.test_depth_m),
    }


def face_error(predictions: Sequence[CropPredictions], batches: Sequence[PoseBatch]) -> float:
    """Mean error of 68 landmarks, in percent of the distance of the outer eye corners."""
    face = PART_INDICES["face"]
    predicted = np.concatenate([p.keypoints_px for p in predictions])
    truth = np.concatenate([batch.keypoints_px for batch in batches])
    eyes = np.linalg.norm(truth[:, EYE_CORNERS[0]] - truth[:, EYE_CORNERS[1]], axis=1)
    errors = np.linalg.norm(predicted[:, face] - truth[:, face], axis=2).mean(axis=1)
    return float(100 * (errors / eyes).mean())


def depth_error_mm(predictions: Sequence[CropPredictions], depth_m: FloatArray) -> float:
    """Mean difference of z relative to the hips from the teacher's, where that is known."""
    z = np.concatenate([p.relative_depth_m for p in predictions if p.relative_depth_m is not None])
    z = z - z[:, list(HIPS)].mean(axis=1, keepdims=True)
    return float(1000 * np.nanmean(np.abs(z - depth_m)))


def table(found: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Markdown: mean of every metric over the seeds, and its spread."""
    lines = [
        f"| | seeds | {' | '.join(METRICS.values())} |",
        "|---|" + "---:|" * (len(METRICS) + 1),
    ]
    for name, runs in found.items():
        cells = []
        for metric in METRICS:
            values = [run[metric] for run in runs]
            digits = 0 if metric.endswith("_mm") else 1 if metric == "faces" else 3
            spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.{digits}f}{spread}")
        lines.append(f"| {name} | {len(runs)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_common_arguments(parser)
    parser.add_argument("--steps", type=int, default=350)
    parser.add_argument("--base-steps", type=int, default=600)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--variants", help="numbers of variants, from 0; default: all")
    parser.add_argument("--rendered", type=int, default=3200, help="canvases to train on")
    parser.add_argument("--rendered-test", type=int, default=512)
    parser.add_argument("--every", type=int, default=1, help="use every n-th person of the test")
    parser.add_argument("--render-workers", type=int, default=1)
    parser.add_argument("--readers", type=int, default=2, help="processes that read datasets")
    return parser.parse_args()


def main() -> None:
    """Trains what is missing, prints the table."""
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    data = read_data(options)
    initial = base_weights(options, data)
    chosen = range(len(VARIANTS))
    if options.variants:
        chosen = [int(number) for number in options.variants.split(",")]
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(options.seeds):  # seeds outside, so that an unfinished ablation compares
        for number in chosen:
            variant, path = VARIANTS[number], options.out / f"{number:02d}_{seed}.json"
            if not path.exists():
                print(f"{variant.name}, seed {seed}")
                recipe = small_recipe(options, variant, seed=seed, steps=options.steps)
                metrics = evaluate(train(options, variant, data, recipe, initial), data)
                with atomic_write(path, "w") as file:
                    json.dump(metrics, file)
            metrics = json.loads(path.read_text())
            found.setdefault(variant.name, []).append(metrics)
            print(f"  { ({name: round(value, 3) for name, value in metrics.items()}) }")
            with atomic_write(options.out / "ablation.md", "w") as file:
                file.write(table(found))
    print(table(found))


if __name__ == "__main__":
    main()
