"""Checkpoint files as named arrays, unwrapped: state_dict, model, `module.`, DWPose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.errors import WeightsError
from rtmpose3d.weights.checkpoints.file_types import is_safetensors, read_head
from rtmpose3d.weights.checkpoints.naming import list_names, model_names
from rtmpose3d.weights.checkpoints.pickle_values import Name, Opaque
from rtmpose3d.weights.checkpoints.safetensors_file import read_safetensors
from rtmpose3d.weights.checkpoints.tensor_refs import TensorRef
from rtmpose3d.weights.checkpoints.torch_file import TorchFile, open_torch_file


def read_checkpoint(path: Path | str) -> dict[str, NDArray[np.generic]]:
    """Reads the weights of a .pth, .pt, .bin or .safetensors file, distinguished by content.

    Of a training checkpoint, its top-level `state_dict` is read (the averaged weights; the raw
    ones in `ema_state_dict` are skipped), else its `model`, else the mapping itself.

    Args:
        path: the file.

    Returns:
        Name -> array, in the file's order and element types (bfloat16 as float32), without a
        `module.` that all names share; of a DWPose distillation, the student alone.

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
    holder = next((root[key] for key in ("state_dict", "model") if key in root), root)
    if not isinstance(holder, dict):
        raise WeightsError(
            f"{file.path} has no mapping of names to tensors under state_dict or model"
        )
    lost = [
        str(name)[:100]
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
        return {str(k): v for k, v in meta.items() if isinstance(v, (str, int, float))}
