"""Checkpoint files of models: located, downloaded, copied."""

from __future__ import annotations

import shutil
from pathlib import Path

from rtmpose3d.errors import DownloadError, WeightsError
from rtmpose3d.sources import is_url
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.weights import cache_dir as cache_folder
from rtmpose3d.weights import fetch, fetch_address, locate
from rtmpose3d.weights.download import source_addresses
from rtmpose3d.zoo import (
    OFFLINE_MODEL,
    BundledFile,
    DetectorSpec,
    ModelSpec,
)

OFFLINE_CHOICE = (
    f"Without a network there is {OFFLINE_MODEL}, a small model in the package, for demonstration"
)
"""Hint where a published file cannot be downloaded; the small model never replaces it unasked."""


def checkpoint_path(
    spec: ModelSpec,
    given: str | None,
    cache_dir: str | None,
    *,
    detector: DetectorSpec | None = None,
) -> Path:
    """The path of a model's checkpoint; a published one is downloaded if it is not on disk.

    Args:
        spec: row of the model table.
        given: a file or an http(s) address; None for the published or bundled file.
        cache_dir: folder of downloads; None for `CACHE_DIR`.
        detector: its file will be needed later; an error names it if it is not on disk either.

    Raises:
        WeightsError: the given file does not exist, or the published one has no known address.
        DownloadError: the published file is not on disk and cannot be downloaded; names the model
            that needs no network.
    """
    folder = None if cache_dir is None else Path(cache_dir)
    if given is None:
        return _published(spec, folder, detector)
    if is_url(given):
        return fetch_address(given, cache_dir=folder)
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
        raise DownloadError(f"{error}{also}\n{OFFLINE_CHOICE}") from None


def _also_missing(detector: DetectorSpec, folder: Path | None) -> str:
    """The hint about the detector's file, when the pose model's cannot be downloaded."""
    file = detector.file
    if isinstance(file, BundledFile) or locate(file, folder) is not None:
        return ""
    lines = [f"The detector's file {file.name} is missing, too:"]
    lines += [f"  - {address}" for address in source_addresses(file)]
    lines.append(f"Put it at\n  {cache_folder(folder) / file.name}")
    return "\n" + "\n".join(lines)


def copy_checkpoint(folder: Path, file: Path) -> str:
    """Copy a checkpoint into a folder, completely or not at all; returns its name.

    Raises:
        OutputError: it cannot be written.
        WeightsError: the checkpoint no longer exists.
    """
    target = folder / file.name
    if not (target.exists() and target.samefile(file)):
        if not file.is_file():
            raise WeightsError(f"the checkpoint {file} no longer exists")
        with file.open("rb") as source, atomic_write(target, "wb") as sink:
            shutil.copyfileobj(source, sink)
    return file.name
