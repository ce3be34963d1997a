"""Images with boxes, their batches, and their sources.

The same index gives the same image or batch, as in `training.data.batches`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.sources import load_image
from rtmpose3d.structures import BoolArray, FloatArray, Image, UInt8Array

MIN_INSIDE_FRACTION = 0.15  # of a person's box inside the window; others are ignored
MIN_BOX_SIDE_PX = 6.0  # of a box in the network's input; smaller ones are ignored


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledImage:
    """An image with the boxes of all people in it.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        boxes_xyxy: (M, 4) float32, pixels; visible part of each person.
        ignored: (M,) bool, people and regions that count neither as person nor as background.

    Raises:
        InputError: shapes that do not match, or a box that is not finite.
    """

    image: Image
    boxes_xyxy: FloatArray
    ignored: BoolArray

    def __post_init__(self) -> None:
        if self.boxes_xyxy.shape != (len(self.ignored), 4):
            raise InputError(
                "boxes_xyxy must be (M, 4) and ignored (M,), got "
                f"{self.boxes_xyxy.shape} and {self.ignored.shape}"
            )
        if not np.isfinite(self.boxes_xyxy).all():
            raise InputError(f"boxes must be finite, got {self.boxes_xyxy.tolist()}")


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectorBatch:
    """B images of the network's input size.

    Attributes:
        images: (B, h, w, 3) uint8 BGR.
        boxes_xyxy: (m, 4) float32 for each image, pixels of the input.
        ignored: (m,) bool for each image.
        skipped: error messages of the images that were replaced by others.
    """

    images: UInt8Array
    boxes_xyxy: tuple[FloatArray, ...]
    ignored: tuple[BoolArray, ...]
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def part(self, rows: range) -> DetectorBatch:
        """Batch of some of the images, as views."""
        chosen = slice(rows.start, rows.stop, rows.step)
        return DetectorBatch(
            images=self.images[chosen],
            boxes_xyxy=self.boxes_xyxy[chosen],
            ignored=self.ignored[chosen],
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays, to be saved for inspection."""
        return {
            "images": self.images,
            "boxes_xyxy": np.concatenate(self.boxes_xyxy),
            "ignored": np.concatenate(self.ignored),
            "people": np.array([len(boxes) for boxes in self.boxes_xyxy]),
        }


class LabelledImageSource(Protocol):
    """Source of labelled images. The same index returns the same images."""

    def draw(self, index: int, count: int = 1) -> list[LabelledImage]:
        """Images of draw `index`: the first one by the source's order, the others randomly."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedImages:
    """A fixed list of images, repeated in order.

    Attributes:
        images: at least one image.
    """

    images: Sequence[LabelledImage]

    def __post_init__(self) -> None:
        if not len(self.images):
            raise InputError("there is no labelled image to train on")

    def draw(self, index: int, count: int = 1) -> list[LabelledImage]:
        """Images of draw `index`, in order."""
        return [self.images[(index + i) % len(self.images)] for i in range(count)]


@dataclass(frozen=True, kw_only=True, eq=False)
class BackgroundImages:
    """Photographs without people, read when they are needed.

    Attributes:
        paths: image files, at least one.
    """

    paths: Sequence[Path]

    def draw(self, index: int, count: int = 1) -> list[LabelledImage]:
        """Images of draw `index`, in order."""
        no_boxes = np.zeros((0, 4), np.float32)
        return [
            LabelledImage(
                image=load_image(self.paths[(index + i) % len(self.paths)]),
                boxes_xyxy=no_boxes,
                ignored=np.zeros(0, bool),
            )
            for i in range(count)
        ]


class ImagePool:
    """Images of a costly source (a renderer), each used several times.

    Draw k chooses randomly from the last `size` of the first `initial_size + k / reuse` images, so
    the pool grows, then moves on slowly. A resumed training renders its pool again.

    Args:
        open_stream: opens the source at image n; the same number always gives the same image.
        size: number of images kept in memory.
        initial_size: number of images before the first draw, at most `size`.
        reuse: draws per new image.
        seed: random seed of the choice.
    """

    def __init__(
        self,
        open_stream: Callable[[int], Iterator[LabelledImage]],
        *,
        size: int = 3000,
        initial_size: int = 128,
        reuse: int = 32,
        seed: int = 0,
    ) -> None:
        if not 1 <= initial_size <= size or reuse < 1:
            raise InputError(
                "initial_size must be between 1 and size, and reuse at least 1, got "
                f"{initial_size}, {size} and {reuse}"
            )
        self.open_stream = open_stream
        self.size, self.initial_size = size, initial_size
        self.reuse, self.seed = reuse, seed
        self._kept: dict[int, LabelledImage] = {}
        self._stream: Iterator[LabelledImage] | None = None
        self._next = 0

    def draw(self, index: int, count: int = 1) -> list[LabelledImage]:
        """Images of draw `index`; draws must not go back by more than the size of the pool."""
        newest = self.initial_size + index // self.reuse
        oldest = max(0, newest - self.size)
        if self._stream is None or self._next < oldest:
            self._stream, self._next = self.open_stream(oldest), oldest
        while self._next < newest:
            self._kept[self._next] = next(self._stream)
            self._next += 1
        for number in [number for number in self._kept if number < oldest]:
            del self._kept[number]
        rng = np.random.default_rng([self.seed, index])
        return [self._kept[int(n)] for n in rng.integers(oldest, newest, size=count)]


def clip_boxes(
    boxes_xyxy: FloatArray, ignored: BoolArray, window_xyxy: tuple[float, float, float, float]
) -> tuple[FloatArray, BoolArray]:
    """Clip boxes to a window; boxes outside are dropped, small remains ignored.

    Args:
        boxes_xyxy: (M, 4) pixels.
        ignored: (M,) bool.
        window_xyxy: visible part of the image.

    Returns:
        boxes (m, 4) float32 and ignored (m,).
    """
    low, high = np.array(window_xyxy[:2]), np.array(window_xyxy[2:])
    clipped = boxes_xyxy.astype(np.float64).reshape(-1, 2, 2).clip(low, high).reshape(-1, 4)
    sides = clipped[:, 2:] - clipped[:, :2]
    full = np.prod(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], axis=1)
    inside = np.prod(sides, axis=1) / np.maximum(full, 1e-9)
    overlaps = (sides > 1).all(axis=1)
    remains = (inside < MIN_INSIDE_FRACTION) | (sides.min(axis=1, initial=np.inf) < MIN_BOX_SIDE_PX)
    return clipped[overlaps].astype(np.float32), (ignored | remains)[overlaps]
