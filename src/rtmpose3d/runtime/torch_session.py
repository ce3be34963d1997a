"""Sessions that run in torch. Needs the extra `torch`; results equal ONNX Runtime's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from rtmpose3d.models import build_graph, build_network, load_arrays
from rtmpose3d.runtime.devices import Device
from rtmpose3d.runtime.sessions import Candidates, level_sizes
from rtmpose3d.structures import Decoded, FloatArray, UInt8Array
from rtmpose3d.zoo import DetectorSpec, ModelSpec, PoseSpec

Weights = Mapping[str, np.ndarray]


def _load(spec: ModelSpec, weights: Weights, device: Device) -> torch.nn.Module:
    network = build_network(spec)
    load_arrays(network, weights)
    return build_graph(spec, network).to(str(device))


class TorchPoseSession:
    """A `PoseSession` in torch."""

    def __init__(self, spec: PoseSpec, weights: Weights, device: Device) -> None:
        self.spec = spec
        self.device = device
        self._graph = _load(spec, weights, device)

    def run(self, crops: UInt8Array) -> Decoded:
        """See `PoseSession.run`."""
        bins, scores, confidence, *_ = self._run(crops)
        return Decoded(bins=bins, scores=scores, confidence=confidence)

    def run_simcc(self, crops: UInt8Array) -> tuple[FloatArray, ...]:
        """See `PoseSession.run_simcc`."""
        _, _, _, *simcc = self._run(crops)
        return tuple(simcc)

    def _run(self, crops: UInt8Array) -> list[np.ndarray]:
        with torch.inference_mode():
            outputs = self._graph(torch.from_numpy(crops).to(str(self.device)))
        return [output.cpu().numpy() for output in outputs]


class TorchDetectorSession:
    """A `DetectorSession` in torch."""

    def __init__(self, spec: DetectorSpec, weights: Weights, device: Device) -> None:
        self.spec = spec
        self.device = device
        self.input_size_wh = spec.input_size_wh
        self._graph = _load(spec, weights, device)

    def run(self, images: UInt8Array) -> list[Candidates]:
        """See `DetectorSession.run`."""
        with torch.inference_mode():
            boxes, scores = self._graph(torch.from_numpy(images).to(str(self.device)))
        sizes = level_sizes(self.input_size_wh)
        return [
            Candidates(boxes_xyxy=box, scores=score, level_sizes=sizes)
            for box, score in zip(boxes.cpu().numpy(), scores.cpu().numpy(), strict=True)
        ]
