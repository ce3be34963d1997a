"""Where a training begins: given weights, and parts that stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.models import load_arrays
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.training.pose.resizing import to_input_size
from rtmpose3d.weights import match_weights, read_checkpoint
from rtmpose3d.zoo import PoseSpec

NetworkPart = Literal["backbone", "neck", "head"]
NETWORK_PARTS: tuple[NetworkPart, ...] = get_args(NetworkPart)


@dataclass(frozen=True, kw_only=True)
class InitialWeights:
    """Weights that a training begins with; its optimiser begins anew.

    Attributes:
        path: .pth or .safetensors, in the published format.
        parts: that are taken from it; the others begin as if there were no file. With the
            backbone alone, the file may be of any model with such a backbone.
        resize: whether the head may be that of another input size of the same aspect
            (`training.pose.resizing`).
    """

    path: Path
    parts: Sequence[NetworkPart] = NETWORK_PARTS
    resize: bool = True

    def __post_init__(self) -> None:
        check_parts(self.parts)
        if not self.parts:
            raise InputError(f"no part of {self.path} is named; name {', '.join(NETWORK_PARTS)}")


def check_parts(parts: Sequence[str]) -> None:
    """Whether all of these are parts of a network.

    Raises:
        UnknownNameError: one is not.
    """
    for part in parts:
        if part not in NETWORK_PARTS:
            raise UnknownNameError("part of the network", part, NETWORK_PARTS)


def load_initial(network: PoseNetwork, spec: PoseSpec, initial: InitialWeights) -> None:
    """Put given weights into a network.

    Raises:
        WeightsError: the file cannot be read, or its tensors do not fit the parts.
    """
    prefixes = tuple(f"{part}." for part in initial.parts)
    state = network.state_dict()
    expected = {k: tuple(v.shape) for k, v in state.items() if k.startswith(prefixes)}
    stored = read_checkpoint(initial.path)
    whole = len(set(initial.parts)) == len(NETWORK_PARTS)
    if not whole:
        stored = {key: value for key, value in stored.items() if key.startswith(prefixes)}
    if initial.resize:
        stored = to_input_size(stored, state, spec.input_size_wh)
    name = spec.name if whole else f"the {' and '.join(initial.parts)} of {spec.name}"
    arrays = match_weights(stored, expected, model=name, path=initial.path)
    rest = {key: value for key, value in state.items() if key not in expected}
    load_arrays(network, {**arrays, **{key: value.cpu().numpy() for key, value in rest.items()}})


def load_whole(network: torch.nn.Module, model: str, path: Path) -> None:
    """Put a file's weights into a network, all of them.

    Raises:
        WeightsError: the file cannot be read, or its tensors are not the network's.
    """
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    load_arrays(network, match_weights(read_checkpoint(path), expected, model=model, path=path))


def trained_network(spec: PoseSpec, path: Path) -> PoseNetwork:
    """A network with the weights of a file, in evaluation mode. It takes no random numbers.

    Raises:
        WeightsError: the file cannot be read, or is of another model.
    """
    before = torch.get_rng_state()
    network = PoseNetwork(spec)
    torch.set_rng_state(before)
    load_initial(network, spec, InitialWeights(path=path, resize=False))
    return network.eval()


def freeze(network: PoseNetwork, parts: Sequence[NetworkPart]) -> None:
    """Parts that a training leaves as they are: no gradient, no decay; norms by their averages.

    Raises:
        InputError: nothing would be left to train.
    """
    check_parts(parts)
    for part in parts:
        module = network.get_submodule(part) if getattr(network, part) is not None else None
        if module is not None:
            module.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise InputError(f"with {', '.join(parts)} frozen there is nothing left to train")
