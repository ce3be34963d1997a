"""Training recipes: each a function that returns a whole, frozen configuration.

`nano` is the bundled model's; a recipe's docstring states its paper or purpose, command, time and
expected scores. Variants come from `dataclasses.replace`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from rtmpose3d.training.data.augment import Augmentation, Geometry, Jitter, Look
from rtmpose3d.training.recipes.base import PoseRecipe
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.zoo import resolve_pose

__all__ = ["RECIPES", "PoseRecipe", "nano", "nano_small"]


def nano(steps: int = 60_000, batch_size: int = 32) -> PoseRecipe:
    """The bundled `rtmw3d-n`, trained on rendered people only.

    `rtmpose3d train rtmw3d-n --assets DIR --backdrops DIR --out DIR`. Made for some hours of two
    CPU cores or some minutes of one GPU. A rendered crop is seen several times, so it is turned
    and scaled anew each time. Keypoint maps beside the head and more weight on the body make the
    most of a short training, and so does a long second stage: rendered people do not run out, and
    a small network sees them too rarely to learn them by heart. The average of weights follows
    faster than the published one, whose horizon of 5,000 steps suits 270 epochs.
    """
    look = Look(hue=8, dropout_share=0.1)
    seen_again = Jitter(rotation_deg=10.0)
    return PoseRecipe(
        model=resolve_pose("rtmw3d-n"),
        schedule=FlatCosine(steps=steps, warmup_steps=min(500, max(steps // 20, 2))),
        batch_size=batch_size,
        learning_rate=1e-3,
        clip_norm=10.0,
        part_weights={"body": 3.0, "feet": 2.0, "face": 0.5},
        map_weight=1.0,
        ema_momentum=0.001,
        ema_gamma=1000,
        precision="bf16",
        stage1=Augmentation(geometry=Geometry(), look=look, jitter=seen_again),
        stage2=Augmentation(
            geometry=Geometry(), look=Look(hue=0, saturation=0, value=0, dropout_share=0.0)
        ),
        stage2_share=0.3,
    )


def nano_small(steps: int = 40_000, batch_size: int = 32) -> PoseRecipe:
    """The first part of a short training: `nano` on crops of 128x96, at over twice the speed.

    `rtmpose3d train rtmw3d-n-128x96 --assets DIR --backdrops DIR --out runs/small`, then
    `rtmpose3d train rtmw3d-n --init runs/small/rtmw3d-n-128x96.pth ...`. The keypoint maps beside
    the head are those at stride 8, as many cells as `nano` has.
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
    return replace(recipe, model=small, map_stride=8, stage2_share=0.0)


RECIPES: Mapping[str, Callable[..., PoseRecipe]] = {
    "rtmw3d-n": nano,
    "rtmw3d-n-128x96": nano_small,
}
