"""Compiled models of OpenVINO on this disk, so that a network opens in a tenth of the time.

They are in the folder `compiled` of the folder of downloaded weights. A file is named after all
that it depends on (graph, weights, versions, processor, precision), written whole or not at all,
and only ever replaced by the same content: several processes may use the folder. Beyond
`MAX_BYTES` those that were not used for longest are deleted; `clear_cache` deletes all.
"""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from rtmpose3d.errors import OutputError
from rtmpose3d.structures.atomic import atomic_write, make_directory
from rtmpose3d.weights.download.cache import COMPILED_SUFFIX, compiled_dir

logger = logging.getLogger(__name__)

MAX_BYTES = 3 * 2**30


def cache_key(parts: Iterable[bytes | np.ndarray | str]) -> str:
    """Name of a compiled model by all that it depends on."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        size = content.nbytes if isinstance(content, np.ndarray) else len(content)
        digest.update(size.to_bytes(8, "little"))
        digest.update(content)  # pyright: ignore[reportArgumentType] - arrays are buffers
    return digest.hexdigest()[:32]


def read_compiled(key: str) -> mmap.mmap | None:
    """The content of a compiled model; None if there is none."""
    path = compiled_dir() / f"{key}{COMPILED_SUFFIX}"
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        os.utime(path)  # used now, so deleted last
    except (OSError, ValueError):  # an empty file cannot be mapped
        return None
    return content


def write_compiled(key: str, content: bytes | memoryview) -> None:
    """Keep a compiled model; a folder that cannot be written is no error."""
    path = compiled_dir() / f"{key}{COMPILED_SUFFIX}"
    try:
        make_directory(path.parent)
        with atomic_write(path) as file:
            file.write(content)
    except OutputError as error:
        logger.debug("the compiled model is not kept: %s", error)
        return
    _delete_oldest(path.parent)


def delete_compiled(key: str) -> None:
    """Delete a compiled model that cannot be read."""
    with suppress(OSError):
        (compiled_dir() / f"{key}{COMPILED_SUFFIX}").unlink()


def _delete_oldest(folder: Path) -> None:
    files = []
    for path in folder.glob(f"*{COMPILED_SUFFIX}"):
        with suppress(OSError):  # another process has deleted it
            status = path.stat()
            files.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files)[:-1]:
        if total <= MAX_BYTES:
            return
        with suppress(OSError):  # Windows keeps a file that is in use
            path.unlink()
            total -= size
