"""The checks of the backends and their devices."""

from __future__ import annotations

import platform
import shutil
import sys
from contextlib import suppress

from rtmpose3d.cli.checks.check import Check, installed

ONNXRUNTIME_WHEELS = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-directml",
    "onnxruntime-openvino",
    "onnxruntime-silicon",
    "onnxruntime-qnn",
)


def check_openvino() -> Check:
    """OpenVINO works, and the precision in which networks run with it."""
    name = "OpenVINO"
    version = installed(("openvino",)).get("openvino")
    if version is None:
        return Check(
            name=name,
            status="WARN" if _is_default_here() else "OK",
            found="not installed; ONNX Runtime runs the networks",
            advice="pip install openvino" if _is_default_here() else "",
        )
    try:
        from rtmpose3d.runtime import Device
        from rtmpose3d.runtime.backends.openvino import device_precisions
        from rtmpose3d.runtime.backends.openvino_package import explain_precision, openvino_core

        devices = openvino_core().available_devices
        precisions = device_precisions(Device(kind="cpu"))
        reason = explain_precision(Device(kind="cpu"))
    except Exception as error:  # a damaged installation raises RuntimeError, ImportError, ...
        return Check(
            name=name,
            status="FAIL",
            found=f"openvino {version}; {error}",
            advice="pip install --force-reinstall openvino",
        )
    found = (
        f"openvino {version}; {', '.join(devices)}; on the CPU 'auto' is {precisions[0]}: {reason}"
    )
    return Check(name=name, status="OK", found=found)


def _is_default_here() -> bool:
    """Whether a plain installation has OpenVINO: on x86-64 Linux and Windows."""
    return sys.platform in ("linux", "win32") and platform.machine().lower() in ("x86_64", "amd64")


def check_onnxruntime() -> Check:
    """ONNX Runtime comes from one wheel and works, or is not installed and not needed."""
    wheels = installed(ONNXRUNTIME_WHEELS)
    if not wheels and installed(("openvino",)):
        found = "not installed; OpenVINO runs the networks"
        return Check(name="ONNX Runtime", status="OK", found=found)
    names = ", ".join(f"{name} {version}" for name, version in wheels.items()) or "no wheel"
    keep = "onnxruntime-gpu" if "onnxruntime-gpu" in wheels else "onnxruntime"
    repair = f"pip uninstall -y {' '.join(wheels) or keep}; pip install {keep}"
    try:
        from rtmpose3d.runtime.backends.onnxruntime_package import import_onnxruntime

        providers = import_onnxruntime().get_available_providers()
    except (ImportError, AttributeError) as error:
        return Check(
            name="ONNX Runtime",
            status="FAIL",
            found=f"{names}; {error}",
            advice=repair,
        )
    found = f"{names}; built with {', '.join(providers)}"
    if len(wheels) > 1:
        lost = "onnxruntime-gpu" in wheels and "CUDAExecutionProvider" not in providers
        return Check(
            name="ONNX Runtime",
            status="FAIL" if lost else "WARN",
            found=f"{found}; {len(wheels)} wheels overwrite each other's files"
            + (", and CUDA is lost" if lost else ""),
            advice=f"keep one of them: {repair}",
        )
    return Check(name="ONNX Runtime", status="OK", found=found)


def check_gpu() -> Check:
    """Devices on which the backends run a network here, and a GPU that is not used."""
    from rtmpose3d.errors import BackendError, MissingDependencyError
    from rtmpose3d.runtime import BACKENDS, RuntimeOptions, parse_device, select_backend

    devices: dict[str, list[str]] = {}
    for name, backend in BACKENDS.items():
        for device in ("cuda", "mps", "coreml", "gpu", "npu", "cpu"):
            if device not in backend.devices:
                continue
            with suppress(BackendError, MissingDependencyError):
                backend.resolve_device(parse_device(device))
                devices.setdefault(name, []).append(device)
    if not devices:
        return Check(
            name="GPU",
            status="FAIL",
            found="no backend runs here",
            advice="repair OpenVINO or ONNX Runtime, or install the extra torch",
        )
    selected, used = select_backend(RuntimeOptions())
    found = f"'auto' selects {used.kind} with {selected.name}; available with " + "; ".join(
        f"{name}: {', '.join(kinds)}" for name, kinds in devices.items()
    )
    unused = _unused_gpu() if used.kind == "cpu" else None
    if unused is None:
        return Check(name="GPU", status="OK", found=found)
    reason, advice = unused
    if "cuda" in devices.get("torch", []):
        advice += "; or use --backend torch"
    return Check(name="GPU", status="WARN", found=f"{found}; {reason}", advice=advice)


def _unused_gpu() -> tuple[str, str] | None:
    """Why an NVIDIA GPU is not used and what to do about it; None if there is none."""
    advice = "pip uninstall -y onnxruntime; pip install onnxruntime-gpu"
    if not installed(ONNXRUNTIME_WHEELS):
        if shutil.which("nvidia-smi") is None:
            return None
        return "there is an NVIDIA driver, but no backend for it", "pip install onnxruntime-gpu"
    from rtmpose3d.runtime.backends import onnxruntime_devices

    reason = onnxruntime_devices.unused_gpu()
    if reason is None:
        return None
    if onnxruntime_devices.has_cuda():
        advice = (
            "install the NVIDIA driver, and the CUDA and cuDNN libraries: "
            "pip install 'onnxruntime-gpu[cuda,cudnn]'"
        )
    return reason, advice


def check_torch() -> Check:
    """The optional torch, and its devices."""
    name = "torch (optional)"
    version = installed(("torch",)).get("torch")
    if version is None:
        return Check(name=name, status="OK", found="not installed; needed for the torch backend")
    try:
        import torch

        devices = ["cpu"]
        if torch.cuda.is_available():
            devices += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
        if torch.backends.mps.is_available():
            devices.append("mps")
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        return Check(
            name=name,
            status="WARN",
            found=f"{version}; import torch: {error}",
            advice="reinstall torch as pytorch.org says, or use another backend",
        )
    return Check(name=name, status="OK", found=f"{version}; {', '.join(devices)}")
