"""Networks that tests put under sessions: recorded inputs, outputs computed from the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rtmpose3d.runtime.network import ModelFile, TensorInfo
from rtmpose3d.zoo import DetectorSpec, PoseSpec


@dataclass
class PoseNetwork:
    """Bins, scores and logits that differ from crop to crop."""

    spec: PoseSpec
    max_batch: int | None = None
    batches: list[int] = field(default_factory=list)

    @property
    def output_names(self) -> tuple[str, ...]:
        return self.spec.output_names

    def run(self, images: np.ndarray, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        self.batches.append(len(images))
        mean = images.mean(axis=(1, 2, 3))
        points = np.ones((len(images), self.spec.keypoints), np.float32) * mean[:, None]
        arrays = {
            "bins": np.repeat(points[:, :, None].astype(np.int64), self.spec.codec.axes, axis=2),
            "scores": points,
            "confidence": points / 255,
        }
        for name, bins in zip(
            ("simcc_x", "simcc_y", "simcc_z"), self.spec.codec.bins, strict=False
        ):
            arrays[name] = points[:, :, None] * np.linspace(0, 1, bins, dtype=np.float32)
        return tuple(arrays[name] for name in outputs)


@dataclass
class DetectorNetwork:
    """As many boxes as are asked for, the scores from the pixels."""

    spec: DetectorSpec
    candidates: int
    max_batch: int | None = None

    @property
    def output_names(self) -> tuple[str, ...]:
        return self.spec.output_names

    def run(self, images: np.ndarray, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        mean = images.mean(axis=(1, 2, 3))
        scores = np.ones((len(images), self.candidates), np.float32) * mean[:, None] / 255
        arrays = {"scores": scores, "boxes": np.repeat(scores[:, :, None], 4, axis=2)}
        return tuple(arrays[name] for name in outputs)


class FloatFile:
    """The inside of an .onnx file of others: fixed outputs, remembered inputs."""

    max_batch: int | None = None

    def __init__(self, outputs: dict[str, np.ndarray]) -> None:
        self.output_names = tuple(outputs)
        self.inputs: list[np.ndarray] = []
        self._outputs = outputs

    def run(self, images: np.ndarray, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        self.inputs.append(images)
        return tuple(self._outputs[name][: len(images)] for name in outputs)


def model_file(
    network: FloatFile,
    input_shape: tuple[int | str, ...],
    *,
    dtype: str = "float32",
    metadata: dict[str, str] | None = None,
) -> ModelFile:
    """An opened file that declares what the network has."""
    return ModelFile(
        path=Path("other.onnx"),
        inputs=(TensorInfo(name="input", shape=input_shape, dtype=dtype),),
        outputs=tuple(
            TensorInfo(name=name, shape=("batch", *array.shape[1:]), dtype="float32")
            for name, array in network._outputs.items()
        ),
        metadata=metadata or {},
        network=network,
    )
