"""The networks, in torch: tensors in, tensors out; neither files nor OpenCV.

`build_network(spec)` makes the network whose state_dict has exactly the published keys and shapes;
`build_graph(spec)` wraps it in normalisation and decoding, for sessions and exports.
Needs the extra `torch`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from rtmpose3d.models.graph import DetectorGraph, KeypointGraph, PoseGraph
from rtmpose3d.models.mixed_precision import (
    MixedPoseNetwork,
    MixedRTMDet,
    fold_norms,
    lower_precision,
    use_channels_last,
)
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.models.rtmdet import RTMDet
from rtmpose3d.zoo import DetectorSpec, ModelSpec, PoseSpec

__all__ = [
    "DetectorGraph",
    "KeypointGraph",
    "MixedPoseNetwork",
    "MixedRTMDet",
    "PoseGraph",
    "PoseNetwork",
    "RTMDet",
    "build_graph",
    "build_network",
    "fold_norms",
    "load_arrays",
    "lower_precision",
    "use_channels_last",
]


def build_network(spec: ModelSpec) -> PoseNetwork | RTMDet:
    """The network of a row of the model table, freshly initialised, in training mode."""
    if isinstance(spec, PoseSpec):
        return PoseNetwork(spec)
    assert isinstance(spec, DetectorSpec)
    return RTMDet(spec)


def build_graph(
    spec: ModelSpec,
    network: PoseNetwork | MixedPoseNetwork | RTMDet | MixedRTMDet | None = None,
) -> PoseGraph | DetectorGraph:
    """The network between normalisation and decoding, in evaluation mode."""
    network = network if network is not None else build_network(spec)
    if isinstance(spec, PoseSpec):
        assert isinstance(network, PoseNetwork | MixedPoseNetwork)
        return PoseGraph(network, spec).eval()
    assert isinstance(spec, DetectorSpec)
    assert isinstance(network, RTMDet | MixedRTMDet)
    return DetectorGraph(network, spec).eval()


def load_arrays(network: torch.nn.Module, weights: Mapping[str, np.ndarray]) -> None:
    """Load matched weights (see `rtmpose3d.weights.match_weights`) into a network."""
    network.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in weights.items()})
