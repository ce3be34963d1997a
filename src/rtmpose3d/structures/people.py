"""Detections and crops: the data between steps of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures.arrays import FloatArray, IntArray, UInt8Array


@dataclass(frozen=True, kw_only=True)
class Detections:
    """People detected in one image, best first.

    Attributes:
        boxes_xyxy: (N, 4) float32, pixels of the full image; given boxes may lie partly outside.
        scores: (N,) float32 in [0, 1]; 1 for boxes that the caller gave.

    Raises:
        InputError: arrays of other shapes.
    """

    boxes_xyxy: FloatArray
    scores: FloatArray

    def __post_init__(self) -> None:
        boxes, scores = np.shape(self.boxes_xyxy), np.shape(self.scores)
        if len(scores) != 1 or boxes != (*scores, 4):
            raise InputError(
                f"boxes_xyxy must have shape (N, 4) and scores (N,), got {boxes} and {scores}"
            )

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, index: IntArray | slice | np.ndarray) -> Detections:
        """The selected people, in the order of the index."""
        return Detections(boxes_xyxy=self.boxes_xyxy[index], scores=self.scores[index])


@dataclass(frozen=True, kw_only=True)
class Crops:
    """Input images of the pose network.

    Attributes:
        pixels: (N, h, w, 3) uint8, BGR.
        image_from_crop: (N, 2, 3) float64 affine matrices, crop pixels to image pixels.
    """

    pixels: UInt8Array
    image_from_crop: FloatArray

    def __len__(self) -> int:
        return len(self.pixels)
