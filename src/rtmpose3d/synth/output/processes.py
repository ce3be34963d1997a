"""What rendering in worker processes needs: one thread each, and errors that travel as text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from rtmpose3d.errors import (
    BackendError,
    InputError,
    MissingDependencyError,
    OutputError,
    RTMPose3DError,
)

_ERRORS = (BackendError, InputError, MissingDependencyError, OutputError)
# Mesa's CPU renderer (0: draw in the calling thread) and the libraries under numpy
_THREADS = {
    "LP_NUM_THREADS": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Processes that are started in the block keep to one core, unless the user set otherwise."""
    added = [name for name in _THREADS if name not in os.environ]
    os.environ.update({name: _THREADS[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def as_text(error: RTMPose3DError) -> str:
    """What `as_error` understands; unlike the error itself, any process can read it."""
    return f"{type(error).__name__}: {error}"


def as_error(text: str) -> RTMPose3DError:
    """An error that a worker process told as `Kind: text`, of the same kind."""
    name, _, message = text.partition(": ")
    kinds = {kind.__name__: kind for kind in _ERRORS}
    return kinds.get(name, RTMPose3DError)(message)
