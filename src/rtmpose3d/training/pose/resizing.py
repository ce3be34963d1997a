"""Weights of a pose network for another input size: what a shorter training on small crops is for.

Convolutions do not know how large a crop is. Only the head does: the matrices that turn a
keypoint's flattened map into its token, and those that classify tokens into bins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch.nn import functional

from rtmpose3d.errors import WeightsError

Arrays = Mapping[str, np.ndarray]
_MAPS = {"head.mlp.1.weight": 1, "head.mlp2.1.weight": 2}  # key -> cells along 1/32 of the side
_CLASSIFIERS = ("head.cls_x.weight", "head.cls_y.weight", "head.cls_z.weight")


def to_input_size(
    arrays: Arrays, expected: Mapping[str, torch.Tensor], input_size_wh: tuple[int, int]
) -> dict[str, np.ndarray]:
    """The head's matrices of a checkpoint, as a network of another input size has them.

    A map that shows the same on more cells gives the same token, and a token the same
    distribution on finer bins.

    Args:
        arrays: of a checkpoint.
        expected: the network's own state, for the shapes.
        input_size_wh: of the network, px.

    Returns:
        `arrays`, with the matrices whose shape is another resized.

    Raises:
        WeightsError: the checkpoint's maps are not of the same aspect.
    """
    width, height = input_size_wh
    changed: dict[str, np.ndarray] = {}
    for key, scale in _MAPS.items():
        if key in arrays and key in expected and arrays[key].shape != expected[key].shape:
            cells = height // 32 * scale, width // 32 * scale
            changed[key] = _resized_map(arrays[key], cells, key)
    for key in _CLASSIFIERS:
        if key in arrays and key in expected and len(arrays[key]) != len(expected[key]):
            changed[key] = _resized_bins(arrays[key], len(expected[key]))
    return {**arrays, **changed}


def _resized_map(matrix: np.ndarray, cells_hw: tuple[int, int], key: str) -> np.ndarray:
    """(T, h * w) -> (T, H * W); areas are kept, so that sums over maps stay what they are."""
    height, width = cells_hw
    factor = math.sqrt(height * width / matrix.shape[1])
    before = round(height / factor), round(width / factor)
    if before[0] * before[1] != matrix.shape[1] or before[0] * width != before[1] * height:
        raise WeightsError(
            f"{key} is of maps of {matrix.shape[1]} cells, which cannot be resized to "
            f"{width} x {height}: the other input's aspect must be the same"
        )
    maps = torch.from_numpy(matrix.astype(np.float32)).view(-1, 1, *before)
    resized = functional.interpolate(maps, size=cells_hw, mode="area") / factor**2
    return resized.flatten(1).numpy()


def _resized_bins(matrix: np.ndarray, bins: int) -> np.ndarray:
    """(B, T) -> (bins, T)."""
    rows = torch.from_numpy(matrix.astype(np.float32)).T[None]  # (1, T, B)
    resized = functional.interpolate(rows, size=bins, mode="linear", align_corners=False)
    return np.ascontiguousarray(resized[0].T.numpy())
