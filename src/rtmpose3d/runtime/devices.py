"""Devices: what the user asks for, checked against what a backend has. Never a silent fallback."""

from __future__ import annotations

import logging
import re
import shutil
from dataclasses import dataclass
from typing import Literal, get_args

from rtmpose3d.errors import BackendError, MissingDependencyError, UnknownNameError

logger = logging.getLogger(__name__)

Backend = Literal["auto", "onnxruntime", "torch"]
BACKENDS: tuple[str, ...] = get_args(Backend)
DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps")
_CUDA = re.compile(r"cuda(?::(\d+))?")


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device that the chosen backend has.

    Attributes:
        kind: "cpu", "cuda" or "mps".
        index: which of several, for CUDA.
    """

    kind: Literal["cpu", "cuda", "mps"]
    index: int = 0

    def __str__(self) -> str:
        return f"cuda:{self.index}" if self.kind == "cuda" else self.kind


def parse_device(name: str) -> Device | None:
    """A device by its name; None for "auto".

    Raises:
        UnknownNameError: no such kind of device.
    """
    text = str(name).strip().lower()
    if text == "auto":
        return None
    if text == "cpu":
        return Device(kind="cpu")
    if text == "mps":
        return Device(kind="mps")
    match = _CUDA.fullmatch(text)
    if match is None:
        raise UnknownNameError("device", name, DEVICES)
    return Device(kind="cuda", index=int(match[1] or 0))


def choose(backend: str, device: str) -> tuple[Literal["onnxruntime", "torch"], Device]:
    """Settle on a backend and a device.

    ONNX Runtime is the default. With backend "auto", torch serves a device that ONNX Runtime does
    not have here (`mps`, or `cuda` without onnxruntime-gpu) where torch has it. Device "auto" is
    CUDA where the backend has it, otherwise the CPU.

    Args:
        backend: "auto", "onnxruntime" or "torch".
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        UnknownNameError: no backend or kind of device of that name.
        BackendError: the device is not there; the message says what to install.
        MissingDependencyError: torch was asked for and is not installed.
    """
    if backend not in BACKENDS:
        raise UnknownNameError("backend", backend, BACKENDS)
    wanted = parse_device(device)
    if backend == "torch":
        return "torch", torch_device(wanted)
    if backend == "onnxruntime":
        return "onnxruntime", onnxruntime_device(wanted)
    if wanted is None:
        return "onnxruntime", onnxruntime_device(None)
    try:
        return "onnxruntime", onnxruntime_device(wanted)
    except BackendError as missing:
        try:
            return "torch", torch_device(wanted)
        except (BackendError, MissingDependencyError):
            raise missing from None


def onnxruntime_device(wanted: Device | None) -> Device:
    """The device for ONNX Runtime, CUDA first if none is named.

    Raises:
        BackendError: ONNX Runtime has no such device here.
    """
    import onnxruntime

    has_cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if wanted is None:
        if not has_cuda and shutil.which("nvidia-smi"):
            logger.warning(
                "there is an NVIDIA driver, but this onnxruntime has no CUDA: running on the CPU. "
                "For the GPU: pip uninstall onnxruntime && pip install onnxruntime-gpu, "
                "or device='cuda' with backend='torch'"
            )
        return Device(kind="cuda" if has_cuda else "cpu")
    if wanted.kind == "cpu" or (wanted.kind == "cuda" and has_cuda):
        return wanted
    if wanted.kind == "cuda":
        raise BackendError(
            f"device '{wanted}' is not available: this onnxruntime {onnxruntime.__version__} has "
            "no CUDA. Run: pip uninstall onnxruntime && pip install onnxruntime-gpu (both wheels "
            "at once break each other), or use backend='torch' with a CUDA build of torch, or "
            "device='cpu'"
        )
    raise BackendError(
        f"device '{wanted}' is not available with onnxruntime; "
        "use backend='torch' (pip install \"rtmpose3d[torch]\"), or device='cpu'"
    )


def torch_device(wanted: Device | None) -> Device:
    """The device for torch, CUDA, then MPS first if none is named.

    Raises:
        BackendError: torch has no such device here.
        MissingDependencyError: torch is not installed.
    """
    from rtmpose3d.errors import import_extra

    import_extra("torch", "torch", "the torch backend")
    import torch

    cuda_count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    has_mps = torch.backends.mps.is_available()
    if wanted is None:
        return Device(kind="cuda" if cuda_count else "mps" if has_mps else "cpu")
    if wanted.kind == "cuda" and wanted.index >= cuda_count:
        have = f"it sees {cuda_count} CUDA device(s)" if cuda_count else "it sees no CUDA device"
        raise BackendError(
            f"device '{wanted}' is not available: torch {torch.__version__}, {have}. Check the "
            "driver with nvidia-smi and install a CUDA build of torch, or use device='cpu'"
        )
    if wanted.kind == "mps" and not has_mps:
        raise BackendError(
            f"device 'mps' is not available: torch {torch.__version__} on this machine has no "
            "Metal support; use device='cpu'"
        )
    return wanted
