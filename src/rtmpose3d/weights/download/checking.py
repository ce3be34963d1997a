"""Checks of files on this machine: size, hash, completeness."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

from rtmpose3d.weights.download.cache import Note, file_state, read_note, write_note
from rtmpose3d.zoo import RemoteFile

_HASH_CHUNK_BYTES = 2**22


def known_fault(copy: Path, file: RemoteFile, target: Path) -> str | None:
    """The fault of a copy, or None; a hash found right is noted and not computed again.

    Args:
        copy: the file to check.
        file: what it should be.
        target: the file of the cache folder that the note belongs to.
    """
    note = read_note(target)
    try:
        checked = checked_note(copy, file, note)
        if file.known_sha256 is not None and note == checked:
            return None
        fault = find_fault(copy, file)
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    if fault is None and file.known_sha256 is not None and target.parent.is_dir():
        if note.state != checked.state:  # somebody else put it there
            checked = replace(checked, downloaded=False)
        write_note(target, checked)
    return fault


def checked_note(copy: Path, file: RemoteFile, note: Note) -> Note:
    """The note on a copy that has no fault."""
    return replace(note, state=file_state(copy), sha256_prefix=file.known_sha256 or "", holder="")


def find_fault(path: Path, file: RemoteFile) -> str | None:
    """The fault of a file, or None.

    Raises:
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    if size == 0:
        return "it is empty"
    if file.size_bytes is not None and size != file.size_bytes:
        return f"it has {size} bytes, {file.size_bytes} are expected"
    expected = file.known_sha256
    if expected is None:
        return _cut_archive(path)
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while piece := handle.read(_HASH_CHUNK_BYTES):
            digest.update(piece)
    found = digest.hexdigest()[: len(expected)]
    if found != expected:
        return f"its sha256 starts with {found[:16]}, {expected[:16]} is expected"
    return None


def _cut_archive(path: Path) -> str | None:
    """The fault of a checkpoint without a known hash: a zip archive that has no end."""
    with path.open("rb") as handle:
        is_archive = handle.read(4) == b"PK\x03\x04"
    return "it is cut short" if is_archive and not zipfile.is_zipfile(path) else None
