"""Learning rate: linear warm-up, flat, then cosine; and which parameters decay.

Equal to the recorded schedule and parameter groups of the published configurations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import nn

from rtmpose3d.errors import InputError

_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm)


@dataclass(frozen=True, kw_only=True)
class FlatCosine:
    """Factor on the base learning rate at every step.

    Attributes:
        steps: of the whole training.
        warmup_steps: over which it rises to 1 in a line (1000 in the published configurations).
        warmup_start: the factor at step 0.
        flat_share: of all steps after which the cosine begins.
        final: the factor that the cosine falls to.
    """

    steps: int
    warmup_steps: int = 1000
    warmup_start: float = 1e-5
    flat_share: float = 0.5
    final: float = 0.05

    def __post_init__(self) -> None:
        if self.steps < 1 or self.warmup_steps < 0:
            raise InputError(
                f"steps must be above 0 and warmup_steps not below it, got {self.steps} and "
                f"{self.warmup_steps}"
            )
        if not (0 <= self.flat_share <= 1 and 0 <= self.final <= 1 and 0 <= self.warmup_start <= 1):
            raise InputError(
                "flat_share, final and warmup_start are shares of 0 to 1, got "
                f"{self.flat_share}, {self.final}, {self.warmup_start}"
            )

    def factor(self, step: int) -> float:
        """The factor at a step, counted from 0."""
        warm = 1.0
        if step < self.warmup_steps - 1:
            done = step / (self.warmup_steps - 1)
            warm = self.warmup_start + (1 - self.warmup_start) * done
        begin = int(self.steps * self.flat_share)
        if step <= begin or begin >= self.steps:
            return warm
        done = min((step - begin) / (self.steps - begin), 1.0)
        return warm * (self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * done)))


def decay_groups(network: nn.Module) -> tuple[list[str], list[str]]:
    """Names of the parameters with and without weight decay.

    Biases and all of the norms have none; ScaleNorm, which the reference's framework does not
    know as a norm, has. A parameter of several names goes by its first.

    Returns:
        with decay, without decay, in the network's order.
    """
    norms = {name for name, module in network.named_modules() if isinstance(module, _NORMS)}
    groups: tuple[list[str], list[str]] = ([], [])
    for name, parameter in network.named_parameters():
        owner, _, leaf = name.rpartition(".")
        if parameter.requires_grad:
            groups[leaf == "bias" or owner in norms].append(name)
    return groups


def optimizer_groups(network: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """The two groups as torch's optimisers take them."""
    parameters = dict(network.named_parameters())
    decays = (weight_decay, 0.0)
    return [
        {"params": [parameters[name] for name in names], "weight_decay": decay}
        for names, decay in zip(decay_groups(network), decays, strict=True)
        if names
    ]
