"""Weights of a pose network resized for another input size, to continue from smaller crops.

Convolutions do not depend on the size of a crop. Only the head does: the matrices that map a
keypoint's flattened feature map to its token, and those that classify tokens into bins.
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


def resize_head(
    arrays: Arrays, expected: Mapping[str, torch.Tensor], input_size_wh: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Resize the head's matrices of a checkpoint for a network of another input size.

    A feature map with the same content on more cells gives the same token, and a token the same
    distribution over finer bins.

    Args:
        arrays: weights of a checkpoint.
        expected: the network's own state, for the shapes.
        input_size_wh: input size of the network, px.

    Returns:
        `arrays`, with the matrices of other shapes resized.

    Raises:
        WeightsError: the checkpoint's feature maps have another aspect ratio.
    """
    width, height = input_size_wh
    changed: dict[str, np.ndarray] = {}
    for key, scale in _MAPS.items():
        if key in arrays and key in expected and arrays[key].shape != expected[key].shape:
            cells = height // 32 * scale, width // 32 * scale
            changed[key] = _resize_map(arrays[key], cells, key)
    for key in _CLASSIFIERS:
        if key in arrays and key in expected and len(arrays[key]) != len(expected[key]):
            changed[key] = _resize_bins(arrays[key], len(expected[key]))
    return {**arrays, **changed}


def _resize_map(matrix: np.ndarray, cells_hw: tuple[int, int], key: str) -> np.ndarray:
    """(T, h * w) -> (T, H * W); sums over maps stay the same."""
    height, width = cells_hw
    factor = math.sqrt(height * width / matrix.shape[1])
    before = round(height / factor), round(width / factor)
    if before[0] * before[1] != matrix.shape[1] or before[0] * width != before[1] * height:
        raise WeightsError(
            f"{key} is of feature maps of {matrix.shape[1]} cells, which cannot be resized to "
            f"{width} x {height}: the aspect ratio must be the same"
        )
    maps = torch.from_numpy(matrix.astype(np.float32)).view(-1, 1, *before)
    resized = functional.interpolate(maps, size=cells_hw, mode="area") / factor**2
    return resized.flatten(1).numpy()


def _resize_bins(matrix: np.ndarray, bins: int) -> np.ndarray:
    """(B, T) -> (bins, T)."""
    rows = torch.from_numpy(matrix.astype(np.float32)).T[None]  # (1, T, B)
    resized = functional.interpolate(rows, size=bins, mode="linear", align_corners=False)
    return np.ascontiguousarray(resized[0].T.numpy())
