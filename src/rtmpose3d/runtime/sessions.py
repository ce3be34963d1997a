"""What a session is: a network on a device, raw uint8 images in, numpy arrays out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rtmpose3d.runtime.devices import Device
from rtmpose3d.structures import Decoded, FloatArray, UInt8Array
from rtmpose3d.zoo import DetectorSpec, PoseSpec


class PoseSession(Protocol):
    """A pose network that is ready to run."""

    spec: PoseSpec
    device: Device

    def run(self, crops: UInt8Array) -> Decoded:
        """Decode N crops in one call of the network.

        Args:
            crops: (N, h, w, 3) uint8 BGR, N at least 1, of the spec's input size.
        """
        ...

    def run_simcc(self, crops: UInt8Array) -> tuple[FloatArray, ...]:
        """The raw SimCC logits of N crops: (N, K, bins) float32 for x, y and, in 3D, z."""
        ...


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Every box that a detector considers in one image, before any selection.

    Attributes:
        boxes_xyxy: (P, 4) float32, pixels of the network's input.
        scores: (P,) float32 in [0, 1].
        level_sizes: how many of them, in order, belong to each of the network's scales.
    """

    boxes_xyxy: FloatArray
    scores: FloatArray
    level_sizes: tuple[int, ...]


class DetectorSession(Protocol):
    """A detector network that is ready to run."""

    spec: DetectorSpec
    device: Device
    input_size_wh: tuple[int, int]

    def run(self, images: UInt8Array) -> list[Candidates]:
        """All candidates of N images in one call of the network.

        Args:
            images: (N, H, W, 3) uint8 BGR, N at least 1, letterboxed to `input_size_wh`.
        """
        ...


def level_sizes(input_size_wh: tuple[int, int]) -> tuple[int, ...]:
    """Number of cells of RTMDet's three scales, at strides 8, 16 and 32."""
    width, height = input_size_wh
    return tuple((width // stride) * (height // stride) for stride in (8, 16, 32))
