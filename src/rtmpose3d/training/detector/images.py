"""Images with boxes, and batches of them.

Everything is addressed by an index and the same index gives the same image or batch, as in
`training.data.batches`: a resumed training goes on with the very next batch.
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

LEAST_SHOWN_SHARE = 0.15  # of a person's box; who shows less is neither person nor background
LEAST_SIDE_PX = 6.0  # of a box in the network's input; smaller ones likewise


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledImage:
    """An image and everybody in it.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        boxes_xyxy: (M, 4) float32, pixels; what shows of each person.
        ignored: (M,) bool, people and regions that are neither to be found nor background.

    Raises:
        InputError: shapes that do not go together, or a box that is not finite.
    """

    image: Image
    boxes_xyxy: FloatArray
    ignored: BoolArray

    def __post_init__(self) -> None:
        if self.boxes_xyxy.shape != (len(self.ignored), 4):
            raise InputError(
                "boxes_xyxy must be (M, 4) with M flags ignored, got "
                f"{self.boxes_xyxy.shape} and {self.ignored.shape}"
            )
        if not np.isfinite(self.boxes_xyxy).all():
            raise InputError(f"boxes must be finite, got {self.boxes_xyxy.tolist()}")


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectorBatch:
    """B images of the network's input size.

    Attributes:
        images: (B, h, w, 3) uint8 BGR.
        boxes_xyxy: for each (m, 4) float32, pixels of the input.
        ignored: for each (m,) bool.
        skipped: what is wrong with images that others took the place of.
    """

    images: UInt8Array
    boxes_xyxy: tuple[FloatArray, ...]
    ignored: tuple[BoolArray, ...]
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def part(self, rows: range) -> DetectorBatch:
        """Some of its images; views."""
        chosen = slice(rows.start, rows.stop, rows.step)
        return DetectorBatch(
            images=self.images[chosen],
            boxes_xyxy=self.boxes_xyxy[chosen],
            ignored=self.ignored[chosen],
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, to be looked at in a file."""
        return {
            "images": self.images,
            "boxes_xyxy": np.concatenate(self.boxes_xyxy),
            "ignored": np.concatenate(self.ignored),
            "people": np.array([len(boxes) for boxes in self.boxes_xyxy]),
        }


class ImageSource(Protocol):
    """Whatever has labelled images. The same draw gives the same images."""

    def draw(self, index: int, count: int = 1) -> list[LabelledImage]:
        """Some images: the first as the order has it at draw `index`, the others by chance."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class GivenImages:
    """A few images over and over, in their order.

    Attributes:
        images: at least one.
    """

    images: Sequence[LabelledImage]

    def __post_init__(self) -> None:
        if not len(self.images):
            raise InputError("there is no labelled image to train on")

    def draw(self, index: int, count: int = 1) -> list[LabelledImage]:
        """See `ImageSource`."""
        return [self.images[(index + i) % len(self.images)] for i in range(count)]


@dataclass(frozen=True, kw_only=True, eq=False)
class FilesWithoutPeople:
    """Photographs that show nobody, read when they are needed.

    Attributes:
        paths: image files, at least one.
    """

    paths: Sequence[Path]

    def draw(self, index: int, count: int = 1) -> list[LabelledImage]:
        """See `ImageSource`."""
        nobody = np.zeros((0, 4), np.float32)
        return [
            LabelledImage(
                image=load_image(self.paths[(index + i) % len(self.paths)]),
                boxes_xyxy=nobody,
                ignored=np.zeros(0, bool),
            )
            for i in range(count)
        ]


class PooledImages:
    """A costly source (a renderer) whose images are each used several times.

    Draw k takes images by chance from the last `pool` of the first `start + k / reuse`, so the
    pool grows, then moves on slowly. A resumed training makes its pool anew, as it was.

    Args:
        open_stream: gives images n, n + 1, ... without end; the same number is always the same.
        pool: how many are kept in memory.
        start: how many there are before the first draw, at most `pool`.
        reuse: draws for each new image.
        seed: of the chance.
    """

    def __init__(
        self,
        open_stream: Callable[[int], Iterator[LabelledImage]],
        *,
        pool: int = 3000,
        start: int = 128,
        reuse: int = 32,
        seed: int = 0,
    ) -> None:
        if not 1 <= start <= pool or reuse < 1:
            raise InputError(
                f"start must be 1 to pool, and reuse at least 1, got {start}, {pool}, {reuse}"
            )
        self.open_stream = open_stream
        self.pool, self.start, self.reuse, self.seed = pool, start, reuse, seed
        self._kept: dict[int, LabelledImage] = {}
        self._stream: Iterator[LabelledImage] | None = None
        self._next = 0

    def draw(self, index: int, count: int = 1) -> list[LabelledImage]:
        """See `ImageSource`; draws must not go back by more than the pool holds."""
        newest = self.start + index // self.reuse
        oldest = max(0, newest - self.pool)
        if self._stream is None or self._next < oldest:
            self._stream, self._next = self.open_stream(oldest), oldest
        while self._next < newest:
            self._kept[self._next] = next(self._stream)
            self._next += 1
        for number in [number for number in self._kept if number < oldest]:
            del self._kept[number]
        rng = np.random.default_rng([self.seed, index])
        return [self._kept[int(n)] for n in rng.integers(oldest, newest, size=count)]


def settle_boxes(
    boxes_xyxy: FloatArray, ignored: BoolArray, window_xyxy: tuple[float, float, float, float]
) -> tuple[FloatArray, BoolArray]:
    """Boxes after a cut: clipped to the window, those outside dropped, remains ignored.

    Args:
        boxes_xyxy: (M, 4) pixels of the cut image.
        ignored: (M,) bool.
        window_xyxy: what shows.

    Returns:
        boxes (m, 4) float32 and ignored (m,).
    """
    low, high = np.array(window_xyxy[:2]), np.array(window_xyxy[2:])
    clipped = boxes_xyxy.astype(np.float64).reshape(-1, 2, 2).clip(low, high).reshape(-1, 4)
    sides = clipped[:, 2:] - clipped[:, :2]
    whole = np.prod(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], axis=1)
    shown = np.prod(sides, axis=1) / np.maximum(whole, 1e-9)
    there = (sides > 1).all(axis=1)
    remains = (shown < LEAST_SHOWN_SHARE) | (sides.min(axis=1, initial=np.inf) < LEAST_SIDE_PX)
    return clipped[there].astype(np.float32), (ignored | remains)[there]
