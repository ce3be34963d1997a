"""Receives a published file into the cache folder: once for all processes, checked, complete."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from rtmpose3d.structures.atomic import output_errors
from rtmpose3d.weights.download.cache import Note, file_state, partial_file, write_note
from rtmpose3d.weights.download.checking import find_fault, known_fault
from rtmpose3d.weights.download.hub import hub_token
from rtmpose3d.weights.download.locking import held_by_this_process
from rtmpose3d.weights.download.transfer import TransferError, Version, download
from rtmpose3d.zoo import RemoteFile

logger = logging.getLogger(__name__)

__all__ = ["TransferError", "Version", "from_address"]


def from_address(
    file: RemoteFile, target: Path, url: str, *, unless: Version | None = None
) -> Path:
    """Downloads a file to the cache folder, once even if several processes ask for it.

    Args:
        file: what is expected.
        target: path in the cache folder.
        url: address.
        unless: the version that `target` is; it is downloaded if the address has another one.

    Raises:
        TransferError: it cannot be obtained; the message says why.
        OutputError: the disk is full or the folder cannot be written.
    """
    with output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with held_by_this_process(target) as waited:
        there = target.is_file() and known_fault(target, file, target) is None
        if not there or (unless is not None and not waited):
            _download_and_move(file, target, url, unless if there else None)
    return target


def _download_and_move(file: RemoteFile, target: Path, url: str, unless: Version | None) -> None:
    partial = partial_file(target)
    resumable = file.known_sha256 is not None
    resumed = resumable and partial.is_file()
    token = hub_token(url)
    version = download(
        url, partial, resume=resumable, size_bytes=file.size_bytes, unless=unless, token=token
    )
    if version is None:
        return
    fault = find_fault(partial, file)
    if fault is not None and resumed:
        logger.warning("%s, resumed, is damaged (%s); starting again", file.name, fault)
        partial.unlink()
        version = download(url, partial, resume=True, size_bytes=file.size_bytes, token=token)
        fault = find_fault(partial, file)
    if fault is not None:
        partial.unlink()
        raise TransferError(f"the received file is not the published one ({fault}); it was deleted")
    with output_errors(target, partial):
        if target.is_file() and unless is None:
            kept = target.with_name(f"{target.name}.replaced")
            target.replace(kept)
            logger.warning("%s was not the published file; it is now %s", target, kept)
        with partial.open("rb+") as handle:
            os.fsync(handle.fileno())
        partial.replace(target)
    assert version is not None
    write_note(
        target,
        Note(
            state=file_state(target),
            sha256_prefix=file.known_sha256 or "",
            downloaded=True,
            etag=version.etag,
            last_modified=version.last_modified,
        ),
    )
