"""Recipes of the package's own small pose models, trained on rendered people.

Variants are made with `dataclasses.replace`.
"""

from __future__ import annotations

from dataclasses import replace

from rtmpose3d.training.recipes.augmentation import (
    Augmentation,
    Degradation,
    GeometricAugmentation,
    Jitter,
    PhotometricAugmentation,
)
from rtmpose3d.training.recipes.pose import PoseRecipe
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.zoo import resolve_pose

_GEOMETRIC = GeometricAugmentation(rotation_deg=100.0, cut_prob=0.25)
_PHOTOGRAPHS = PhotometricAugmentation(
    hue=5, blur_prob=0.05, median_blur_prob=0.05, degradation=Degradation()
)


def nano(steps: int = 60_000, batch_size: int = 32) -> PoseRecipe:
    """The bundled `rtmw3d-n-cc0`, trained on rendered people only.

    `rtmpose3d train rtmw3d-n --assets DIR --backdrops DIR --out DIR`. Takes some hours on two CPU
    cores or some minutes on a GPU. Each rendered crop is used several times, so it is rotated and
    scaled again each time. Auxiliary heatmaps and a larger weight on the body speed up a short
    training, and so does a long second stage: rendered people are unlimited, and a small network
    sees each of them too rarely to overfit. The weight average has a shorter horizon than the
    published one, whose 5,000 steps suit 270 epochs.
    """
    return PoseRecipe(
        model=resolve_pose("rtmw3d-n"),
        schedule=FlatCosine(steps=steps, warmup_steps=min(500, max(steps // 20, 2))),
        batch_size=batch_size,
        learning_rate=1e-3,
        clip_norm=10.0,
        part_weights={"body": 3.0, "feet": 2.0, "face": 0.5},
        heatmap_weight=1.0,
        ema_momentum=0.001,
        ema_gamma=1000,
        precision="bf16",
        stage1=Augmentation(
            geometric=_GEOMETRIC,
            photometric=replace(_PHOTOGRAPHS, hue=8, dropout_prob=0.1, patch_prob=0.3),
            jitter=Jitter(rotation_deg=10.0),
        ),
        stage2=Augmentation(
            geometric=replace(_GEOMETRIC, cut_prob=0.15),
            photometric=replace(_PHOTOGRAPHS, dropout_prob=0.0, patch_prob=0.15),
            jitter=Jitter(scale=(0.9, 1.05), rotation_deg=5.0, shift=0.02),
        ),
        stage2_fraction=0.3,
    )


def nano_small(steps: int = 40_000, batch_size: int = 32) -> PoseRecipe:
    """The first part of a short training: `nano` on crops of 128x96, at more than twice the speed.

    `rtmpose3d train rtmw3d-n-128x96 --assets DIR --backdrops DIR --out runs/small`, then
    `rtmpose3d train rtmw3d-n --init runs/small/rtmw3d-n-128x96.pth ...`. The auxiliary heatmaps
    are predicted at stride 8 and thus have as many cells as those of `nano`.
    """
    recipe = nano(steps=steps, batch_size=batch_size)
    model, size_wh = recipe.model, (96, 128)
    half = tuple(sigma / 2 for sigma in model.codec.sigma)
    decode_sigma = model.codec.decode_sigma
    codec = replace(
        model.codec,
        input_size_wh=size_wh,
        sigma=half,
        depth_size=144,
        decode_sigma=None if decode_sigma is None else decode_sigma / 2,
    )
    small = replace(model, name="rtmw3d-n-128x96", input_size_wh=size_wh, codec=codec)
    return replace(recipe, model=small, heatmap_stride=8, stage2_fraction=0.0)
