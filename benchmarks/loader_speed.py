"""Measures the speed of making batches from image files, and that of the training step.

Run: python benchmarks/loader_speed.py IMAGES [--model rtmw3d-n] [--batch-size 32]
     [--workers 0,1,2] [--threads 1] [--json FILE]

IMAGES is a folder of photographs (.jpg, .png). Each serves as a person who fills its middle:
what costs time is reading, cutting and changing an image, and that does not depend on the labels.
Batches are those of the published first stage, read again from the files every time. The step is
forward, backward and optimiser in the recipe's precision. Nothing of it is in the package.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from rtmpose3d.data import PoseRecord
from rtmpose3d.models import PoseNetwork
from rtmpose3d.sources import load_image
from rtmpose3d.training.data.loading import load_batches
from rtmpose3d.training.data.mixture import MixtureSource
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.pose.task import prepare_pose
from rtmpose3d.training.recipes.augmentation import STAGE1
from rtmpose3d.training.recipes.mixtures import DatasetEntry
from rtmpose3d.training.recipes.pose import PoseRecipe
from rtmpose3d.training.recipes.small import nano
from rtmpose3d.zoo import resolve_pose

SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Crops per second."""

    step: float
    loader: dict[int, float]


def records(folder: Path) -> list[PoseRecord]:
    """A synthetic person in the middle of each image."""
    rng = np.random.default_rng(0)
    made = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            continue
        height, width = load_image(path).shape[:2]
        box = np.array([0.25 * width, 0.1 * height, 0.75 * width, 0.9 * height], np.float32)
        keypoints = rng.uniform(box[:2], box[2:], (133, 2)).astype(np.float32)
        made.append(
            PoseRecord(
                image=path,
                box_xyxy=box,
                keypoints_px=keypoints,
                visible=np.ones(133, np.float32),
                source=str(path),
                licence="",
            )
        )
    return made


def open_mixture(people: Sequence[PoseRecord], recipe: PoseRecipe) -> MixtureSource:
    return MixtureSource(
        entries=[(DatasetEntry(dataset="images"), people)],
        input_size_wh=recipe.model.input_size_wh,
        batch_size=recipe.batch_size,
        augmentation=STAGE1,
        seed=0,
    )


def loader_speed(people: Sequence[PoseRecord], recipe: PoseRecipe, workers: int) -> float:
    """Crops per second that come out, once the first batch of each worker has."""
    batches = load_batches(partial(open_mixture, people, recipe), workers=workers, ahead=2)
    for _ in range(3 * max(workers, 1)):
        next(batches)
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < SECONDS:
        count += len(next(batches))
    speed = count / (time.perf_counter() - begun)
    batches.close()
    return speed


def step_speed(people: Sequence[PoseRecord], recipe: PoseRecipe) -> float:
    """Crops per second that a training step takes, batches at hand."""
    engine = Engine("cpu", precision=recipe.precision, channels_last=recipe.channels_last)
    task = prepare_pose(recipe, engine)
    batch = open_mixture(people, recipe).batch(0)
    state, begun, count = task.state, 0.0, 0
    while not begun or time.perf_counter() - begun < SECONDS:
        task.model.train()
        engine.backward(task.losses(batch)["loss"])
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        state.average.update(state.network)
        state.step += 1
        if state.step == 2:  # warm
            begun, count = time.perf_counter(), 0
        count += recipe.batch_size
    return (count - recipe.batch_size) / (time.perf_counter() - begun)


def measure(people: Sequence[PoseRecord], recipe: PoseRecipe, workers: list[int]) -> Measured:
    return Measured(
        step=step_speed(people, recipe),
        loader={count: loader_speed(people, recipe, count) for count in workers},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of batches and steps")
    parser.add_argument("images", type=Path)
    parser.add_argument("--model", default="rtmw3d-n")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", default="0,1,2")
    parser.add_argument("--threads", type=int, default=1, help="of the network")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    people = records(options.images)
    if not people:
        parser.error(f"there is no image in {options.images}")
    recipe = replace(nano(batch_size=options.batch_size), model=resolve_pose(options.model))
    parameters = sum(p.numel() for p in PoseNetwork(recipe.model).parameters())
    pixels = np.mean([np.prod(load_image(person.image).shape[:2]) for person in people])
    print(f"{len(people)} images of {pixels / 1e6:.2f} megapixels; {os.cpu_count()} CPU cores")
    found = measure(people, recipe, [int(count) for count in options.workers.split(",")])
    print(
        f"step of {recipe.model.name} ({parameters / 1e6:.1f} M), {options.threads} threads, "
        f"{recipe.precision}: {found.step:.1f} crops/s"
    )
    for workers, speed in found.loader.items():
        who = f"{workers} processes" if workers else "a thread"
        print(f"loader, {who}: {speed:.1f} crops/s, {speed / found.step:.1f} times the step")
    if options.json is not None:
        text = json.dumps({"step": found.step, "loader": found.loader}, indent=2)
        options.json.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
