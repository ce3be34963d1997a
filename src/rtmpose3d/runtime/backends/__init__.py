"""The backends, one row each: a new backend is a file in this folder and a row of `BACKENDS`.

A backend's file imports its package inside its functions, so that this table is cheap to import.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rtmpose3d.errors import BackendError
from rtmpose3d.runtime.backends import (
    onnxruntime,
    onnxruntime_package,
    openvino,
    openvino_package,
    torch,
)
from rtmpose3d.runtime.devices import AUTO, BF16, Device, DeviceKind
from rtmpose3d.runtime.network import Execution, ModelFile, Network, Weights
from rtmpose3d.zoo import ModelSpec


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A package that runs networks.

    Attributes:
        name: its name in `RuntimeOptions.backend`.
        package: the package that it imports; the backend is installed if this one is.
        resolve_device: checks a device, or chooses one if it is None; raises BackendError where
            it is not available, MissingDependencyError where the package is not installed.
        open_weights: loads a model of the table from its tensors (matched by `load_weights`), for
            an `Execution`: device, precision, threads; raises BackendError.
        open_file: opens an .onnx file for an `Execution`; None if the backend cannot.
        precisions: names of the precisions of arithmetic that it has, the default first.
        device_precisions: those that it has on a device, the default first; None: all of them.
        explain_precision: why the first of them is the default on a device.
        devices: types of the devices that it may have.
        may_have_accelerator: whether its installed package is one for an accelerator (without
            importing it); "auto" then asks it first for a device that is not the CPU.
        auto: whether "auto" may choose it.
    """

    name: str
    package: str
    resolve_device: Callable[[Device | None], Device]
    open_weights: Callable[[ModelSpec, Weights, Execution], Network]
    open_file: Callable[[Path, Execution], ModelFile] | None = None
    precisions: tuple[str, ...] = ("fp32",)
    device_precisions: Callable[[Device], tuple[str, ...]] | None = None
    explain_precision: Callable[[Device], str] = lambda device: f"the default on {device.kind}"
    devices: tuple[DeviceKind, ...] = ("cpu", "cuda", "mps")
    may_have_accelerator: Callable[[], bool] = lambda: False
    auto: bool = True

    def resolve_precision(
        self, wanted: str, device: Device, *, drifts_in_bf16: bool = False
    ) -> str:
        """The precision that runs on a device; "auto" is the default there.

        Args:
            wanted: name of a precision, or "auto".
            device: of this backend.
            drifts_in_bf16: whether "auto" avoids bf16, which would change results of the model.

        Raises:
            BackendError: the backend does not have it on this device.
        """
        available = self.device_precisions(device) if self.device_precisions else self.precisions
        if wanted == AUTO:
            return next(name for name in available if name != BF16 or not drifts_in_bf16)
        if wanted not in available:
            raise BackendError(
                f"the {self.name} backend has no precision {wanted!r} on this {device}, only "
                f"{', '.join(available)} ({self.explain_precision(device)}); use precision='auto'"
            )
        return wanted


BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        Backend(
            name="openvino",
            package="openvino",
            resolve_device=openvino.resolve_device,
            open_weights=openvino.open_weights,
            open_file=openvino.open_file,
            precisions=("fp32", "bf16", "fp16"),
            device_precisions=openvino.device_precisions,
            explain_precision=openvino_package.explain_precision,
            devices=("cpu", "gpu", "npu"),
        ),
        Backend(
            name="onnxruntime",
            package="onnxruntime",
            resolve_device=onnxruntime.resolve_device,
            open_weights=onnxruntime.open_weights,
            open_file=onnxruntime.open_file,
            precisions=("fp32", "fp16"),
            device_precisions=onnxruntime.device_precisions,
            devices=("cpu", "cuda", "mps", "coreml"),
            may_have_accelerator=onnxruntime_package.has_cuda_library,
        ),
        Backend(
            name="torch",
            package="torch",
            resolve_device=torch.resolve_device,
            open_weights=torch.open_weights,
            precisions=("fp32", "bf16", "fp16"),
            device_precisions=torch.device_precisions,
        ),
    )
}
"""All backends by name, in the order in which "auto" tries them."""
