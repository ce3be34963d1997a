"""The average of a network's weights over its training, which is what evaluation and users get."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

MOMENTUM, GAMMA = 0.0002, 2000  # rtmw3d configurations (ExpMomentumEMA)


class WeightAverage:
    """Exponential average of parameters and buffers, fast at first.

    The n-th update, counted from 0, moves the average by m = (1 - momentum) exp(-(1 + n) / gamma)
    + momentum of the difference; the first one copies. Whole numbers (counters of batch norms) are
    copied by the first update only, as in the reference.

    Args:
        network: whose weights are averaged.
        momentum: that the average ends with.
        gamma: updates over which it gets there.

    Attributes:
        updates: how many there were.
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
        """Take in the network's weights as they are now."""
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
        """The averaged weights, under the network's own keys; not copies."""
        return dict(self._average)

    def load_state_dict(self, state: Mapping[str, Tensor], updates: int) -> None:
        """Continue from stored averages; their keys must be the network's."""
        for key, average in self._average.items():
            average.copy_(state[key])
        self.updates = updates

    @torch.no_grad()
    def copy_to(self, network: nn.Module) -> None:
        """Put the averages into a network of the same architecture."""
        for key, value in _state(network).items():
            value.copy_(self._average[key])


def _state(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach() for key, value in network.state_dict().items()}
