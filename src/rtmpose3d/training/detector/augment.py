"""Augmentation of a detector's images: scale, position, mosaic, flip, colour.

As in RTMDet (section 3.4: cached mosaic, resize and crop, HSV, flip; weaker in stage 2), with
mosaics whose cells each contain an image as inference would fit it. The settings are in
`recipes.detector`. All randomness comes from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from rtmpose3d.geometry.letterbox import LETTERBOX_GREY, letterbox_size
from rtmpose3d.structures import BoolArray, FloatArray, Image
from rtmpose3d.training.data.augment import augment_photometric
from rtmpose3d.training.detector.images import (
    DetectorBatch,
    LabelledImage,
    LabelledImageSource,
    clip_boxes,
)
from rtmpose3d.training.recipes.detector import ImageAugmentation

CELLS = 4  # of a mosaic


@dataclass(frozen=True, kw_only=True, eq=False)
class AugmentedImages:
    """Batches of augmented images: a `BatchSource` for detectors.

    Attributes:
        source: images with people.
        size_wh: size of the network's input, px.
        batch_size: images per batch.
        augmentation: augmentation of the stage.
        seed: random seed of choice and augmentation.
        backgrounds: images without people; None: none.
    """

    source: LabelledImageSource
    size_wh: tuple[int, int]
    batch_size: int
    augmentation: ImageAugmentation
    seed: int
    backgrounds: LabelledImageSource | None = None

    def batch(self, index: int) -> DetectorBatch:
        """Batch number `index`, from 0."""
        rng = np.random.default_rng([self.seed, index])
        made = []
        for draw in range(index * self.batch_size, (index + 1) * self.batch_size):
            count = CELLS if rng.random() < self.augmentation.mosaic_prob else 1
            chosen = self.source.draw(draw, count)
            if self.backgrounds is not None:
                chosen = [self._or_background(image, rng) for image in chosen]
            made.append(augment(chosen, self.size_wh, self.augmentation, rng))
        return DetectorBatch(
            images=np.stack([image.image for image in made]),
            boxes_xyxy=tuple(image.boxes_xyxy for image in made),
            ignored=tuple(image.ignored for image in made),
        )

    def _or_background(self, image: LabelledImage, rng: np.random.Generator) -> LabelledImage:
        assert self.backgrounds is not None
        if rng.random() >= self.augmentation.background_prob:
            return image
        return self.backgrounds.draw(int(rng.integers(1 << 30)))[0]


def augment(
    images: Sequence[LabelledImage],
    size_wh: tuple[int, int],
    augmentation: ImageAugmentation,
    rng: np.random.Generator,
) -> LabelledImage:
    """Make one image of the network's input size from one image, or from four as a mosaic.

    Args:
        images: one image, or four.
        size_wh: size of the network's input.
        augmentation: settings.
        rng: source of randomness.
    """
    width, height = size_wh
    canvas = np.full((height, width, 3), LETTERBOX_GREY, np.uint8)
    boxes, ignored = [], []
    for image, cell in zip(images, _cells(len(images), size_wh, rng), strict=True):
        placed, placed_ignored = _paste(canvas, cell, image, augmentation, rng)
        boxes.append(placed)
        ignored.append(placed_ignored)
    made = LabelledImage(
        image=canvas, boxes_xyxy=np.concatenate(boxes), ignored=np.concatenate(ignored)
    )
    if rng.random() < augmentation.flip_prob:
        made = flip_image(made)
    if augmentation.photometric is None:
        return made
    return replace(made, image=augment_photometric(made.image, augmentation.photometric, rng))


def flip_image(image: LabelledImage) -> LabelledImage:
    """Flip an image horizontally. Box coordinates are borders, so x becomes width - x."""
    width = image.image.shape[1]
    x1, y1, x2, y2 = image.boxes_xyxy.T
    return LabelledImage(
        image=np.ascontiguousarray(image.image[:, ::-1]),
        boxes_xyxy=np.stack([width - x2, y1, width - x1, y2], axis=1).astype(np.float32),
        ignored=image.ignored,
    )


def _cells(
    count: int, size_wh: tuple[int, int], rng: np.random.Generator
) -> list[tuple[int, int, int, int]]:
    """x1, y1, x2, y2 of the input's cells, one per image."""
    width, height = size_wh
    if count == 1:
        return [(0, 0, width, height)]
    x, y = int(width * rng.uniform(0.3, 0.7)), int(height * rng.uniform(0.3, 0.7))
    return [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)]


def _paste(
    canvas: Image,
    cell: tuple[int, int, int, int],
    image: LabelledImage,
    augmentation: ImageAugmentation,
    rng: np.random.Generator,
) -> tuple[FloatArray, BoolArray]:
    """Resize an image and paste it into its cell of the canvas; returns its boxes there."""
    x1, y1, x2, y2 = cell
    cell_wh = x2 - x1, y2 - y1
    image_h, image_w = image.image.shape[:2]
    fitted = letterbox_size((image_w, image_h), cell_wh)
    factor = np.exp(rng.uniform(*np.log(augmentation.scale)))
    if (cell_wh[1], cell_wh[0]) != canvas.shape[:2]:
        factor *= augmentation.mosaic_zoom
    stretch = np.exp(rng.uniform(-0.5, 0.5) * 2 * np.log(augmentation.stretch))
    new_w = max(round(fitted[0] * factor * np.sqrt(stretch)), 2)
    new_h = max(round(fitted[1] * factor / np.sqrt(stretch)), 2)
    resized = cv2.resize(image.image, (new_w, new_h), interpolation=cv2.INTER_LINEAR)
    scale = np.array([new_w / image_w, new_h / image_h])
    boxes = image.boxes_xyxy * np.tile(scale, 2)
    left, top = _offset(boxes, image.ignored, (new_w, new_h), cell_wh, augmentation, rng)
    visible_x = max(left, 0), min(left + new_w, cell_wh[0])
    visible_y = max(top, 0), min(top + new_h, cell_wh[1])
    canvas[y1 + visible_y[0] : y1 + visible_y[1], x1 + visible_x[0] : x1 + visible_x[1]] = resized[
        visible_y[0] - top : visible_y[1] - top, visible_x[0] - left : visible_x[1] - left
    ]
    window = x1 + visible_x[0], y1 + visible_y[0], x1 + visible_x[1], y1 + visible_y[1]
    return clip_boxes(boxes + np.tile([x1 + left, y1 + top], 2), image.ignored, window)


def _offset(
    boxes: FloatArray,
    ignored: BoolArray,
    new_wh: tuple[int, int],
    cell_wh: tuple[int, int],
    augmentation: ImageAugmentation,
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Position of the image's upper left corner in its cell; a random person stays in view."""
    people = boxes[~ignored]
    corner = rng.random() < augmentation.corner_prob
    focus = None
    if len(people):
        box = people[int(rng.integers(len(people)))]
        focus = (box[:2] + box[2:]) / 2
    offsets = []
    for axis in range(2):
        room = cell_wh[axis] - new_wh[axis]
        if room >= 0:
            offsets.append(0 if corner else int(rng.integers(room + 1)))
            continue
        low, high = room, 0
        if focus is not None:  # its centre stays within the cell
            low = max(low, int(np.ceil(-focus[axis])))
            high = min(high, int(np.floor(cell_wh[axis] - focus[axis])))
        offsets.append(int(rng.integers(low, high + 1)) if low <= high else room // 2)
    return offsets[0], offsets[1]
