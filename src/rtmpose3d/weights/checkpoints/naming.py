"""Names of a checkpoint's tensors: those of the model itself, and how a message lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

TensorShape: TypeAlias = tuple[int, ...]

_MAX_LISTED = 10


def model_names(shapes: Mapping[str, TensorShape]) -> dict[str, str]:
    """The model's name of each tensor that belongs to it -> its name in the file.

    `module.` (DataParallel) is removed if all names have it. A DWPose distillation is recognised by
    `student.` names: stage 1 trained the complete student; stage 2 trained only its head, over the
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
