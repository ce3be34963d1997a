"""`folder_lock`: a folder that only one process writes to at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rtmpose3d.errors import InputError
from rtmpose3d.structures.atomic import output_errors

logger = logging.getLogger(__name__)

LOCK_FILE = ".in_use.lock"
OWNER_FILE = ".in_use.pid"
LOCK_FILES = frozenset((LOCK_FILE, OWNER_FILE))
_TRIES = 10  # a lock may vanish between opening and locking it, when its owner ends


@contextmanager
def folder_lock(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder while the block runs; the lock of a process that was killed does not count.

    The system releases the lock when a process ends, however it ends. The file of its number only
    serves the message.

    Args:
        folder: the folder; made if it does not exist.
        what: what uses it, for the message, e.g. "training".

    Raises:
        InputError: another process holds it; the message names that process.
        OutputError: the folder cannot be written to.
    """
    from filelock import FileLock, Timeout

    path, owner = folder / LOCK_FILE, folder / OWNER_FILE
    lock = FileLock(path)
    with output_errors(path):
        for _ in range(_TRIES):
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise InputError(
                    f"{folder} is in use by another {what}{_owner_text(owner)}; wait for its end, "
                    "or choose another folder"
                ) from None
            except NotImplementedError:  # a file system without locks
                logger.warning("%s cannot be locked; start only one %s there", folder, what)
                break
            if path.exists():
                break
            lock.release()
        owner.write_text(f"{os.getpid()}\n", "ascii")
    try:
        yield
    finally:
        for file in (owner, path):
            with suppress(OSError):
                file.unlink()
        lock.release()


def _owner_text(owner: Path) -> str:
    try:
        return f", process {int(owner.read_text('ascii'))}"
    except (OSError, ValueError):
        return ""
