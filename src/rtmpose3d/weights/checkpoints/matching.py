"""Checkpoints fitted to a model: `match_weights` compares names, shapes, types and values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.errors import WeightsError
from rtmpose3d.weights.checkpoints.naming import TensorShape, list_names

# Tensors of a training checkpoint beyond the model's own weights: pattern, reason.
TRAINING_ONLY: tuple[tuple[str, str], ...] = (
    (r"^data_preprocessor\.", "mean and std, which belong to the model's spec here"),
    (r"^ema_", "raw or averaged copies kept by the EMA hook; state_dict has the average"),
    (r"(^|\.)loss_\w+\.", "parameters of loss modules"),
    (r"^distill_losses\.", "projections used while distilling (DWPose)"),
    (r"^teacher\.", "the teacher of a distillation (DWPose)"),
    (r"\.num_batches_tracked$", "a counter of batch norm that inference does not use"),
)
_TRAINING_ONLY = re.compile("|".join(pattern for pattern, _ in TRAINING_ONLY))
_COUNTER = ".num_batches_tracked"  # int64; files before torch 0.4.1 have none


def match_weights(
    tensors: Mapping[str, NDArray[np.generic]],
    expected: Mapping[str, TensorShape],
    *,
    model: str,
    path: Path | str,
) -> dict[str, NDArray[np.generic]]:
    """Fits a checkpoint to a model: every expected tensor, no other, each of its shape.

    Tensors that only training needs (`TRAINING_ONLY`) are skipped; a missing `num_batches_tracked`
    is zero.

    Args:
        tensors: from `read_checkpoint`.
        expected: the model's names and shapes.
        model: the model's name, for the error.
        path: the file's name, for the error.

    Returns:
        In the order of `expected`: C-ordered float32 arrays, int64 for `num_batches_tracked`;
        those that need no conversion are the arrays of `tensors` themselves.

    Raises:
        WeightsError: tensors are missing, unexpected, of another shape or type, or not finite.
    """
    missing = [n for n in expected if n not in tensors and not n.endswith(_COUNTER)]
    unexpected = [n for n in tensors if n not in expected and not _TRAINING_ONLY.search(n)]
    other_shape = [
        f"{name} {_shape_text(tensors[name].shape)} instead of {_shape_text(shape)}"
        for name, shape in expected.items()
        if name in tensors and tensors[name].shape != tuple(shape)
    ]
    faults = [
        f"{_counted(names, is_are)} {what}: {list_names(names)}"
        for names, is_are, what in (
            (missing, ("is", "are"), "missing"),
            (unexpected, ("is", "are"), "not part of the model"),
            (other_shape, ("has", "have"), "another shape"),
        )
        if names
    ]
    if faults:
        raise WeightsError(
            f"{path} does not fit {model} ({len(expected)} tensors expected, {len(tensors)} "
            f"found): {'; '.join(faults)}. Is it the file of another model?"
        )
    return {
        name: _as_weight(name, tensors[name], path)
        if name in tensors
        else np.zeros(shape, np.int64)
        for name, shape in expected.items()
    }


def _as_weight(name: str, array: NDArray[np.generic], path: Path | str) -> NDArray[np.generic]:
    if name.endswith(_COUNTER):
        kinds, dtype = "iu", np.dtype(np.int64)
    else:
        kinds, dtype = "f", np.dtype(np.float32)
    if array.dtype.kind not in kinds:
        raise WeightsError(f"{path}: {name} is of type {array.dtype}; {dtype} is expected")
    with np.errstate(over="ignore"):
        weight = array.astype(dtype, order="C", copy=False)
    if dtype.kind == "f" and not np.isfinite(weight).all():
        raise WeightsError(
            f"{path}: {name} holds values that are not finite numbers (or too large for "
            "float32); the file is damaged or its training diverged"
        )
    return weight


def _counted(names: list[str], verb: tuple[str, str]) -> str:
    return f"1 tensor {verb[0]}" if len(names) == 1 else f"{len(names)} tensors {verb[1]}"


def _shape_text(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "scalar"
