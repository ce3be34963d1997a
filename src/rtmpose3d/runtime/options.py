"""`RuntimeOptions`: backend, device, precision and threads, passed whole from API to sessions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rtmpose3d.errors import BackendError, InputError, MissingDependencyError, UnknownNameError
from rtmpose3d.runtime.backends import BACKENDS, Backend
from rtmpose3d.runtime.devices import Device, parse_device
from rtmpose3d.runtime.onnx_content import is_onnx_file
from rtmpose3d.structures.field_types import check_field_types

AUTO = "auto"
PATH_FIELDS = ("cache_dir", "detector_checkpoint", "pose_checkpoint")  # of RTMPose3DConfig
PRECISIONS: tuple[str, ...] = tuple(
    dict.fromkeys(name for backend in BACKENDS.values() for name in backend.precisions)
)
"""Precisions that at least one backend has."""


@dataclass(frozen=True, kw_only=True)
class RuntimeOptions:
    """Backend, device, precision and threads of networks.

    Attributes:
        backend: "auto" (ONNX Runtime, or the first backend that has the device) or a key of
            `BACKENDS`.
        device: "auto" (CUDA where the backend has it), "cpu", "cuda", "cuda:N" or "mps".
        precision: precision of the arithmetic, one of `PRECISIONS`, if the backend has it.
        threads: number of CPU threads; None for the backend's default, which is one per core.

    Raises:
        UnknownNameError: no backend or type of device of that name.
        InputError: an unknown precision, or threads below 1.
    """

    backend: str = AUTO
    device: str = AUTO
    precision: str = "fp32"
    threads: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", str(self.device))  # torch.device is one, too
        check_field_types(self, paths=PATH_FIELDS)
        if self.backend != AUTO and self.backend not in BACKENDS:
            raise UnknownNameError("backend", self.backend, (AUTO, *BACKENDS))
        parse_device(self.device)
        if self.precision not in PRECISIONS:
            raise InputError(
                f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}"
            )
        if self.threads is not None and self.threads < 1:
            raise InputError(f"threads must be at least 1, got {self.threads!r}")


DEFAULT_OPTIONS = RuntimeOptions()


def select_backend(
    options: RuntimeOptions, checkpoint: Path | None = None
) -> tuple[Backend, Device]:
    """Select the backend and the device for the requested options; no device replaces another.

    With backend "auto", the first backend of the table that has device and precision is taken.

    Args:
        options: the requested options.
        checkpoint: file to be opened, if it is known: an .onnx file limits the choice.

    Raises:
        BackendError: the device is not available; the message says what to install.
        MissingDependencyError: the backend's package is not installed.
        InputError: the backend cannot run an .onnx file, or has no such precision.
    """
    wanted = parse_device(options.device)
    is_onnx = checkpoint is not None and is_onnx_file(checkpoint)
    if options.backend != AUTO:
        backend = BACKENDS[options.backend]
        if options.precision not in backend.precisions:
            raise InputError(
                f"the {backend.name} backend has no precision {options.precision!r}; it has "
                f"{', '.join(backend.precisions)}"
            )
        if is_onnx and backend.open_file is None:
            raise InputError(
                f"{checkpoint} is an ONNX file, which the {backend.name} backend cannot run; "
                "leave backend at 'auto', or give the .pth checkpoint"
            )
        return backend, backend.resolve_device(wanted)
    first_error: BackendError | MissingDependencyError | None = None
    for backend in BACKENDS.values():
        if not backend.auto or options.precision not in backend.precisions:
            continue
        if is_onnx and backend.open_file is None:
            continue
        try:
            return backend, backend.resolve_device(wanted)
        except (BackendError, MissingDependencyError) as error:
            first_error = first_error or error
    if first_error is None:
        raise InputError(f"no backend has the precision {options.precision!r} for this file")
    raise first_error
