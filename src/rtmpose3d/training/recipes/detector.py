"""The detector's training recipes: each a function that returns a whole, frozen configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from rtmpose3d.training.detector.augment import STAGE1, STAGE2, ImageAugmentation
from rtmpose3d.training.recipes.base import Recipe
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.zoo import DetectorSpec, resolve_detector


@dataclass(frozen=True, kw_only=True)
class DetectorRecipe(Recipe):
    """Everything that a training of a detector needs, except where its data lie.

    Attributes:
        model: what is trained.
        stage1, stage2: how images vary before and after the switch.
    """

    model: DetectorSpec
    stage1: ImageAugmentation = STAGE1
    stage2: ImageAugmentation = STAGE2
    stage2_share: float = 20 / 300  # RTMDet configurations: the last 20 of 300 epochs

    def augmentation(self, stage: int) -> ImageAugmentation:
        """Of stage 1 or 2."""
        return self.stage1 if stage == 1 else self.stage2


def detector_nano(steps: int = 30_000, batch_size: int = 32) -> DetectorRecipe:
    """The bundled `rtmdet-n`, trained on rendered people only.

    `rtmpose3d train rtmdet-n --assets DIR --backdrops DIR --out DIR`. The published learning rate
    is 0.004 at batch 256; this is its square root rule. The average of weights follows faster
    than the published one, whose horizon of 5,000 steps suits 300 epochs.
    """
    return DetectorRecipe(
        model=resolve_detector("rtmdet-n"),
        schedule=FlatCosine(steps=steps, warmup_steps=min(500, max(steps // 20, 2))),
        batch_size=batch_size,
        learning_rate=1.4e-3,
        ema_momentum=0.001,
        ema_gamma=1000,
        precision="bf16",
        stage2_share=0.1,
    )


def detector_nano_small(steps: int = 20_000, batch_size: int = 32) -> DetectorRecipe:
    """The first part of a short training: `detector_nano` on images of 224x224.

    `rtmpose3d train rtmdet-n-224 --assets DIR --backdrops DIR --out runs/small`, then
    `rtmpose3d train rtmdet-n --init runs/small/rtmdet-n-224.pth ...`. A step takes little more
    than a third of the time; people who fill an image of 320x320 are learnt in the second part.
    """
    recipe = detector_nano(steps=steps, batch_size=batch_size)
    model = replace(recipe.model, name="rtmdet-n-224", input_size_wh=(224, 224))
    return replace(recipe, model=model, stage2_share=0.0)


DETECTOR_RECIPES: Mapping[str, Callable[..., DetectorRecipe]] = {
    "rtmdet-n": detector_nano,
    "rtmdet-n-224": detector_nano_small,
}
