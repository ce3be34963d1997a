"""The import of the package openvino, its devices and their precisions."""

from __future__ import annotations

import logging
import shutil
from functools import cache
from typing import TYPE_CHECKING

from rtmpose3d.errors import BackendError, MissingDependencyError
from rtmpose3d.runtime.devices import Device

if TYPE_CHECKING:
    import openvino

logger = logging.getLogger(__name__)


@cache
def openvino_core() -> openvino.Core:
    """OpenVINO's entry point, one in the process, imported on first use.

    Raises:
        MissingDependencyError: it is not installed, or cannot be loaded.
    """
    try:
        import openvino

        return openvino.Core()
    except Exception as error:  # a damaged installation raises ImportError, OSError and others
        raise MissingDependencyError(
            f"openvino cannot be imported ({error}); run: pip install openvino; "
            "rtmpose3d doctor checks the installation"
        ) from error


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
        _warn_of_unused_gpu()
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
def _warn_of_unused_gpu() -> None:
    logger.warning(
        "there is an NVIDIA driver, which OpenVINO does not use; running on the CPU. For the GPU: "
        "pip install onnxruntime-gpu, or device='cuda' with backend='torch'"
    )


def device_precisions(device: Device) -> tuple[str, ...]:
    """Precisions that a device has instructions for; the first is the fastest that keeps results.

    On a CPU fp16 is slower than bf16, where there are both.
    """
    capabilities = capabilities_of(device)
    if device.kind != "cpu":
        return ("fp16", "fp32") if "FP16" in capabilities else ("fp32",)
    fast = [name for name in ("bf16", "fp16") if name.upper() in capabilities]
    return tuple(sorted(("fp32", *fast), key=["bf16", "fp32", "fp16"].index))


def capabilities_of(device: Device) -> frozenset[str]:
    """What a device computes with, as OpenVINO names it: FP32, BF16, FP16, INT8, ..."""
    return frozenset(openvino_core().get_property(device_name(device), "OPTIMIZATION_CAPABILITIES"))


def describe_device(device: Device) -> str:
    """The device's name and OpenVINO's version: all that a compiled model depends on."""
    import openvino

    name = openvino_core().get_property(device_name(device), "FULL_DEVICE_NAME")
    return f"{openvino.__version__} {name} {sorted(capabilities_of(device))}"
