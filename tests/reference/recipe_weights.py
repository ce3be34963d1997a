"""Weights that follow from a checkpoint key and a shape alone, as the network recordings use them.

For each key a generator is seeded with the CRC-32 of the key, and draws the tensor once in float64:
normal or uniform numbers, scaled so that signals keep their size through the network.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping

import numpy as np

# RTMDet-m shares these convolutions among its scales: all have the first one's values.
_SHARED = re.compile(r"((?:cls|reg)_convs)\.\d+\.(\d+)\.conv\.weight$")
_LAST_NORM_OF_A_BLOCK = re.compile(r"blocks\.\d+\.conv2\.pointwise_conv\.bn\.weight$")
_DETECTOR_OUTPUTS = {"rtm_cls": (0.35, -2.0), "rtm_reg": (0.12, 0.8)}  # gain, bias


def recipe_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """A tensor for each key: float32, or int64 zeros for counters of batches."""
    return {key: recipe_weight(key, shape) for key, shape in shapes.items()}


def recipe_weight(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """One tensor."""
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(_seed_key(key).encode())))
    name = key.rsplit(".", 1)[-1]
    fan_in = np.prod(shape[1:]) if len(shape) > 1 else 1
    output = next((values for part, values in _DETECTOR_OUTPUTS.items() if part in key), None)
    if name == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if name == "running_var":
        values = rng.uniform(0.5, 1.5, shape)
    elif name == "running_mean":
        values = rng.standard_normal(shape) * 0.1
    elif name in ("gamma", "beta"):  # of the attention unit
        values = rng.standard_normal(shape) * 0.35
    elif output is not None and len(shape) > 1:
        values = rng.standard_normal(shape) * (output[0] * np.sqrt(1 / fan_in))
    elif output is not None:
        values = rng.standard_normal(shape) * 0.3 + output[1]
    elif len(shape) > 1:
        values = rng.standard_normal(shape) * np.sqrt(2.2 / fan_in)
    elif len(shape) == 1 and name in ("weight", "g", "scale"):
        values = rng.uniform(0.8, 1.2, shape)
        if _LAST_NORM_OF_A_BLOCK.search(key):
            values = values * 0.3
    elif "final_layer" in key:
        values = rng.uniform(1.0, 2.0, shape)
    else:
        values = rng.standard_normal(shape) * 0.3
    return np.asarray(values).astype(np.float32).reshape(shape)


def _seed_key(key: str) -> str:
    return _SHARED.sub(r"\1.0.\2.conv.weight", key)
