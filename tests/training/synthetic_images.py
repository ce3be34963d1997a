"""Images whose people are bright rectangles on a dark, uneven ground, and a tiny recipe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rtmpose3d.training.detector.images import LabelledImage
from rtmpose3d.training.recipes.detector import DetectorRecipe
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.zoo import resolve_detector


def made_image(number: int, size_wh: tuple[int, int] = (150, 110)) -> LabelledImage:
    rng = np.random.default_rng(number)
    width, height = size_wh
    image = rng.integers(0, 60, (height, width, 3), dtype=np.uint8)
    boxes = []
    for _ in range(1 + number % 2):
        x, y = rng.integers(2, width - 50), rng.integers(2, height - 70)
        w, h = rng.integers(18, 46), rng.integers(30, 66)
        image[y : y + h, x : x + w] = rng.integers(170, 255, 3)
        boxes.append([x, y, x + w, y + h])
    return LabelledImage(
        image=image, boxes_xyxy=np.array(boxes, np.float32), ignored=np.zeros(len(boxes), bool)
    )


def tiny_recipe(steps: int, **changes) -> DetectorRecipe:
    spec = replace(
        resolve_detector("rtmdet-n"),
        input_size_wh=(96, 96),
        width=0.125,
        depth=0.167,
        head_channels=16,
    )
    recipe = DetectorRecipe(
        model=spec,
        schedule=FlatCosine(steps=steps, warmup_steps=2),
        batch_size=2,
        learning_rate=2e-3,
        ema_momentum=0.1,
        ema_gamma=5,
        stage2_fraction=0.5,
        log_every=1,
        validate_every=2,
        checkpoint_every=2,
    )
    return replace(recipe, **changes)
