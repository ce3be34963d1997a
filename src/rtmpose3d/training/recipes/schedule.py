"""Learning rate schedule: linear warm-up, flat, then cosine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rtmpose3d.errors import InputError


@dataclass(frozen=True, kw_only=True)
class FlatCosine:
    """Factor on the base learning rate at every step.

    Equal to the recorded schedule of the published configurations (mmengine: LinearLR, then
    CosineAnnealingLR).

    Attributes:
        steps: number of training steps.
        warmup_steps: number of steps in which the factor rises linearly to 1 (1000 in the
            published configurations).
        warmup_start: factor at step 0.
        flat_fraction: fraction of all steps after which the cosine starts.
        final: factor at the end of the cosine.
    """

    steps: int
    warmup_steps: int = 1000
    warmup_start: float = 1e-5
    flat_fraction: float = 0.5
    final: float = 0.05

    def __post_init__(self) -> None:
        if self.steps < 1 or self.warmup_steps < 0:
            raise InputError(
                f"steps must be above 0 and warmup_steps not below 0, got {self.steps} and "
                f"{self.warmup_steps}"
            )
        fractions = (self.flat_fraction, self.final, self.warmup_start)
        if not all(0 <= fraction <= 1 for fraction in fractions):
            raise InputError(
                "flat_fraction, final and warmup_start must be between 0 and 1, got "
                f"{self.flat_fraction}, {self.final}, {self.warmup_start}"
            )

    def factor(self, step: int) -> float:
        """Factor on the base learning rate at a step, counted from 0."""
        warm = 1.0
        if step < self.warmup_steps - 1:
            done = step / (self.warmup_steps - 1)
            warm = self.warmup_start + (1 - self.warmup_start) * done
        cosine_start = int(self.steps * self.flat_fraction)
        if step <= cosine_start or cosine_start >= self.steps:
            return warm
        done = min((step - cosine_start) / (self.steps - cosine_start), 1.0)
        return warm * (self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * done)))
