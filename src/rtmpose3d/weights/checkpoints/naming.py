"""Names of a checkpoint's tensors: those of the model itself, and how a message lists them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

TensorShape: TypeAlias = tuple[int, ...]

WRAPPERS = (
    "module.",  # torch.nn.DataParallel
    "_orig_mod.",  # torch.compile
    "model.",  # Lightning
    "net.",
    "network.",
    "distill.",  # above student. and teacher.
)
"""Prefixes that wrappers of a network put before all names."""
_MAX_WRAPPERS = 6  # module._orig_mod.model.
_MAX_LISTED = 10


def model_names(shapes: Mapping[str, TensorShape]) -> dict[str, str]:
    """The model's name of each tensor that belongs to it -> its name in the file.

    Prefixes of `WRAPPERS` that all names have are removed. A DWPose distillation is recognised by
    `student.` names: stage 1 trained the complete student; stage 2 trained only its head, over the
    frozen backbone and neck of a teacher of the same architecture (reference: pth_transfer.py).

    Args:
        shapes: name in the file -> shape, of all tensors of the file.
    """
    prefix = _shared_prefix(shapes)
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


def _shared_prefix(names: Collection[str]) -> str:
    prefix = ""
    for _ in range(_MAX_WRAPPERS):
        wrapper = next((w for w in WRAPPERS if _all_start_with(names, prefix + w)), "")
        prefix += wrapper
    return prefix


def _all_start_with(names: Collection[str], prefix: str) -> bool:
    first = next(iter(names), "")
    return first.startswith(prefix) and all(name.startswith(prefix) for name in names)


def _is_second_stage(shapes: Mapping[str, TensorShape]) -> bool:
    """Stage 2 distils a model into its own head: same backbone twice, no feature loss."""
    if any(name.startswith("distill_losses.loss_fea.") for name in shapes):
        return False
    teacher, student = (
        {
            name.removeprefix(owner): shape
            for name, shape in shapes.items()
            if name.startswith(owner + "backbone.")
        }
        for owner in ("teacher.", "student.")
    )
    return bool(teacher) and (not student or teacher == student)


def list_names(names: Sequence[str]) -> str:
    """The first names, shortened, and the number of the others."""
    more = f", and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(name[:120] for name in names[:_MAX_LISTED]) + more if names else "none"
