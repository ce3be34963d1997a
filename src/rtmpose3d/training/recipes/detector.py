"""`DetectorRecipe`: configuration of the training of a person detector; recipes of our own ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rtmpose3d.training.recipes.augmentation import PhotometricAugmentation
from rtmpose3d.training.recipes.base import Recipe
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.zoo import DetectorSpec, resolve_detector

RTMDET_COLOURS = PhotometricAugmentation(hue=8, saturation=40, value=40, dropout_prob=0.0)


@dataclass(frozen=True, kw_only=True)
class ImageAugmentation:
    """Augmentation of a detector's images in one stage (`training.detector.augment`).

    Attributes:
        mosaic_prob: probability of a mosaic of four images.
        mosaic_zoom: factor on the size that would fit an image into its cell of a mosaic.
        background_prob: probability of replacing an image by one without people.
        scale: minimum and maximum factor on the size that inference would fit into the input.
        stretch: maximum factor on the aspect ratio.
        corner_prob: probability of the upper left corner, where inference puts images.
        flip_prob: probability of a horizontal flip.
        photometric: colours and blur; None: unchanged.
    """

    mosaic_prob: float = 0.4
    mosaic_zoom: float = 1.4
    background_prob: float = 0.1
    scale: tuple[float, float] = (0.65, 2.0)
    stretch: float = 1.15
    corner_prob: float = 0.5
    flip_prob: float = 0.5
    photometric: PhotometricAugmentation | None = RTMDET_COLOURS


DETECTOR_STAGE1 = ImageAugmentation()
DETECTOR_STAGE2 = ImageAugmentation(mosaic_prob=0.0, scale=(0.8, 1.3), corner_prob=0.8)
AS_INFERENCE = ImageAugmentation(
    mosaic_prob=0.0,
    background_prob=0.0,
    scale=(1.0, 1.0),
    stretch=1.0,
    corner_prob=1.0,
    flip_prob=0.0,
    photometric=None,
)


@dataclass(frozen=True, kw_only=True)
class DetectorRecipe(Recipe):
    """Configuration of the training of a person detector, without its data.

    Attributes:
        model: row of the model table that is trained.
        stage1, stage2: augmentation of the two stages.
    """

    model: DetectorSpec
    stage1: ImageAugmentation = DETECTOR_STAGE1
    stage2: ImageAugmentation = DETECTOR_STAGE2
    stage2_fraction: float = 20 / 300  # RTMDet configurations: the last 20 of 300 epochs

    def augmentation(self, stage: int) -> ImageAugmentation:
        """Augmentation of stage 1 or 2."""
        return self.stage1 if stage == 1 else self.stage2


def detector_nano(steps: int = 30_000, batch_size: int = 32) -> DetectorRecipe:
    """The bundled `rtmdet-n-cc0`, trained on rendered people only.

    `rtmpose3d train rtmdet-n --assets DIR --backdrops DIR --out DIR`. The learning rate follows
    from the published 0.004 at batch size 256 by the square root rule. The weight average has a
    shorter horizon than the published one, whose 5,000 steps suit 300 epochs.
    """
    return DetectorRecipe(
        model=resolve_detector("rtmdet-n"),
        schedule=FlatCosine(steps=steps, warmup_steps=min(500, max(steps // 20, 2))),
        batch_size=batch_size,
        learning_rate=1.4e-3,
        ema_momentum=0.001,
        ema_gamma=1000,
        precision="bf16",
        stage2_fraction=0.1,
    )


def detector_nano_small(steps: int = 20_000, batch_size: int = 32) -> DetectorRecipe:
    """The first part of a short training: `detector_nano` on images of 224x224.

    `rtmpose3d train rtmdet-n-224 --assets DIR --backdrops DIR --out runs/small`, then
    `rtmpose3d train rtmdet-n --init runs/small/rtmdet-n-224.pth ...`. A step takes little more
    than a third of the time; people who fill an image of 320x320 are learnt in the second part.
    """
    recipe = detector_nano(steps=steps, batch_size=batch_size)
    model = replace(recipe.model, name="rtmdet-n-224", input_size_wh=(224, 224))
    return replace(recipe, model=model, stage2_fraction=0.0)
