"""Which file a model's weights come from (given, saved or published), and where copies go."""

from __future__ import annotations

import shutil
from pathlib import Path

from rtmpose3d.errors import DownloadError, WeightsError
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.weights import cache_dir as cache_folder
from rtmpose3d.weights import fetch, locate
from rtmpose3d.zoo import (
    OFFLINE_MODEL,
    BundledFile,
    DetectorSpec,
    ModelSpec,
    RemoteFile,
)

OFFLINE_CHOICE = (
    f"Without a network there is {OFFLINE_MODEL}, a small model in the package, for demonstration: "
    f"from_pretrained({OFFLINE_MODEL!r}), or --model {OFFLINE_MODEL} on the command line"
)
"""What to say where a published file cannot be had. It is never taken unasked."""


def checkpoint_path(
    spec: ModelSpec,
    given: str | None,
    cache_dir: str | None,
    *,
    detector: DetectorSpec | None = None,
) -> Path:
    """The checkpoint of a model, on disk; downloaded if it is a published one that is not there.

    Args:
        spec: row of the model table.
        given: a file or an http(s) address, or None for the published file, or the package's own.
        cache_dir: folder of downloads; None for `CACHE_DIR`.
        detector: whose file will be fetched later; an error says if that is not there either.

    Raises:
        WeightsError: the given file is not there; or the published one is not on disk and cannot
            be fetched (`DownloadError`, which names the model that needs no network), or has no
            known address.
    """
    folder = None if cache_dir is None else Path(cache_dir)
    if given is None:
        return _published(spec, folder, detector)
    if given.startswith(("http://", "https://")):
        name = given.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
        return fetch(RemoteFile(name=name, urls=(given,)), cache_dir=folder)
    path = Path(given).expanduser()
    if not path.is_file():
        what = "is a folder, not a checkpoint file" if path.is_dir() else "does not exist"
        raise WeightsError(f"the checkpoint {path} for {spec.name} {what}")
    return path


def _published(spec: ModelSpec, folder: Path | None, detector: DetectorSpec | None) -> Path:
    if not spec.file.name:
        raise WeightsError(
            f"the weights of {spec.name} have no known address; "
            "download them by hand and pass pose_checkpoint=FILE"
        )
    try:
        return fetch(spec.file, cache_dir=folder)
    except DownloadError as error:
        also = "" if detector is None else _also_missing(detector, folder)
        raise DownloadError(f"{error}{also}. {OFFLINE_CHOICE}") from error


def _also_missing(detector: DetectorSpec, folder: Path | None) -> str:
    """What to say of the detector's file when the pose network's cannot be had."""
    file = detector.file
    if isinstance(file, BundledFile) or locate(file, folder) is not None:
        return ""
    return (
        f". The detector's file {file.name} is not there either: get it from the same places "
        f"and put it at {cache_folder(folder) / file.name}, or pass boxes and detector=None"
    )


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
