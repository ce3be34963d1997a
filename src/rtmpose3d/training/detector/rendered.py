"""Rendered images for the detector, from a running renderer.

Boxes here count from the corner of the first pixel, as COCO's do.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice

import numpy as np

from rtmpose3d.geometry.letterbox import LETTERBOX_GREY
from rtmpose3d.structures import FloatArray, Image
from rtmpose3d.synth.output import SceneStream, StreamPlan
from rtmpose3d.synth.scene import Backdrops
from rtmpose3d.synth.world import WorldSettings
from rtmpose3d.training.detector.augment import AS_INFERENCE, VariedImages
from rtmpose3d.training.detector.images import (
    DetectorBatch,
    FilesWithoutPeople,
    GivenImages,
    LabelledImage,
    PooledImages,
    settle_boxes,
)
from rtmpose3d.training.loop.trainer import TrainingData
from rtmpose3d.training.recipes.detector import DetectorRecipe

SCENES_A_BATCH = 8  # that the renderer makes at once
RENDERED_SHARE = 1.3  # of the network's input, so that images can be enlarged
LEAST_VISIBLE_SHARE = 0.08  # of a person's box that its visible pixels cover; else ignored
CORNER_PX = 0.5  # the renderer's boxes count from the middle of the first pixel
VALIDATION_IMAGES = 256


def open_scenes(
    settings: WorldSettings, side_px: int, workers: int, first: int
) -> Generator[LabelledImage, None, None]:
    """Images `first`, `first` + 1, ... from the renderer, without end.

    Args:
        settings: what is rendered.
        side_px: of the square that images are fitted into.
        workers: rendering processes; 0: this one.
        first: number of the first image.
    """
    batch, skip = divmod(first, SCENES_A_BATCH)
    plan = StreamPlan(batch_size=SCENES_A_BATCH, workers=workers, first_batch=batch)
    with SceneStream(settings, (side_px, side_px), plan=plan) as stream:
        for scenes in stream:
            for i in range(skip, SCENES_A_BATCH):
                mine = scenes.image_index == i
                yield _labelled(
                    _without_border(scenes.images[i]),
                    scenes.boxes_xyxy[mine] + CORNER_PX,
                    scenes.visible_fraction[mine],
                )
            skip = 0


def _without_border(image: Image) -> Image:
    """The image without the grey that fills its square below or to the right."""
    drawn = image != LETTERBOX_GREY
    rows, columns = np.flatnonzero(drawn.any(axis=(1, 2))), np.flatnonzero(drawn.any(axis=(0, 2)))
    if not len(rows):
        return image
    return np.ascontiguousarray(image[: rows[-1] + 1, : columns[-1] + 1])


def _labelled(image: Image, boxes_xyxy: FloatArray, visible_share: FloatArray) -> LabelledImage:
    height, width = image.shape[:2]
    hidden = visible_share < LEAST_VISIBLE_SHARE
    boxes, ignored = settle_boxes(boxes_xyxy, hidden, (0.0, 0.0, float(width), float(height)))
    return LabelledImage(image=image, boxes_xyxy=boxes, ignored=ignored)


def streamed_data(
    recipe: DetectorRecipe,
    train: WorldSettings,
    validation: WorldSettings,
    *,
    render_workers: int = 1,
    validation_images: int = VALIDATION_IMAGES,
) -> TrainingData[DetectorBatch]:
    """Data that are rendered while the training runs.

    Args:
        recipe: of the training.
        train: what is rendered for it; photographs of its backdrops also serve as images
            without people.
        validation: what is rendered once, at the start, to validate on (split "val").
        render_workers: rendering processes.
        validation_images: how many; 0 for processes that do not validate.

    Raises:
        InputError, BackendError, MissingDependencyError: what the renderer raises.
    """
    images: list[LabelledImage] = []
    if validation_images:
        with closing(open_scenes(validation, recipe.model.input_size_wh[0], 0, 0)) as held_out:
            images += islice(held_out, validation_images)
    return TrainingData(
        open_stage=partial(_open_streamed, recipe, train, render_workers),
        validation=validation_batches(recipe, images),
    )


def validation_batches(
    recipe: DetectorRecipe, images: Sequence[LabelledImage], batch_size: int = 32
) -> list[DetectorBatch]:
    """Images as inference fits them, in batches."""
    batches = []
    for start in range(0, len(images), batch_size):
        some = images[start : start + batch_size]
        source = VariedImages(
            source=GivenImages(images=some),
            size_wh=recipe.model.input_size_wh,
            batch_size=len(some),
            augmentation=AS_INFERENCE,
            seed=0,
        )
        batches.append(source.batch(0))
    return batches


def _open_streamed(
    recipe: DetectorRecipe, settings: WorldSettings, workers: int, stage: int
) -> VariedImages:
    side_px = round(RENDERED_SHARE * max(recipe.model.input_size_wh))
    stream = partial(open_scenes, settings, side_px, workers)
    folder = settings.backdrops
    photos = () if folder is None else Backdrops.open(folder, "train").photos
    paths = [photo.path for photo in photos]
    return VariedImages(
        source=PooledImages(stream, seed=recipe.seed),
        empty=FilesWithoutPeople(paths=paths) if paths else None,
        size_wh=recipe.model.input_size_wh,
        batch_size=recipe.batch_size,
        augmentation=recipe.augmentation(stage),
        seed=recipe.seed + stage,
    )
