"""`WeightAverage`: exponential moving average of a network's weights, used for evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

MOMENTUM, GAMMA = 0.0002, 2000  # rtmw3d configurations (ExpMomentumEMA)


class WeightAverage:
    """Exponential average of parameters and buffers, with a larger momentum at first.

    Update n, counted from 0, moves the average by m = (1 - momentum) exp(-(1 + n) / gamma) +
    momentum of the difference; the first one copies. Integers (counters of batch norms) are copied
    by the first update only, as in the reference.

    Args:
        network: network whose weights are averaged.
        momentum: final momentum.
        gamma: number of updates over which the momentum falls.

    Attributes:
        updates: number of updates so far.
    """

    def __init__(
        self, network: nn.Module, *, momentum: float = MOMENTUM, gamma: int = GAMMA
    ) -> None:
        self.momentum = momentum
        self.gamma = gamma
        self.updates = 0
        self._average = {key: value.clone() for key, value in _state(network).items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Update the average with the network's current weights."""
        state = _state(network)
        if self.updates == 0:
            for key, value in state.items():
                self._average[key].copy_(value)
        else:
            decay = math.exp(-(1 + self.updates) / self.gamma)
            momentum = (1 - self.momentum) * decay + self.momentum
            for key, value in state.items():
                if value.is_floating_point():
                    self._average[key].lerp_(value, momentum)
        self.updates += 1

    def state_dict(self) -> dict[str, Tensor]:
        """Averaged weights under the network's own keys; not copies."""
        return dict(self._average)

    def load_state_dict(self, state: Mapping[str, Tensor], updates: int) -> None:
        """Continue from stored averages with the network's keys."""
        for key, average in self._average.items():
            average.copy_(state[key])
        self.updates = updates

    @torch.no_grad()
    def copy_to(self, network: nn.Module) -> None:
        """Copy the averages into a network of the same architecture."""
        for key, value in _state(network).items():
            value.copy_(self._average[key])


def _state(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach() for key, value in network.state_dict().items()}
