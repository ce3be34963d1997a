"""How images vary in the detector's training: scale, place, mosaic, mirror, colour.

After RTMDet (section 3.4: cached mosaic, resize and crop, HSV, flip; weaker in stage 2), with
mosaics of cells that each hold an image as inference would fit it. Everything random comes from
the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from rtmpose3d.geometry.letterbox import LETTERBOX_GREY, letterbox_size
from rtmpose3d.structures import BoolArray, FloatArray, Image
from rtmpose3d.training.data.augment import Look, change_look
from rtmpose3d.training.detector.images import (
    DetectorBatch,
    ImageSource,
    LabelledImage,
    settle_boxes,
)

CELLS = 4  # of a mosaic
COLOURS = Look(hue=8, saturation=40, value=40, dropout_share=0.0)


@dataclass(frozen=True, kw_only=True)
class ImageAugmentation:
    """Settings of one stage.

    Attributes:
        mosaic_share: of images that are put together of four.
        mosaic_zoom: factor on the size that would fit an image into its cell of a mosaic.
        empty_share: of images taken from those without people.
        scale: least and greatest factor on the size that inference would fit into the input.
        stretch: greatest factor on one side against the other.
        corner_share: of images that lie at the upper left, as inference puts them.
        flip_share: of images that are mirrored.
        look: colours and blur; None for none.
    """

    mosaic_share: float = 0.4
    mosaic_zoom: float = 1.4
    empty_share: float = 0.1
    scale: tuple[float, float] = (0.65, 2.0)
    stretch: float = 1.15
    corner_share: float = 0.5
    flip_share: float = 0.5
    look: Look | None = COLOURS


STAGE1 = ImageAugmentation()
STAGE2 = ImageAugmentation(mosaic_share=0.0, scale=(0.8, 1.3), corner_share=0.8)
AS_INFERENCE = ImageAugmentation(
    mosaic_share=0.0,
    empty_share=0.0,
    scale=(1.0, 1.0),
    stretch=1.0,
    corner_share=1.0,
    flip_share=0.0,
    look=None,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class VariedImages:
    """Batches of a source's images, each varied anew: a `BatchSource` for detectors.

    Attributes:
        source: images with people.
        empty: images without; None for none.
        size_wh: of the network's input, px.
        batch_size: images a batch.
        augmentation: of this stage.
        seed: of all chance.
    """

    source: ImageSource
    size_wh: tuple[int, int]
    batch_size: int
    augmentation: ImageAugmentation
    seed: int
    empty: ImageSource | None = None

    def batch(self, index: int) -> DetectorBatch:
        """Batch number `index`, always the same one."""
        rng = np.random.default_rng([self.seed, index])
        made = []
        for place in range(index * self.batch_size, (index + 1) * self.batch_size):
            count = CELLS if rng.random() < self.augmentation.mosaic_share else 1
            chosen = self.source.draw(place, count)
            if self.empty is not None:
                chosen = [self._or_empty(image, rng) for image in chosen]
            made.append(vary(chosen, self.size_wh, self.augmentation, rng))
        return DetectorBatch(
            images=np.stack([image.image for image in made]),
            boxes_xyxy=tuple(image.boxes_xyxy for image in made),
            ignored=tuple(image.ignored for image in made),
        )

    def _or_empty(self, image: LabelledImage, rng: np.random.Generator) -> LabelledImage:
        assert self.empty is not None
        if rng.random() >= self.augmentation.empty_share:
            return image
        return self.empty.draw(int(rng.integers(1 << 30)))[0]


def vary(
    images: Sequence[LabelledImage],
    size_wh: tuple[int, int],
    augmentation: ImageAugmentation,
    rng: np.random.Generator,
) -> LabelledImage:
    """One image of the network's input size, made of one or of four.

    Args:
        images: one, or four for a mosaic.
        size_wh: of the network's input.
        augmentation: how much.
        rng: where chance comes from.
    """
    width, height = size_wh
    canvas = np.full((height, width, 3), LETTERBOX_GREY, np.uint8)
    boxes, ignored = [], []
    for image, cell in zip(images, _cells(len(images), size_wh, rng), strict=True):
        placed, leave = _place(canvas, cell, image, augmentation, rng)
        boxes.append(placed)
        ignored.append(leave)
    made = LabelledImage(
        image=canvas, boxes_xyxy=np.concatenate(boxes), ignored=np.concatenate(ignored)
    )
    if rng.random() < augmentation.flip_share:
        made = mirror(made)
    if augmentation.look is None:
        return made
    return LabelledImage(
        image=change_look(made.image, augmentation.look, rng),
        boxes_xyxy=made.boxes_xyxy,
        ignored=made.ignored,
    )


def mirror(image: LabelledImage) -> LabelledImage:
    """The mirrored image. Boxes' coordinates are borders, so x becomes width - x."""
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
    """x1, y1, x2, y2 of the parts of the input that images are put into."""
    width, height = size_wh
    if count == 1:
        return [(0, 0, width, height)]
    x, y = int(width * rng.uniform(0.3, 0.7)), int(height * rng.uniform(0.3, 0.7))
    return [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)]


def _place(
    canvas: Image,
    cell: tuple[int, int, int, int],
    image: LabelledImage,
    augmentation: ImageAugmentation,
    rng: np.random.Generator,
) -> tuple[FloatArray, BoolArray]:
    """Resize an image and put it into its cell of the canvas; its boxes there."""
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
    shown_x = max(left, 0), min(left + new_w, cell_wh[0])
    shown_y = max(top, 0), min(top + new_h, cell_wh[1])
    canvas[y1 + shown_y[0] : y1 + shown_y[1], x1 + shown_x[0] : x1 + shown_x[1]] = resized[
        shown_y[0] - top : shown_y[1] - top, shown_x[0] - left : shown_x[1] - left
    ]
    window = x1 + shown_x[0], y1 + shown_y[0], x1 + shown_x[1], y1 + shown_y[1]
    return settle_boxes(boxes + np.tile([x1 + left, y1 + top], 2), image.ignored, window)


def _offset(
    boxes: FloatArray,
    ignored: BoolArray,
    new_wh: tuple[int, int],
    cell_wh: tuple[int, int],
    augmentation: ImageAugmentation,
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Where the image's upper left corner goes; a person chosen by chance stays in view."""
    wanted = boxes[~ignored]
    corner = rng.random() < augmentation.corner_share
    focus = None
    if len(wanted):
        box = wanted[int(rng.integers(len(wanted)))]
        focus = (box[:2] + box[2:]) / 2
    place = []
    for axis in range(2):
        room = cell_wh[axis] - new_wh[axis]
        if room >= 0:
            place.append(0 if corner else int(rng.integers(room + 1)))
            continue
        low, high = room, 0
        if focus is not None:  # its middle within the cell
            low = max(low, int(np.ceil(-focus[axis])))
            high = min(high, int(np.floor(cell_wh[axis] - focus[axis])))
        place.append(int(rng.integers(low, high + 1)) if low <= high else room // 2)
    return place[0], place[1]
