"""The import of the package openvino; all of this package goes through it. Its devices."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from rtmpose3d.errors import BackendError, MissingDependencyError
from rtmpose3d.runtime.devices import Device, cpu_flags

if TYPE_CHECKING:
    import openvino

logger = logging.getLogger(__name__)

TELEMETRY_PACKAGE = "openvino_telemetry"


def import_openvino() -> ModuleType:
    """The package openvino, without telemetry.

    Importing openvino starts the package openvino_telemetry, which writes a client id into the home
    and contacts Google Analytics. Where that package is missing, OpenVINO uses a stub of its own;
    so it is made to look missing during the import.

    Raises:
        MissingDependencyError: it is not installed, or cannot be loaded.
    """
    try:
        if "openvino" not in sys.modules:
            with _missing(TELEMETRY_PACKAGE):
                import openvino
        import openvino
    except Exception as error:  # a damaged installation raises ImportError, OSError and others
        raise MissingDependencyError(
            f"openvino cannot be imported ({error}); run: pip install openvino; "
            "rtmpose3d doctor checks the installation"
        ) from error
    return openvino


@contextmanager
def _missing(package: str) -> Iterator[None]:
    """A block in which importing a package fails, unless it was imported before."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # pyright: ignore[reportArgumentType] - as the language defines it
    try:
        yield
    finally:
        del sys.modules[package]


@cache
def openvino_core() -> openvino.Core:
    """OpenVINO's entry point, one in the process.

    Raises:
        MissingDependencyError: openvino is not installed, or cannot be loaded.
    """
    package = import_openvino()
    _started["process"] = os.getpid()
    try:
        core: openvino.Core = package.Core()
    except RuntimeError as error:
        raise MissingDependencyError(
            f"openvino is damaged ({error}); run: pip install --force-reinstall openvino"
        ) from error
    return core


_started: dict[str, int] = {}
"""Under "process", the process in which OpenVINO was started; forks inherit it."""


def check_not_forked(name: str) -> None:
    """Refuse to open a network in the fork of a process that has used OpenVINO.

    A forked process has none of its parent's threads, but OpenVINO gives a new network the thread
    of one that was closed, and would wait for it for ever. Networks that were opened before the
    fork run on the calling thread, and work.

    Raises:
        BackendError: it could wait for ever; the message says what to do.
    """
    if _started.get("process", os.getpid()) != os.getpid():
        raise BackendError(
            f"openvino cannot open {name} in this process, a fork of one that has used it: it "
            "could wait for ever for threads that a fork does not have. Run the model before the "
            "fork, create processes with multiprocessing.get_context('spawn'), or use "
            "backend='onnxruntime'"
        )


def device_name(device: Device) -> str:
    """OpenVINO's name of a device."""
    return f"GPU.{device.index}" if device.kind == "gpu" and device.index else device.kind.upper()


def resolve_device(wanted: Device | None) -> Device:
    """The device for OpenVINO; None selects the CPU.

    Raises:
        BackendError: OpenVINO has no such device here.
        MissingDependencyError: openvino cannot be imported.
    """
    if wanted is None and shutil.which("nvidia-smi"):
        _warn_unused_gpu()
    device = wanted or Device(kind="cpu")
    available = openvino_core().available_devices
    name = device_name(device)
    if name not in available and f"{name}.0" not in available:
        raise BackendError(
            f"device '{device}' is not available with openvino, which sees "
            f"{', '.join(available) or 'none'}; gpu and npu are Intel's and need its driver, "
            "an NVIDIA GPU is 'cuda'; or use device='cpu'"
        )
    return device


@cache
def _warn_unused_gpu() -> None:
    logger.warning(
        "there is an NVIDIA driver, which OpenVINO does not use; running on the CPU. For the GPU: "
        "pip install onnxruntime-gpu, or device='cuda' with backend='torch'"
    )


def device_precisions(device: Device) -> tuple[str, ...]:
    """Precisions that a device has instructions for; the first is the fastest that keeps results.

    On a CPU fp16 is slower than bf16, where there are both.
    """
    capabilities = read_capabilities(device)
    if device.kind != "cpu":
        return ("fp16", "fp32") if "FP16" in capabilities else ("fp32",)
    fast = [name for name in ("bf16", "fp16") if name.upper() in capabilities]
    return tuple(sorted(("fp32", *fast), key=["bf16", "fp32", "fp16"].index))


def explain_precision(device: Device) -> str:
    """Why the first of `device_precisions` is the default on a device."""
    if device.kind != "cpu":
        return f"the fastest of the {device.kind}"
    if device_precisions(device)[0] == "bf16":
        return "the processor has bf16 instructions"
    return "the processor has no bf16 instructions (AMX, AVX-512 bf16)"


def read_capabilities(device: Device) -> frozenset[str]:
    """Number formats that a device computes with: FP32, BF16, FP16, INT8, ..."""
    return frozenset(openvino_core().get_property(device_name(device), "OPTIMIZATION_CAPABILITIES"))


def has_amx() -> bool:
    """Whether the processor multiplies matrices of bf16 in units of their own (Intel's AMX).

    Where the flags are unknown (Windows), all processors but AMD's count as having them.
    """
    flags = cpu_flags()
    if flags:
        return "amx_bf16" in flags
    return "AMD" not in openvino_core().get_property("CPU", "FULL_DEVICE_NAME")


def describe_device(device: Device) -> str:
    """The device's name and OpenVINO's version: all that a compiled model depends on."""
    name = openvino_core().get_property(device_name(device), "FULL_DEVICE_NAME")
    return f"{import_openvino().__version__} {name} {sorted(read_capabilities(device))}"
