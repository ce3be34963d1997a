"""The import of the package onnxruntime; all of this package goes through it.

From version 1.29 on, importing ONNX Runtime starts its telemetry, which writes a device id into the
home and contacts Microsoft, unless `ORT_DISABLE_TELEMETRY=1` is set before.
"""

from __future__ import annotations

import os
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from rtmpose3d.errors import MissingDependencyError

TELEMETRY_VARIABLE = "ORT_DISABLE_TELEMETRY"
FATAL_ONLY = 4  # ONNX Runtime's log severity; it raises its errors besides writing them to stderr


def disable_telemetry() -> None:
    """Disable ONNX Runtime's telemetry in this process and its children, unless the user chose."""
    os.environ.setdefault(TELEMETRY_VARIABLE, "1")


def has_cuda_library() -> bool:
    """Whether ONNX Runtime is installed from a wheel for CUDA; it is not imported."""
    with suppress(ImportError, ValueError):
        spec = find_spec("onnxruntime")
        if spec is not None and spec.origin is not None:
            folder = Path(spec.origin).parent / "capi"
            return any(folder.glob("*onnxruntime_providers_cuda.*"))
    return False


def import_onnxruntime() -> ModuleType:
    """The package onnxruntime, without telemetry and without lines on stderr.

    Raises:
        MissingDependencyError: it is not installed, or cannot be loaded.
    """
    disable_telemetry()
    try:
        import onnxruntime
    except Exception as error:  # a damaged installation raises ImportError, OSError and others
        raise MissingDependencyError(
            f"onnxruntime cannot be imported ({error}); run: pip install onnxruntime (for "
            "NVIDIA GPUs: pip install onnxruntime-gpu); rtmpose3d doctor checks the installation"
        ) from error
    try:
        onnxruntime.set_default_logger_severity(FATAL_ONLY)
    except AttributeError as error:  # two wheels in one environment overwrite each other's files
        raise MissingDependencyError(
            f"onnxruntime is damaged ({error}); rtmpose3d doctor says how to repair it"
        ) from error
    return onnxruntime
