"""The backends, one row each: a new backend is a file in this folder and a row of `BACKENDS`.

A backend's file imports its package inside its functions, so that this table is cheap to import.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rtmpose3d.runtime.backends import onnxruntime, torch
from rtmpose3d.runtime.devices import Device
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
        auto: whether "auto" may choose it.
    """

    name: str
    package: str
    resolve_device: Callable[[Device | None], Device]
    open_weights: Callable[[ModelSpec, Weights, Execution], Network]
    open_file: Callable[[Path, Execution], ModelFile] | None = None
    precisions: tuple[str, ...] = ("fp32",)
    auto: bool = True


BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        Backend(
            name="onnxruntime",
            package="onnxruntime",
            resolve_device=onnxruntime.resolve_device,
            open_weights=onnxruntime.open_weights,
            open_file=onnxruntime.open_file,
        ),
        Backend(
            name="torch",
            package="torch",
            resolve_device=torch.resolve_device,
            open_weights=torch.open_weights,
        ),
    )
}
"""All backends by name, in the order in which "auto" tries them."""
