"""`open_run`: the folder of a training, held by one training at a time."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rtmpose3d.errors import InputError, RTMPose3DError
from rtmpose3d.structures.atomic import make_directory, remove_temporary_files
from rtmpose3d.structures.folder_lock import folder_lock
from rtmpose3d.training.loop.checkpoint_folder import LATEST
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.run_log import CHECKPOINTS, RECIPE, SHEETS
from rtmpose3d.training.recipes.base import Recipe
from rtmpose3d.training.recipes.document import recipe_json
from rtmpose3d.untrusted import brief, read_json

logger = logging.getLogger(__name__)


@contextmanager
def open_run(recipe: Recipe, out: Path, engine: Engine, *, resume: bool) -> Iterator[None]:
    """Hold the folder of a training, made if missing, after checking that it can start there.

    Temporary files of processes that were killed are removed. What a resumed training changes in
    its recipe is logged as a warning, since it then is not the same training bit for bit.

    Raises:
        InputError: `out` has a training that is not to be resumed, or one that is running; the
            batch cannot be divided among the processes.
        OutputError: the folder cannot be made.
    """
    if recipe.batch_size % engine.world_size:
        raise InputError(
            f"a batch of {recipe.batch_size} images cannot be divided among {engine.world_size} "
            "processes; choose a multiple of their number"
        )
    checkpoints = make_directory(out / CHECKPOINTS)
    with folder_lock(out, "training") if engine.is_main else nullcontext():
        if engine.is_main:
            for folder in (out, checkpoints, out / SHEETS):
                if folder.is_dir():
                    remove_temporary_files(folder)
        exists = any(path.name.startswith("step_") for path in checkpoints.iterdir())
        if not resume and (exists or (checkpoints / LATEST).exists()):
            raise InputError(f"there is a training in {out}; resume it, or choose another folder")
        if resume and exists and engine.is_main:
            _log_changes(recipe, out / RECIPE)
        yield


def _log_changes(recipe: Recipe, path: Path) -> None:
    """Log which settings differ from those of the training so far."""
    try:
        before = read_json(path, "recipe")
    except RTMPose3DError as error:
        logger.warning("%s; it is not known whether the recipe has changed", error)
        return
    now = json.loads(recipe_json(recipe))
    if not isinstance(before, dict):
        before = {}
    changed = [
        f"{name} {brief(before[name])} -> {brief(value)}"
        for name, value in now.items()
        if name in before and before[name] != value
    ]
    if changed:
        logger.warning(
            "resuming with other settings than before, so not bit for bit: %s", "; ".join(changed)
        )
