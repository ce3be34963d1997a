"""The one protocol that a backend implements: a batch of uint8 images in, named arrays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from rtmpose3d.errors import BackendError, WeightsError
from rtmpose3d.runtime.devices import Device
from rtmpose3d.structures import FloatArray, UInt8Array

Weights: TypeAlias = Mapping[str, np.ndarray]
"""A checkpoint's tensors by their keys."""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Execution of a network by a backend: `RuntimeOptions` once backend and device are selected.

    Attributes:
        device: the selected device, which is available.
        precision: precision of the arithmetic, one of those that the backend has on the device;
            "auto" only for .onnx files, whose content decides.
        threads: number of CPU threads; None for the backend's default.
    """

    device: Device
    precision: str = "fp32"
    threads: int | None = None


class Network(Protocol):
    """A network that is loaded on its device."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of all outputs, in the order of `ModelSpec.output_names`."""
        ...

    @property
    def max_batch(self) -> int | None:
        """Largest number of images of one call; None if there is no limit."""
        ...

    def run(self, images: UInt8Array, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        """Run the network.

        Args:
            images: (N, H, W, 3) uint8 BGR, N at least 1 and at most `max_batch`, contiguous.
            outputs: names of the outputs to return.

        Returns:
            The arrays of `outputs`, in that order; the first axis of each is N.

        Raises:
            BackendError: the runtime failed, for example out of memory.
        """
        ...


class FileNetwork(Network, Protocol):
    """An .onnx file run directly: batches have the layout and element type that it declares."""

    def run(
        self, images: UInt8Array | FloatArray, outputs: Sequence[str]
    ) -> tuple[np.ndarray, ...]:
        """Run the file, as `Network.run` does."""
        ...


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """An input or output that a model file declares.

    Attributes:
        name: its name.
        shape: its axes: a length, or a name or None where the length is free.
        dtype: element type as numpy spells it, e.g. "uint8", "float32".
    """

    name: str
    shape: tuple[int | str | None, ...]
    dtype: str


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """An .onnx file that a backend has opened; `runtime.layouts` makes it a `Network`.

    Attributes:
        path: the file.
        inputs, outputs: declared tensors, in the order of the file.
        metadata: its custom metadata.
        network: takes the first input and returns the outputs.
        precision: precision of the arithmetic that the backend chose for it.
    """

    path: Path
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    metadata: Mapping[str, str]
    network: FileNetwork
    precision: str = "fp32"


def check_interface(
    path: Path, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]
) -> None:
    """Check that an .onnx file has one input and at least one output.

    Raises:
        WeightsError: it has others.
    """
    if len(inputs) != 1 or not outputs:
        names = ", ".join(tensor.name for tensor in inputs) or "none"
        raise WeightsError(
            f"{path}: expected an ONNX file with one input, a batch of images, and outputs, got "
            f"inputs: {names}; {len(outputs)} outputs"
        )


def pad_batch(images: np.ndarray, size: int) -> np.ndarray:
    """A batch of `size` images, the missing ones black; the same array if none is missing."""
    if len(images) == size:
        return images
    missing = np.zeros((size - len(images), *images.shape[1:]), images.dtype)
    return np.concatenate([images, missing])


def check_finite(arrays: Sequence[np.ndarray]) -> None:
    """Check the first number of each keypoint or box: an overflow before them makes all NaN.

    Raises:
        BackendError: one is NaN or infinite.
    """
    for array in arrays:
        firsts = array[..., 0] if array.ndim > 2 else array
        if not np.isfinite(firsts).all():
            raise BackendError(
                "the network's outputs are not finite in fp16, which overflows above 65504; use "
                "precision='bf16' or 'fp32', and check the weights if that does not help"
            )
