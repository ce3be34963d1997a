"""`RuntimeOptions`: backend, device, precision and threads, passed whole from API to sessions."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from rtmpose3d.errors import BackendError, InputError, MissingDependencyError, UnknownNameError
from rtmpose3d.runtime.backends import BACKENDS, Backend
from rtmpose3d.runtime.devices import AUTO, Device, parse_device
from rtmpose3d.runtime.onnx_content import is_onnx_file
from rtmpose3d.structures.field_types import check_field_types

logger = logging.getLogger(__name__)

PATH_FIELDS = ("cache_dir", "detector_checkpoint", "pose_checkpoint")  # of RTMPose3DConfig
PRECISIONS: tuple[str, ...] = (AUTO, "fp32", "bf16", "fp16")


@dataclass(frozen=True, kw_only=True)
class RuntimeOptions:
    """Backend, device, precision and threads of networks.

    Attributes:
        backend: "auto" (the first of `BACKENDS` that is installed and has device and precision) or
            a key of `BACKENDS`.
        device: "auto" (CUDA where the backend has it), "cpu", "cuda", "cuda:N", "mps"
            or "coreml" of Apple, or, with OpenVINO, "gpu", "gpu:N" or "npu" of Intel.
        precision: precision of the arithmetic. "auto": bf16 where the backend has it on the device
            and it is faster there, fp16 with torch on CUDA, otherwise fp32. "bf16" and "fp16" are
            for the convolutions: the last layers, which move keypoints, stay in fp32.
        threads: number of CPU threads; None for the backend's default, which is one per core.

    Raises:
        UnknownNameError: no backend or type of device of that name.
        InputError: an unknown precision, or threads below 1.
    """

    backend: str = AUTO
    device: str = AUTO
    precision: str = AUTO
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

    With backend "auto", the first backend of the table that has device and precision is taken;
    where the device is "auto", too, one that has an accelerator is preferred.

    Args:
        options: the requested options.
        checkpoint: file to be opened, if it is known: an .onnx file limits the choice.

    Raises:
        BackendError: the device is not available, or has no such precision; the message says
            what to do.
        MissingDependencyError: the backend's package is not installed.
        InputError: the backend cannot run an .onnx file, or has no such precision.
    """
    wanted = parse_device(options.device)
    is_onnx = checkpoint is not None and is_onnx_file(checkpoint)
    if options.backend != AUTO:
        backend = BACKENDS[options.backend]
        if not _has_precision(backend, options.precision):
            raise InputError(
                f"the {backend.name} backend has no precision {options.precision!r}; it has "
                f"{', '.join(backend.precisions)}"
            )
        if is_onnx and backend.open_file is None:
            raise InputError(
                f"{checkpoint} is an ONNX file, which the {backend.name} backend cannot run; "
                "leave backend at 'auto', or give the .pth checkpoint"
            )
        return backend, _resolve(backend, wanted, options.precision)
    usable = [
        backend
        for backend in BACKENDS.values()
        if backend.auto
        and _has_precision(backend, options.precision)
        and not (is_onnx and backend.open_file is None)
        and (wanted is None or wanted.kind in backend.devices)
    ]
    if wanted is None:
        for backend in filter(lambda backend: backend.may_have_accelerator(), usable):
            found = _try_backend(backend, wanted, options.precision)
            if isinstance(found, Device) and found.kind != "cpu":
                return backend, found
    errors: dict[str, BackendError | MissingDependencyError] = {}
    for backend in usable:
        found = _try_backend(backend, wanted, options.precision)
        if isinstance(found, Device):
            for package, error in errors.items():
                if isinstance(error, MissingDependencyError) and find_spec(package):
                    _warn_damaged(str(error), backend.name)
            return backend, found
        errors[backend.package] = found
    if errors:
        raise next(iter(errors.values()))
    what = f" for {checkpoint}" if is_onnx else ""
    raise BackendError(
        f"no backend has the device {options.device!r} with the precision "
        f"{options.precision!r}{what}"
    )


def _try_backend(
    backend: Backend, wanted: Device | None, precision: str
) -> Device | BackendError | MissingDependencyError:
    try:
        return _resolve(backend, wanted, precision)
    except (BackendError, MissingDependencyError) as error:
        return error


@cache
def _warn_damaged(error: str, instead: str) -> None:
    logger.warning("%s; running on %s instead", error, instead)


def _has_precision(backend: Backend, precision: str) -> bool:
    return precision == AUTO or precision in backend.precisions


def _resolve(backend: Backend, wanted: Device | None, precision: str) -> Device:
    """The device for a backend, once it is known to have the precision there."""
    if wanted is not None and wanted.kind not in backend.devices:
        raise BackendError(
            f"device '{wanted}' is not available with {backend.name}, which has "
            f"{', '.join(backend.devices)}; use device='auto'"
        )
    device = backend.resolve_device(wanted)
    backend.resolve_precision(precision, device)
    return device
