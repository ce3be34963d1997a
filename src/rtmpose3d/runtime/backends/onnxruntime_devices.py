"""Devices of ONNX Runtime: CUDA counts as available once it has run a network.

A wheel lists the providers that it was built with, whether or not their libraries, a driver and a
GPU are there.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from rtmpose3d.errors import BackendError
from rtmpose3d.runtime.backends.onnxruntime_package import FATAL_ONLY, import_onnxruntime
from rtmpose3d.runtime.devices import Device

logger = logging.getLogger(__name__)

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
COREML = "CoreMLExecutionProvider"

# An ONNX file: y = x + x, both (1,) float32; IR version 8, opset 13.
_TRIAL_NETWORK = (
    b'\x08\x08:9\n\x0e\n\x01x\n\x01x\x12\x01y"\x03Add\x12\x05trialZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12'
    b"\x04\n\x02\x08\x01b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\r"
)


def resolve_device(wanted: Device | None) -> Device:
    """The device for ONNX Runtime; None selects CUDA where it runs, otherwise the CPU.

    Raises:
        BackendError: ONNX Runtime has no such device here.
        MissingDependencyError: onnxruntime cannot be imported.
    """
    onnxruntime = import_onnxruntime()
    if wanted is None:
        fault = unused_gpu()
        if fault is not None:
            _warn_once(fault)
        return Device(kind="cuda" if has_cuda() and cuda_fault(0) is None else "cpu")
    if wanted.kind == "cpu":
        return wanted
    if wanted.kind == "coreml":
        _check_coreml()
        return wanted
    if wanted.kind == "mps":
        raise BackendError(
            "device 'mps' is not available with onnxruntime; "
            "use backend='torch' (pip install \"rtmpose3d[torch]\"), or device='cpu'"
        )
    if not has_cuda():
        raise BackendError(
            f"device '{wanted}' is not available: this onnxruntime {onnxruntime.__version__} has "
            "no CUDA. Run: pip uninstall onnxruntime && pip install onnxruntime-gpu (both wheels "
            "at once break each other), or use backend='torch' with a CUDA build of torch, or "
            "device='cpu'"
        )
    fault = cuda_fault(wanted.index)
    if fault is not None:
        raise BackendError(
            f"device '{wanted}' is not available: onnxruntime {onnxruntime.__version__} has CUDA, "
            f"but {fault}. Install the driver and the CUDA and cuDNN libraries that this version "
            "needs, or use device='cpu'"
        )
    return wanted


def has_cuda() -> bool:
    """Whether this build of ONNX Runtime has CUDA; it may still not run."""
    return CUDA in import_onnxruntime().get_available_providers()


def unused_gpu() -> str | None:
    """Why "auto" does not use CUDA, if there is a GPU or a build of ONNX Runtime for one."""
    if has_cuda():
        fault = cuda_fault(0)
        return None if fault is None else f"onnxruntime's CUDA does not run: {fault}"
    if shutil.which("nvidia-smi"):
        return (
            "there is an NVIDIA driver, but this onnxruntime has no CUDA. For the GPU: pip "
            "uninstall onnxruntime && pip install onnxruntime-gpu, or device='cuda' with "
            "backend='torch'"
        )
    return None


@cache
def cuda_fault(index: int) -> str | None:
    """Why a CUDA device cannot run a network of one addition; None if it does.

    The answer holds for the process: the network runs once.
    """
    preload_libraries()
    return _trial_fault(CUDA, {"device_id": index})


@cache
def coreml_fault() -> str | None:
    """Why CoreML cannot run a network of one addition; None if it does."""
    return _trial_fault(COREML, {"ModelFormat": "MLProgram"})


def _check_coreml() -> None:
    """Check that ONNX Runtime has CoreML, and that it runs a network of one addition.

    Raises:
        BackendError: it does not; the message says what to do.
    """
    onnxruntime = import_onnxruntime()
    fault = "this build has no CoreML, which the wheels for macOS have"
    if COREML in onnxruntime.get_available_providers():
        fault = coreml_fault()
    if fault is not None:
        raise BackendError(
            f"device 'coreml' is not available with onnxruntime {onnxruntime.__version__}: "
            f"{fault}; use device='cpu'"
        )


def _trial_fault(provider: str, settings: Mapping[str, object]) -> str | None:
    """Why a provider cannot run a network of one addition; None if it does.

    Args:
        provider: ONNX Runtime's name of it.
        settings: its options.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    try:
        session = onnxruntime.InferenceSession(
            _TRIAL_NETWORK, options, providers=[(provider, dict(settings))], enable_fallback=0
        )
        if provider not in session.get_providers():
            if provider == CUDA:
                return _library_fault(Path(str(onnxruntime.__file__)).parent / "capi")
            return "it does not load"
        (result,) = session.run(None, {"x": np.ones(1, np.float32)})
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        return _first_line(error)
    return None if float(result[0]) == 2.0 else f"1 + 1 gave {result[0]}"


def _library_fault(folder: Path) -> str:
    """Why ONNX Runtime's library for CUDA cannot be loaded, which it only logs."""
    with contextlib.suppress(StopIteration):
        library = next(folder.glob("*onnxruntime_providers_cuda.*"))
        try:
            ctypes.CDLL(str(library))
        except OSError as error:
            return _first_line(error)
    return "its libraries cannot be loaded (CUDA, cuDNN or the driver are missing)"


def preload_libraries() -> None:
    """Load the CUDA libraries that torch or the nvidia packages brought, where there are any."""
    onnxruntime = import_onnxruntime()
    if hasattr(onnxruntime, "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
            onnxruntime.preload_dlls()


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


@cache
def _warn_once(fault: str) -> None:
    logger.warning("%s; running on the CPU", fault)
