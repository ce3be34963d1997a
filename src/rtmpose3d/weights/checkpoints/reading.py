"""Checkpoint files as named arrays, unwrapped: state_dict, model, `module.`, DWPose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.errors import WeightsError
from rtmpose3d.untrusted import brief
from rtmpose3d.weights.checkpoints.file_types import is_safetensors, read_head
from rtmpose3d.weights.checkpoints.naming import list_names, model_names
from rtmpose3d.weights.checkpoints.pickle_values import Name, Opaque
from rtmpose3d.weights.checkpoints.safetensors_file import read_safetensors
from rtmpose3d.weights.checkpoints.tensor_refs import TensorRef
from rtmpose3d.weights.checkpoints.torch_file import TorchFile, open_torch_file

ENTRIES = (
    "state_dict",  # mmengine, Lightning; the averaged weights
    "model",
    "model_state_dict",
    "ema",
    "ema_state_dict",
    "net",
    "params",
    "module",
)
"""Entries of a training checkpoint that may hold the weights; the first that exists is read."""
_MAX_WRAPPED = 3  # {"ema": {"module": {...}}}


def read_checkpoint(path: Path | str) -> dict[str, NDArray[np.generic]]:
    """Reads the weights of a .pth, .pt, .bin or .safetensors file, distinguished by content.

    Of a training checkpoint, the first of its `ENTRIES` is read: `state_dict` has the averaged
    weights (the raw ones in `ema_state_dict` are skipped then). Without any, the mapping itself.

    Args:
        path: the file.

    Returns:
        Name -> array, in the file's order and element types (bfloat16 as float32), without the
        prefixes that all names share (`WRAPPERS`); of a DWPose distillation, the student alone.

    Raises:
        WeightsError: there is no such file, it is damaged, or it holds no weights.
    """
    path = Path(path)
    head, size = read_head(path)
    if is_safetensors(head, size):
        return read_safetensors(path)
    with open_torch_file(path) as file:
        references = _find_weights(file)
        shapes = {name: reference.shape for name, reference in references.items()}
        return {
            name: file.read(references[stored], stored)
            for name, stored in model_names(shapes).items()
        }


def _find_weights(file: TorchFile) -> dict[str, TensorRef]:
    """The tensors of the mapping that holds the weights."""
    root = file.root
    if isinstance(root, (Opaque, Name)):
        what = root.what if isinstance(root, Opaque) else root
        raise WeightsError(
            f"{file.path} holds a whole pickled object ({str(what)[:100]}), which is not rebuilt; "
            "save its state_dict() instead"
        )
    if not isinstance(root, dict):
        raise WeightsError(
            f"{file.path} holds a {type(root).__name__}; a mapping of names to tensors is expected"
        )
    holder = _weights_mapping(file.path, root)
    lost = [
        brief(name)
        for name, value in holder.items()
        if isinstance(value, Opaque) and "_rebuild" in str(value.what)
    ]
    if lost:
        raise WeightsError(
            f"{file.path} holds tensors of a type that is not read (quantized, sparse, complex, "
            f"or damaged): {list_names(lost)}; save them as ordinary dense tensors"
        )
    tensors = {
        name: value
        for name, value in holder.items()
        if isinstance(name, str) and isinstance(value, TensorRef)
    }
    if not tensors:
        names = [str(key)[:40] for key in root if isinstance(key, str)]
        raise WeightsError(f"{file.path} holds no tensors; its entries are {list_names(names)}")
    return tensors


def _weights_mapping(path: Path, root: dict[object, object]) -> dict[object, object]:
    """The mapping that holds the weights: the first of `ENTRIES` in the root, or the root."""
    holder = root
    for _ in range(_MAX_WRAPPED):
        entry = next((key for key in ENTRIES if key in holder), None)
        if entry is None:
            return holder
        inner = holder[entry]
        if not isinstance(inner, dict):
            raise WeightsError(
                f"{path} has no mapping of names to tensors under {entry} (its entries are "
                f"{list_names([brief(key) for key in list(holder)[:20]])}); save its "
                'state_dict() under "state_dict"'
            )
        holder = inner
    return holder


def read_meta(path: Path) -> dict[str, str | int | float]:
    """The numbers and texts of a .pth file's `meta`; empty if there is none, as in .safetensors.

    Raises:
        WeightsError: there is no such file, or it is damaged.
    """
    if is_safetensors(*read_head(path)):
        return {}
    with open_torch_file(path) as file:
        root = file.root
        meta = root.get("meta") if isinstance(root, dict) else None
        if not isinstance(meta, dict):
            return {}
        return {
            key: value
            for key, value in meta.items()
            if isinstance(key, str) and isinstance(value, (str, int, float))
        }
