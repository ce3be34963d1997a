"""Checkpoints as named arrays: read them, fit them to a model, write them.

`read_checkpoint` gives the published weights of a file whatever wraps them (state_dict, model,
`module.`, DWPose's teacher and student); `match_weights` holds them against the names and shapes
that a model expects and says exactly what does not fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from rtmpose3d.errors import WeightsError
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.weights.checkpoints.file_types import is_safetensors, read_head
from rtmpose3d.weights.checkpoints.inert_pickle import Name, Opaque
from rtmpose3d.weights.checkpoints.tensor_refs import TensorRef
from rtmpose3d.weights.checkpoints.torch_file import TorchFile, open_torch_file

Arrays = dict[str, NDArray[np.generic]]
Shape = tuple[int, ...]

# What a training checkpoint may hold beyond the model's own weights: pattern, reason.
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
_SHOWN = 10


def read_checkpoint(path: Path | str) -> Arrays:
    """Read the weights of a .pth, .pt, .bin or .safetensors file, told apart by content.

    From a training checkpoint comes its top-level `state_dict` (the averaged weights; the raw
    ones in `ema_state_dict` are left), else its `model`, else the mapping itself.

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
        return _read_safetensors(path)
    with open_torch_file(path) as file:
        references = _weights_of(file)
        shapes = {name: reference.shape for name, reference in references.items()}
        return {
            name: file.read(references[stored], stored)
            for name, stored in model_names(shapes).items()
        }


def _weights_of(file: TorchFile) -> dict[str, TensorRef]:
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
            f"{file.path} holds tensors of a kind that is not read (quantized, sparse, complex, "
            f"or damaged): {_listed(lost)}; save them as ordinary dense tensors"
        )
    tensors = {
        name: value
        for name, value in holder.items()
        if isinstance(name, str) and isinstance(value, TensorRef)
    }
    if not tensors:
        names = [str(key)[:40] for key in root if isinstance(key, str)]
        raise WeightsError(f"{file.path} holds no tensors; its entries are {_listed(names)}")
    return tensors


def model_names(shapes: Mapping[str, Shape]) -> dict[str, str]:
    """The model's name for each tensor that belongs to it -> its name in the file.

    `module.` (DataParallel) goes if all names have it. A DWPose distillation is recognised by
    `student.` names: stage 1 trained the whole student; stage 2 trained only its head, over the
    frozen backbone and neck of a teacher of the same architecture (reference: pth_transfer.py).

    Args:
        shapes: name in the file -> shape, of all tensors of the file.
    """
    prefix = "module." if all(name.startswith("module.") for name in shapes) else ""
    stored = {name.removeprefix(prefix): name for name in shapes}
    if not any(name.startswith("student.") for name in stored):
        return stored
    wanted = ("student.",)
    if _is_second_stage({name: shapes[stored[name]] for name in stored}):
        wanted = ("teacher.backbone.", "teacher.neck.", "student.head.")
    return {
        name.split(".", 1)[1]: in_file
        for name, in_file in stored.items()
        if name.startswith(wanted)
    }


def _is_second_stage(shapes: Mapping[str, Shape]) -> bool:
    """Stage 2 distils a model into its own head: same backbone twice, no feature loss."""
    if any(name.startswith("distill_losses.loss_fea.") for name in shapes):
        return False
    teacher, student = (
        {
            name.removeprefix(who): shape
            for name, shape in shapes.items()
            if name.startswith(who + "backbone.")
        }
        for who in ("teacher.", "student.")
    )
    return bool(teacher) and (not student or teacher == student)


def _read_safetensors(path: Path) -> Arrays:
    """All tensors of a safetensors file; the library checks lengths and offsets.

    A tensor that the model has under several names may be stored once: the header then says, as
    safetensors.torch.save_model has it, {other name: stored name}.
    """
    try:
        with safe_open(path, framework="np") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            header = file.metadata() or {}
            shared = {n: of for n, of in header.items() if of in shapes and n not in shapes}
            shapes |= {name: shapes[stored] for name, stored in shared.items()}
            read = _bfloat16_reader(path)
            arrays: Arrays = {}
            for name, named in model_names(shapes).items():
                stored = shared.get(named, named)
                bfloat16 = file.get_slice(stored).get_dtype() == "BF16"
                arrays[name] = read(stored) if bfloat16 else file.get_tensor(stored)
            return arrays
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path} is a damaged or unreadable safetensors file: {error}; "
            "download or copy it again"
        ) from error


def _bfloat16_reader(path: Path) -> Callable[[str], NDArray[np.generic]]:
    """Read a bfloat16 tensor as float32; numpy, and so safetensors.numpy, lacks the type."""
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(header_bytes))

    def read(name: str) -> NDArray[np.generic]:
        begin, end = header[name]["data_offsets"]
        with path.open("rb") as file:
            file.seek(8 + header_bytes + begin)
            halves = np.frombuffer(file.read(end - begin), dtype="<u2")
        return (halves.astype(np.uint32) << 16).view(np.float32).reshape(header[name]["shape"])

    return read


def read_meta(path: Path) -> dict[str, str | int | float]:
    """Numbers and texts of a .pth file's `meta`; empty where there is none, as in .safetensors.

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


def match_weights(
    tensors: Mapping[str, NDArray[np.generic]],
    expected: Mapping[str, Shape],
    *,
    model: str,
    path: Path | str,
) -> Arrays:
    """Fit a checkpoint to a model: every expected tensor, no other, each of its shape.

    What only training needs (`TRAINING_ONLY`) is left out; a missing `num_batches_tracked` is
    zero.

    Args:
        tensors: from `read_checkpoint`.
        expected: the model's names and shapes.
        model: the model's name, for the error.
        path: the file's name, for the error.

    Returns:
        In the order of `expected`: C-ordered float32 arrays, int64 for `num_batches_tracked`;
        those that need no conversion are the arrays of `tensors` themselves.

    Raises:
        WeightsError: tensors are missing, left over, of another shape or type, or not finite.
    """
    missing = [n for n in expected if n not in tensors and not n.endswith(_COUNTER)]
    left_over = [n for n in tensors if n not in expected and not _TRAINING_ONLY.search(n)]
    other_shape = [
        f"{name} {_shown_shape(tensors[name].shape)} instead of {_shown_shape(shape)}"
        for name, shape in expected.items()
        if name in tensors and tensors[name].shape != tuple(shape)
    ]
    faults = [
        f"{_counted(names, is_are)} {what}: {_listed(names)}"
        for names, is_are, what in (
            (missing, ("is", "are"), "missing"),
            (left_over, ("is", "are"), "not part of the model"),
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


def _shown_shape(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _listed(names: list[str]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(name[:120] for name in names[:_SHOWN]) + more if names else "none"


def write_safetensors(
    path: Path | str,
    tensors: Mapping[str, NDArray[np.generic]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a .safetensors file whole or not at all.

    Args:
        path: the file to write.
        tensors: name -> array, any memory order.
        metadata: texts for the file's header.

    Raises:
        OutputError: it could not be written.
    """
    # np.ascontiguousarray would make 0-d arrays 1-d.
    ordered = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    with atomic_write(path) as file:
        file.write(save(ordered, metadata=dict(metadata or {})))
