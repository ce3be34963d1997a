"""Which file a model's weights come from (given, saved or published), and where copies go."""

from __future__ import annotations

import shutil
from pathlib import Path

from rtmpose3d.errors import WeightsError
from rtmpose3d.structures.atomic import atomic_write, output_errors
from rtmpose3d.weights import fetch
from rtmpose3d.zoo import ModelSpec, RemoteFile


def checkpoint_path(spec: ModelSpec, given: str | None, cache_dir: str | None) -> Path:
    """The checkpoint of a model, on disk; downloaded if it is a published one that is not there.

    Args:
        spec: row of the model table.
        given: a file or an http(s) address, or None for the published file.
        cache_dir: folder of downloads; None for `CACHE_DIR`.

    Raises:
        WeightsError: the given file is not there; or the published one is not on disk and cannot
            be fetched (`DownloadError`), or has no known address.
    """
    folder = None if cache_dir is None else Path(cache_dir)
    if given is None:
        if not spec.file.name:
            raise WeightsError(
                f"the weights of {spec.name} have no known address; "
                "download them by hand and pass pose_checkpoint=FILE"
            )
        return fetch(spec.file, cache_dir=folder)
    if given.startswith(("http://", "https://")):
        name = given.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
        return fetch(RemoteFile(name=name, url=given), cache_dir=folder)
    path = Path(given).expanduser()
    if not path.is_file():
        what = "is a folder, not a checkpoint file" if path.is_dir() else "does not exist"
        raise WeightsError(f"the checkpoint {path} for {spec.name} {what}")
    return path


def make_folder(folder: str | Path) -> Path:
    """Make a folder, and those above it, if they are not there.

    Raises:
        OutputError: it cannot be made.
    """
    path = Path(folder).expanduser()
    with output_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def copy_into(folder: Path, file: Path) -> str:
    """Copy a checkpoint into a folder, whole or not at all; give its name there.

    Raises:
        OutputError: it cannot be written.
        WeightsError: the checkpoint is gone.
    """
    target = folder / file.name
    if not (target.exists() and target.samefile(file)):
        if not file.is_file():
            raise WeightsError(f"the checkpoint {file} is gone")
        with file.open("rb") as source, atomic_write(target, "wb") as sink:
            shutil.copyfileobj(source, sink)
    return file.name
