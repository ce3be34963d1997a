"""Worker processes for rendering: one thread per process, errors passed as text."""

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
# Mesa's CPU renderer (0: draw in the calling thread) and the libraries below numpy
_THREADS = {
    "LP_NUM_THREADS": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


@contextmanager
def single_threaded_children() -> Iterator[None]:
    """Restricts processes started inside the block to one core, unless the user set otherwise."""
    added = [name for name in _THREADS if name not in os.environ]
    os.environ.update({name: _THREADS[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def error_to_text(error: RTMPose3DError) -> str:
    """An error as `Type: message`, which any process can read, unlike the error itself."""
    return f"{type(error).__name__}: {error}"


def error_from_text(text: str) -> RTMPose3DError:
    """The error that `error_to_text` turned into text, with the same type."""
    name, _, message = text.partition(": ")
    types = {error.__name__: error for error in _ERRORS}
    return types.get(name, RTMPose3DError)(message)
