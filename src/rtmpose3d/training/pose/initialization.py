"""Initialization of pose networks: weights from files, and parts that are not trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from rtmpose3d.errors import InputError
from rtmpose3d.models import load_arrays
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.training.pose.resizing import resize_head
from rtmpose3d.training.recipes.pose import NETWORK_PARTS, NetworkPart, check_parts
from rtmpose3d.weights import match_weights, read_checkpoint
from rtmpose3d.zoo import PoseSpec


@dataclass(frozen=True, kw_only=True)
class InitialWeights:
    """Weights that a training is initialized from, with a new optimizer.

    Attributes:
        path: .pth or .safetensors file in the published format.
        parts: parts that are initialized from it; the others are initialized randomly. For the
            backbone alone, the file may be of any model with such a backbone.
        resize: whether the head may be that of another input size with the same aspect ratio
            (`training.pose.resizing`).
    """

    path: Path
    parts: Sequence[NetworkPart] = NETWORK_PARTS
    resize: bool = True

    def __post_init__(self) -> None:
        check_parts(self.parts)
        if not self.parts:
            raise InputError(f"no part of {self.path} is named; name {', '.join(NETWORK_PARTS)}")


def init_weights(network: PoseNetwork, spec: PoseSpec, initial: InitialWeights) -> None:
    """Initialize a network, or parts of it, from a file.

    Raises:
        WeightsError: the file cannot be read, or its tensors do not fit the parts.
    """
    prefixes = tuple(f"{part}." for part in initial.parts)
    state = network.state_dict()
    expected = {k: tuple(v.shape) for k, v in state.items() if k.startswith(prefixes)}
    stored = read_checkpoint(initial.path)
    complete = len(set(initial.parts)) == len(NETWORK_PARTS)
    if not complete:
        stored = {key: value for key, value in stored.items() if key.startswith(prefixes)}
    if initial.resize:
        stored = resize_head(stored, state, spec.input_size_wh)
    name = spec.name if complete else f"the {' and '.join(initial.parts)} of {spec.name}"
    arrays = match_weights(stored, expected, model=name, path=initial.path)
    rest = {key: value for key, value in state.items() if key not in expected}
    load_arrays(network, {**arrays, **{key: value.cpu().numpy() for key, value in rest.items()}})


def load_network(spec: PoseSpec, path: Path) -> PoseNetwork:
    """Load a trained network, in evaluation mode. Leaves the random state as it is.

    Raises:
        WeightsError: the file cannot be read, or is of another model.
    """
    before = torch.get_rng_state()
    network = PoseNetwork(spec)
    torch.set_rng_state(before)
    init_weights(network, spec, InitialWeights(path=path, resize=False))
    return network.eval()


def freeze(network: PoseNetwork, parts: Sequence[NetworkPart]) -> None:
    """Exclude parts from training: no gradient, no weight decay; norms use their averages.

    Raises:
        InputError: nothing would be left to train.
    """
    check_parts(parts)
    for part in parts:
        module = network.get_submodule(part) if getattr(network, part) is not None else None
        if module is not None:
            module.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise InputError(f"with {', '.join(parts)} frozen nothing is left to train")
