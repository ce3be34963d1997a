"""Timing of several functions that alternate, so that other load affects all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

MIN_RUNS = 3
WARM_UP_RUNS = 2
SETTLE_S = 0.02  # ONNX Runtime's threads spin for a while, on cores that the next one needs

FunctionKey = TypeVar("FunctionKey", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Duration of a run.

    Attributes:
        runs: number of timed runs.
        median_ms: their median.
        low_ms, high_ms: their 25th and 75th percentile.
    """

    runs: int
    median_ms: float
    low_ms: float
    high_ms: float

    @classmethod
    def from_seconds(cls, durations_s: Sequence[float]) -> Timing:
        """Summary of at least one duration in seconds."""
        low, high = np.percentile(durations_s, [25, 75]).tolist()
        return cls(
            runs=len(durations_s),
            median_ms=1e3 * statistics.median(durations_s),
            low_ms=1e3 * low,
            high_ms=1e3 * high,
        )


def time_interleaved(
    functions: Mapping[FunctionKey, Callable[[], object]], seconds: float
) -> dict[FunctionKey, list[float]]:
    """Time functions alternately, each round in the reverse order of the one before.

    Args:
        functions: called without arguments; first a few times as a warm-up.
        seconds: total time of each; each runs at least `MIN_RUNS` times, even if that takes longer.

    Returns:
        Durations of the runs in seconds.
    """
    durations: dict[FunctionKey, list[float]] = {key: [] for key in functions}
    for function in functions.values():
        for _ in range(WARM_UP_RUNS):
            function()
    unfinished = list(functions)
    while unfinished:
        for key in unfinished:
            time.sleep(SETTLE_S)
            start = time.perf_counter()
            functions[key]()
            durations[key].append(time.perf_counter() - start)
        unfinished = [
            key
            for key in reversed(unfinished)
            if len(durations[key]) < MIN_RUNS or sum(durations[key]) < seconds
        ]
    return durations
