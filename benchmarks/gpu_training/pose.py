"""Trains the bundled `rtmw3d-n` on a GPU for a number of seconds, from given weights.

    python benchmarks/gpu_training/pose.py --data REAL_PEOPLE --assets makehuman/ \
        --backdrops photos/ --initial rtmw3d-n --out runs/gpu --seconds 500

Everything but the rendering runs on the GPU: canvases of all people are in its memory, crops are
cut and changed there (`windows`, `appearance`), so that a few cores, which render new people all
the time (EGL), keep a GPU busy. The schedule follows the clock. Twice on the way, the averaged
network labels what people do not have labels for, where its predictions for differently cut crops
agree (data distillation, Radosavovic et al. 2018); labels by hand whose left and right it sees
exchanged are exchanged. OUT gets the averaged weights in half precision.
"""

from __future__ import annotations

import argparse
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from appearance import change_appearance
from canvases import RenderedPool, Rendering, Shuffled, read_people
from safetensors.torch import save_file
from torch import Tensor, nn
from windows import (
    People,
    cut_crops,
    draw_windows,
    exchange_sides,
    inference_windows,
    join,
    to_canvas,
    to_crop,
)

from rtmpose3d.models.graph import PoseGraph
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.pose.criterion import DeviceBatch
from rtmpose3d.training.pose.initialization import InitialWeights
from rtmpose3d.training.pose.task import PoseTask, prepare_pose
from rtmpose3d.training.recipes import resolve_recipe
from rtmpose3d.training.recipes.augmentation import GeometricAugmentation
from rtmpose3d.training.recipes.pose import PoseRecipe

SPORT, FACES = 0.5, 0.1  # of each batch; the rest is rendered
FLAT, FINAL = 0.35, 0.01  # part of the time before the cosine, factor at its end
STAGE2 = 0.8  # part of the time before the weaker augmentation
LABELLING = (0.4, 0.65)  # parts of the time at which the network labels
VIEWS, VIEW_SPREAD, MIN_CONFIDENCE = 6, 0.02, 0.35
OWN_WEIGHT = 0.3  # of the network's own labels
EXCHANGED = 0.5  # of the error of labels by hand, if left and right were exchanged
POOL = 40_000
MIN_RENDERED = 1500
PORTRAIT_BOX_SCALE = (0.9, 1.7)  # faces to head and shoulders
VIEW = GeometricAugmentation(
    half_body_prob=0.0, scale=(0.8, 1.2), rotation_deg=40.0, rotation_prob=1.0, shift=0.05
)


def augment_batch(people: People, recipe: PoseRecipe, stage: int) -> DeviceBatch:
    """Augmented crops with their labels."""
    augmentation = recipe.augmentation(stage)
    assert augmentation.geometric is not None
    assert augmentation.photometric is not None
    size_wh = recipe.model.input_size_wh
    windows, visible = draw_windows(people, augmentation.geometric, size_wh)
    crops = change_appearance(cut_crops(people, windows, size_wh), augmentation.photometric)
    labelled = replace(
        people, visible=visible, keypoints_px=to_crop(people.keypoints_px, windows, size_wh)
    )
    labelled = exchange_sides(labelled, windows)
    return DeviceBatch(
        crops=crops.round().to(torch.uint8).permute(0, 2, 3, 1),
        keypoints_px=labelled.keypoints_px,
        visible=labelled.visible,
        label_weight=labelled.label_weight,
        relative_depth_m=labelled.relative_depth_m,
        metres_per_px=people.metres_per_px * windows.px,
    )


def learning_rate_factor(done: float, step: int) -> float:
    """Warm-up over 200 steps, flat, then a cosine over the time."""
    warm = min((step + 1) / 200, 1.0)
    past = max(done - FLAT, 0.0) / (1 - FLAT)
    return warm * (FINAL + (1 - FINAL) * 0.5 * (1 + math.cos(math.pi * min(past, 1.0))))


@torch.no_grad()
def predict_views(task: PoseTask, graph: PoseGraph, people: People) -> Iterator[Tensor]:
    """(N, K, 3) x and y on the canvas, and confidence, of differently cut crops."""
    size_wh = task.spec.input_size_wh
    flip = torch.from_numpy(WHOLEBODY.flip_index.copy()).to(people.visible.device)
    for view in range(VIEWS):
        if view:
            windows, _ = draw_windows(people, VIEW, size_wh)
        else:
            windows = inference_windows(people, size_wh)
        crops = cut_crops(people, windows, size_wh).round().to(torch.uint8)
        with task.engine.autocast():
            bins, _, confidence, *_ = graph(crops.permute(0, 2, 3, 1))
        points = bins[..., :2].float() / graph.codec.split_ratio
        points = to_canvas(points, windows, size_wh)
        swap = windows.flipped[:, None]
        points = torch.where(swap[..., None], points[:, flip], points)
        confidence = torch.where(swap, confidence[:, flip], confidence)
        yield torch.cat([points, confidence[..., None].float()], dim=2)


@torch.no_grad()
def label_people(task: PoseTask, people: People, original: People) -> dict[str, int]:
    """Adds the network's own labels to people, in place; exchanges left and right.

    Args:
        task: its averaged weights predict.
        people: gets the labels.
        original: the people without labels of the network.
    """
    task.state.average.copy_to(task.average)
    graph = PoseGraph(task.average, task.spec).to(people.visible.device).eval()
    flip = torch.from_numpy(WHOLEBODY.flip_index.copy()).to(people.visible.device)
    added = exchanged = 0
    for rows in torch.arange(len(people), device=people.visible.device).split(256):
        part = original.rows(rows)
        views = torch.stack(list(predict_views(task, graph, part)))
        points = views[..., :2].median(dim=0).values
        side = (part.boxes_xyxy[:, 2:] - part.boxes_xyxy[:, :2]).amax(dim=1)
        side = side * part.box_scale.mean(dim=1)
        spread = (views[..., :2] - points).norm(dim=3).mean(dim=0) / side[:, None]
        confidence = views[..., 2].mean(dim=0)
        keypoints, visible = part.keypoints_px.clone(), part.visible.clone()
        weight = part.label_weight.clone()
        hand = (visible > 0) & (weight >= 1)
        hand[:, :5] = hand[:, 17:] = False
        paired = hand & hand[:, flip]
        count = paired.sum(dim=1)
        distance = (keypoints - points).norm(dim=2) / side[:, None]
        other = (keypoints[:, flip] - points).norm(dim=2) / side[:, None]
        mean, mean_other = ((d * paired).sum(dim=1) / count.clamp(min=1) for d in (distance, other))
        wrong = (count >= 4) & (mean > 0.12) & (mean_other < EXCHANGED * mean)
        for values in (keypoints, visible, weight):
            values[wrong] = values[wrong][:, flip]
        x, y = points.unbind(dim=2)
        frame = part.image_xyxy[:, None].unbind(dim=2)
        inside = (x > frame[0] + 1) & (y > frame[1] + 1) & (x < frame[2] - 1) & (y < frame[3] - 1)
        sure = (visible == 0) & inside & (spread < VIEW_SPREAD) & (confidence > MIN_CONFIDENCE)
        people.keypoints_px[rows] = torch.where(sure[..., None], points, keypoints)
        people.visible[rows] = torch.where(sure, 1.0, visible)
        people.label_weight[rows] = torch.where(sure, OWN_WEIGHT * confidence, weight)
        added += int(sure.sum())
        exchanged += int(wrong.sum())
    return {"labels": added, "exchanged": exchanged}


def save(task: PoseTask, path: Path) -> None:
    """Writes the averaged weights in half precision."""
    tensors = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous().clone()
        for name, value in task.state.average.state_dict().items()
    }
    save_file(tensors, path)


def log(out: Path, **values: object) -> None:
    """Prints a line and appends it to the log."""
    text = json.dumps(values)
    print(text, flush=True)
    with (out / "log.jsonl").open("a") as file:
        file.write(text + "\n")


def read_datasets(options: argparse.Namespace, size_wh: tuple[int, int]) -> list[People]:
    """People of sport and faces; in processes that are forked before CUDA starts."""
    read = {"workers": options.readers, "every": options.every}
    faces = options.data / "faces"
    return [
        read_people("lspet", options.data / "lspet", size_wh, **read),
        read_people("faces68", faces, size_wh, box_scale=PORTRAIT_BOX_SCALE, **read),
    ]


def train(
    options: argparse.Namespace, task: PoseTask, recipe: PoseRecipe, datasets: list[People]
) -> None:
    """Trains until the time is over."""
    device, out = task.engine.device, options.out
    sport, faces = (Shuffled(people, device) for people in datasets)
    pool = RenderedPool(options.shared / "rendered", options.pool, device)
    threading.Thread(target=pool.read_files, daemon=True).start()
    while pool.total < options.min_rendered:
        pool.update()
        time.sleep(0.05)
    originals = {id(part): part.people.clone() for part in (sport, faces)}
    count = {name: round(share * recipe.batch_size) for name, share in (("s", SPORT), ("f", FACES))}
    start = time.monotonic()
    done, step, saved, labelled = 0.0, 0, 0, 0
    sums = torch.zeros(3, device=device)
    while done < 1:
        done = min((time.monotonic() - start) / options.seconds, 1.0)
        if labelled < len(LABELLING) and done > LABELLING[labelled]:
            labelled += 1
            for name, part in (("sport", sport), ("faces", faces)):
                added = label_people(task, part.people, originals[id(part)])
                log(out, done=done, part=name, **added)
        pool.update()
        drawn = [sport.draw(count["s"]), faces.draw(count["f"])]
        drawn.append(pool.draw(recipe.batch_size - sum(count.values())))
        batch = augment_batch(join(drawn), recipe, 1 if done < STAGE2 else 2)
        rate = recipe.learning_rate * learning_rate_factor(done, step)
        losses = train_step(task, recipe, batch, rate, step)
        sums += torch.stack([losses["loss"], losses["keypoint_loss"], losses["bone_loss"]]).detach()
        step += 1
        if step == 20 and options.sheet:
            write_sheet(batch, out / "batch.jpg")
        if step % options.log_every == 0:
            values = dict(zip(("loss", "keypoints", "bones"), sums.tolist(), strict=True))
            values = {name: value / options.log_every for name, value in values.items()}
            if not math.isfinite(values["loss"]):
                raise SystemExit(f"loss not finite at step {step}")
            sums.zero_()
            seconds = time.monotonic() - start
            log(
                out, step=step, seconds=round(seconds, 1), rate=rate, rendered=pool.total,
                crops_per_s=round(step * recipe.batch_size / seconds),
                sport_epochs=round(sport.epochs, 1), **values,
            )  # fmt: skip
        if saved < len(options.save_at) and done >= options.save_at[saved]:
            save(task, out / f"rtmw3d-n-{round(100 * options.save_at[saved])}.safetensors")
            saved += 1
    save(task, out / "rtmw3d-n.safetensors")


def train_step(
    task: PoseTask,
    recipe: PoseRecipe,
    batch: DeviceBatch,
    rate: float,
    step: int,
    further_loss: Callable[[DeviceBatch], Tensor] | None = None,
) -> dict[str, Tensor]:
    """One optimizer step."""
    state = task.state
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    losses = task.criterion(task.model, batch, step)
    if further_loss is not None:
        losses["loss"] = losses["loss"] + further_loss(batch)
    (losses["loss"] * recipe.loss_scale).backward()
    nn.utils.clip_grad_norm_([p for _, p in state.trained()], recipe.clip_norm or math.inf)
    state.optimizer.step()
    state.optimizer.zero_grad(set_to_none=True)
    state.average.update(state.network)
    return losses


def write_sheet(batch: DeviceBatch, path: Path) -> None:
    """Image of 40 crops of a batch with their labels."""
    import cv2

    tiles = []
    chosen = torch.linspace(0, len(batch.crops) - 1, 40).long().tolist()
    for i in chosen:
        tile = np.ascontiguousarray(batch.crops[i].cpu().numpy())
        weights = (batch.visible * batch.label_weight)[i].tolist()
        for number, (x, y) in enumerate(batch.keypoints_px[i].tolist()):
            if weights[number] > 0 and abs(x) < 1000 and abs(y) < 1000:
                left = number % 2 if 4 < number < 17 else 0
                colour = (0, 255, 0) if weights[number] == 1 else (0, 160, 255)
                cv2.circle(tile, (round(x), round(y)), 3 if left else 2, colour, -1)
        tiles.append(tile)
    rows = [np.concatenate(tiles[i : i + 10], axis=1) for i in range(0, 40, 10)]
    cv2.imwrite(str(path), np.concatenate(rows))


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds folders (photographs, what people are rendered from, output), device and precision."""
    parser.add_argument("--data", type=Path, required=True, help="folder of lspet/ and faces/")
    parser.add_argument("--assets", type=Path, required=True, help="as for rtmpose3d synth")
    parser.add_argument("--backdrops", type=Path, required=True, help="as for rtmpose3d synth")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", help="bf16 or fp32; default: bf16 on a GPU, else fp32")


def training_precision(options: argparse.Namespace) -> str:
    """The requested precision, or that of the device."""
    return options.precision or ("bf16" if options.device.startswith("cuda") else "fp32")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_common_arguments(parser)
    parser.add_argument("--initial", type=Path, required=True, help="weights to start from")
    parser.add_argument("--shared", type=Path, default=Path("/dev/shm/rtmpose3d"))
    parser.add_argument("--seconds", type=float, default=500)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--render-workers", type=int, default=7, help="0: they run already")
    parser.add_argument("--readers", type=int, default=8, help="processes that read datasets")
    parser.add_argument("--pool", type=int, default=POOL, help="rendered canvases kept")
    parser.add_argument("--min-rendered", type=int, default=MIN_RENDERED)
    parser.add_argument("--save-at", type=float, nargs="*", default=[0.6])
    parser.add_argument("--every", type=int, default=1, help="use every n-th person only")
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--sheet", action="store_true", help="image of a batch")
    parser.add_argument("--seed", type=int, default=2026)
    return parser.parse_args()


def main() -> None:
    """Starts the rendering, then trains."""
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    recipe = resolve_recipe("rtmw3d-n", batch_size=options.batch_size)
    assert isinstance(recipe, PoseRecipe)
    recipe = replace(
        recipe,
        learning_rate=options.learning_rate,
        precision=training_precision(options),
        seed=options.seed,
    )
    if options.render_workers:
        Rendering(
            assets=options.assets,
            backdrops=options.backdrops,
            folder=options.shared / "rendered",
            size_wh=recipe.model.input_size_wh,
            workers=options.render_workers,
            seed=options.seed,
        ).start()
    datasets = read_datasets(options, recipe.model.input_size_wh)
    log(options.out, sport=len(datasets[0]), faces=len(datasets[1]))
    torch.backends.cudnn.benchmark = True
    engine = Engine(options.device, precision=recipe.precision)
    task = prepare_pose(recipe, engine, InitialWeights(path=options.initial))
    task.model.train()
    train(options, task, recipe, datasets)


if __name__ == "__main__":
    main()
