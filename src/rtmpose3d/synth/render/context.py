"""OpenGL contexts without a window: EGL on Linux (Mesa on CPUs, the driver on GPUs).

Several GPUs need one process each, with its own EGL device number. On other systems the native
OpenGL is used and there is one device.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rtmpose3d.errors import BackendError, import_extra

if TYPE_CHECKING:
    import moderngl

MIN_VERSION = 330
NO_EGL_ADVICE = (
    "Rendering needs OpenGL 3.3 without a display. "
    "Debian, Ubuntu: apt-get install libegl1 libgl1 libgl1-mesa-dri (CPU; no GPU needed). "
    "Fedora: dnf install mesa-libEGL mesa-libGL mesa-dri-drivers. "
    "NVIDIA GPU in a container: libegl1 and libgl1, and run it with "
    "NVIDIA_DRIVER_CAPABILITIES=all; if still no driver is found, set "
    "__EGL_VENDOR_LIBRARY_FILENAMES to the driver's 10_nvidia.json."
)


class _ContextStack(threading.local):
    """Contexts entered in a thread, the current one last."""

    def __init__(self) -> None:
        self.contexts: list[moderngl.Context] = []


_entered = _ContextStack()


@contextmanager
def use_context(context: moderngl.Context) -> Iterator[None]:
    """Makes a context current inside the block and restores the previous one afterwards.

    moderngl's own `with` leaves no context current; a renderer that is closed while another one
    is drawing would then silently make the other draw nothing.
    """
    _entered.contexts.append(context)
    context.__enter__()
    try:
        yield
    finally:
        _entered.contexts.pop()
        _leave(context)


def _leave(context: moderngl.Context) -> None:
    """Makes the previous context current."""
    context.__exit__(None, None, None)
    if _entered.contexts:
        _entered.contexts[-1].__enter__()


def open_context(device: int | None = None) -> moderngl.Context:
    """Opens a context; use it inside `use_context`.

    Args:
        device: number of the EGL device in the order of `eglQueryDevicesEXT` (GPUs first); None
            for the first. Must be None or 0 on systems other than Linux.

    Raises:
        MissingDependencyError: moderngl is not installed.
        BackendError: there is no OpenGL or no such device; the message says what to install.
    """
    moderngl = import_extra("moderngl", "synth", "rendering people")
    if not sys.platform.startswith("linux") and device not in (None, 0):
        raise BackendError(
            f"device {device} was requested, but devices can be chosen on Linux only (EGL); omit it"
        )
    try:
        context = _create(moderngl, device)
    except Exception as error:  # moderngl raises bare Exception and its subclasses
        raise BackendError(_explain_failure(error, device)) from error
    if context.version_code < MIN_VERSION:
        found = context.version_code / 100
        context.release()
        raise BackendError(f"OpenGL {found} was found, but 3.3 is needed. {NO_EGL_ADVICE}")
    _leave(context)  # moderngl makes a new one current
    return context


def _create(moderngl: object, device: int | None) -> moderngl.Context:
    create = moderngl.create_context  # pyright: ignore[reportAttributeAccessIssue]
    if not sys.platform.startswith("linux"):
        return create(standalone=True, require=MIN_VERSION)
    settings = {"standalone": True, "backend": "egl", "device_index": device or 0}
    try:
        return create(**settings)
    except Exception as first:
        # find_library needs ldconfig or a compiler, which slim containers lack: try plain names
        try:
            return create(**settings, libgl="libGL.so.1", libegl="libEGL.so.1")
        except Exception:
            raise first from None


def _explain_failure(error: Exception, device: int | None) -> str:
    failure = f"no OpenGL context on device {device or 0}: {error}. "
    if device and "device" in str(error):
        return f"{failure}Choose a lower device number, or none."
    return failure + NO_EGL_ADVICE
