"""Visibility as mmpose's `SimCCLabel` decodes it with `decode_visibility`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.codec import SimCCSpec

DECODE_BETA = 150.0  # SimCCLabel, decode_beta


def decode_visibility(
    simcc: Sequence[NDArray[np.floating]], spec: SimCCSpec
) -> NDArray[np.floating]:
    """(N, K) in (0, 1]: the lower of the highest softmax(150 sigma * logits) over x and over y.

    Args:
        simcc: per axis (x, y[, z]) the network's raw logits, (N, K, bins).
        spec: the model's codec.
    """
    peaks = []
    for logits, sigma in zip(simcc[:2], spec.sigma, strict=False):
        below_peak = logits.astype(np.float32) - logits.max(axis=2, keepdims=True)
        peaks.append(1 / np.exp(DECODE_BETA * sigma * below_peak).sum(axis=2))
    return np.minimum(*peaks)
