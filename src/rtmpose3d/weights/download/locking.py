"""One download of a file at a time, with a word about who holds it."""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import BaseFileLock, Timeout

from rtmpose3d.structures.atomic import output_errors
from rtmpose3d.weights.download.cache import download_lock, partial_file, read_note, write_note
from rtmpose3d.weights.download.transfer import TransferError, size_or_zero

logger = logging.getLogger(__name__)

STALL_S = 120.0  # the other process gives up a stalled connection itself within this time
_POLL_S = 1.0


@contextmanager
def held_by_this_process(target: Path) -> Iterator[bool]:
    """Holds the lock of a download, and notes by whom; what is in the folder may be new then.

    Waits while another process downloads the file, as long as it receives anything.

    Args:
        target: path in the cache folder, which exists.

    Yields:
        Whether another process held the lock before.

    Raises:
        TransferError: another process holds it, and receives nothing.
        OutputError: the folder cannot be written.
    """
    lock = download_lock(target)
    waited = _acquire(lock, target)
    try:
        holder = f"process {os.getpid()} on {platform.node() or 'this machine'}"
        write_note(target, replace(read_note(target), holder=holder))
        yield waited
    finally:
        note = read_note(target)
        if note.holder:
            write_note(target, replace(note, holder="", downloaded=True))
        lock.release()


def _acquire(lock: BaseFileLock, target: Path) -> bool:
    """Acquire a lock; returns whether another process held it."""
    partial = partial_file(target)
    size, since, waited = size_or_zero(partial), time.monotonic(), False
    while True:
        try:
            with output_errors(target, Path(lock.lock_file)):
                lock.acquire(timeout=_POLL_S if waited else 0)
            return waited
        except Timeout:
            holder = read_note(target).holder or "another process"
        if not waited:
            logger.warning("%s is being downloaded by %s; waiting for it", target.name, holder)
            waited = True
        if size_or_zero(partial) != size:
            size, since = size_or_zero(partial), time.monotonic()
        elif time.monotonic() - since > STALL_S:
            raise TransferError(
                f"{holder} holds {lock.lock_file} and has received nothing for {STALL_S:.0f} s; "
                "end it and try again"
            )
