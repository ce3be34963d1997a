"""Training data of rendered scenes for the detector.

Box coordinates here start at the corner of the first pixel, as COCO's do.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice

import numpy as np

from rtmpose3d.data.box_labels import BoxLabels
from rtmpose3d.geometry.letterbox import LETTERBOX_GREY
from rtmpose3d.structures import FloatArray, Image
from rtmpose3d.synth.output import SceneStream, StreamPlan
from rtmpose3d.synth.scene import Backdrops
from rtmpose3d.synth.world import WorldSettings
from rtmpose3d.training.data.batches import TrainingData
from rtmpose3d.training.detector.augment import AugmentedImages
from rtmpose3d.training.detector.datasets import BoxImages, MixedImages
from rtmpose3d.training.detector.images import (
    BackgroundImages,
    DetectorBatch,
    FixedImages,
    ImagePool,
    LabelledImage,
    LabelledImageSource,
    clip_boxes,
)
from rtmpose3d.training.recipes.detector import AS_INFERENCE, DetectorRecipe

SCENES_PER_BATCH = 8  # of the renderer
RENDERED_SCALE = 1.3  # relative to the network's input, so that images can be enlarged
MIN_VISIBLE_FRACTION = 0.08  # of a person's box that its visible pixels cover; else ignored
CORNER_PX = 0.5  # the renderer's box coordinates start at the centre of the first pixel
VALIDATION_IMAGES = 256


def open_scenes(
    settings: WorldSettings, side_px: int, workers: int, first: int
) -> Generator[LabelledImage, None, None]:
    """Yield images `first`, `first` + 1, ... from the renderer, without end.

    Args:
        settings: world to render.
        side_px: side of the square that images are fitted into.
        workers: number of rendering processes; 0: this process.
        first: index of the first image.
    """
    batch, skip = divmod(first, SCENES_PER_BATCH)
    plan = StreamPlan(batch_size=SCENES_PER_BATCH, workers=workers, first_batch=batch)
    with SceneStream(settings, (side_px, side_px), plan=plan) as stream:
        for scenes in stream:
            for i in range(skip, SCENES_PER_BATCH):
                rows = scenes.image_index == i
                yield _labelled(
                    _without_padding(scenes.images[i]),
                    scenes.boxes_xyxy[rows] + CORNER_PX,
                    scenes.visible_fraction[rows],
                )
            skip = 0


def _without_padding(image: Image) -> Image:
    """Crop the grey padding below or to the right of the image."""
    content = image != LETTERBOX_GREY
    rows, columns = (
        np.flatnonzero(content.any(axis=(1, 2))),
        np.flatnonzero(content.any(axis=(0, 2))),
    )
    if not len(rows):
        return image
    return np.ascontiguousarray(image[: rows[-1] + 1, : columns[-1] + 1])


def _labelled(image: Image, boxes_xyxy: FloatArray, visible_share: FloatArray) -> LabelledImage:
    height, width = image.shape[:2]
    hidden = visible_share < MIN_VISIBLE_FRACTION
    boxes, ignored = clip_boxes(boxes_xyxy, hidden, (0.0, 0.0, float(width), float(height)))
    return LabelledImage(image=image, boxes_xyxy=boxes, ignored=ignored)


def rendered_scenes(
    recipe: DetectorRecipe,
    train: WorldSettings,
    validation: WorldSettings,
    *,
    real: Sequence[BoxLabels] = (),
    rendered_fraction: float = 0.4,
    render_workers: int = 1,
    validation_images: int = VALIDATION_IMAGES,
) -> TrainingData[DetectorBatch]:
    """Training data that is rendered during the training.

    Args:
        recipe: recipe of the training.
        train: world to render for the training; the photographs of its backdrops also serve as
            images without people.
        validation: world to render once, at the start, for validation (split "val").
        real: image files with boxes to mix in.
        rendered_fraction: fraction of the images that is rendered, with `real`.
        render_workers: number of rendering processes; 0: the thread that makes batches.
        validation_images: number of images to validate on; 0 in processes that do not validate.

    Raises:
        InputError, BackendError, MissingDependencyError: from the renderer.
    """
    images: list[LabelledImage] = []
    if validation_images:
        with closing(open_scenes(validation, recipe.model.input_size_wh[0], 0, 0)) as held_out:
            images += islice(held_out, validation_images)
    return TrainingData(
        open_stage=partial(
            _open_stage, recipe, train, (tuple(real), rendered_fraction), render_workers
        ),
        validation=validation_batches(recipe, images),
    )


def validation_batches(
    recipe: DetectorRecipe, images: Sequence[LabelledImage], batch_size: int = 32
) -> list[DetectorBatch]:
    """Batches of images as inference fits them."""
    batches = []
    for start in range(0, len(images), batch_size):
        some = images[start : start + batch_size]
        source = AugmentedImages(
            source=FixedImages(images=some),
            size_wh=recipe.model.input_size_wh,
            batch_size=len(some),
            augmentation=AS_INFERENCE,
            seed=0,
        )
        batches.append(source.batch(0))
    return batches


def _open_stage(
    recipe: DetectorRecipe,
    settings: WorldSettings,
    mixed: tuple[Sequence[BoxLabels], float],
    workers: int,
    stage: int,
) -> AugmentedImages:
    side_px = round(RENDERED_SCALE * max(recipe.model.input_size_wh))
    stream = partial(open_scenes, settings, side_px, workers)
    folder = settings.backdrops
    photos = () if folder is None else Backdrops.open(folder, "train").photos
    paths = [photo.path for photo in photos]
    source: LabelledImageSource = ImagePool(stream, seed=recipe.seed)
    real, rendered_fraction = mixed
    if real:
        files = BoxImages(labels=real, seed=recipe.seed)
        fraction = 1 - rendered_fraction
        source = MixedImages(first=source, second=files, second_fraction=fraction, seed=recipe.seed)
    return AugmentedImages(
        source=source,
        backgrounds=BackgroundImages(paths=paths) if paths else None,
        size_wh=recipe.model.input_size_wh,
        batch_size=recipe.batch_size,
        augmentation=recipe.augmentation(stage),
        seed=recipe.seed + stage,
    )
