"""What the pipeline's steps hand to each other, for all people of one or more images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.structures.arrays import FloatArray, IntArray, UInt8Array


@dataclass(frozen=True, kw_only=True)
class Detections:
    """People found in one image, best first.

    Attributes:
        boxes_xyxy: (N, 4) float32, pixels of the full image; given boxes may lie partly outside.
        scores: (N,) float32 in [0, 1]; 1 for boxes that the caller gave.
    """

    boxes_xyxy: FloatArray
    scores: FloatArray

    def __post_init__(self) -> None:
        assert self.boxes_xyxy.ndim == 2, "boxes_xyxy must be (N, 4)"
        assert self.boxes_xyxy.shape == (len(self.scores), 4), "one score per box"

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, index: IntArray | slice | np.ndarray) -> Detections:
        """The chosen people, in the order of the index."""
        return Detections(boxes_xyxy=self.boxes_xyxy[index], scores=self.scores[index])


@dataclass(frozen=True, kw_only=True)
class Crops:
    """The network's input images.

    Attributes:
        pixels: (N, h, w, 3) uint8, BGR.
        image_from_crop: (N, 2, 3) float64 affine matrices, crop pixels to image pixels.
    """

    pixels: UInt8Array
    image_from_crop: FloatArray

    def __len__(self) -> int:
        return len(self.pixels)
