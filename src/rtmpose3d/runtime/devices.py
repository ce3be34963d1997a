"""Devices and their names; each backend resolves the devices that it has."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Literal, TypeAlias

from rtmpose3d.errors import UnknownNameError

AUTO = "auto"  # backend, device or precision that suits the machine
FP32, BF16 = "fp32", "bf16"
DeviceKind: TypeAlias = Literal["cpu", "cuda", "mps", "coreml", "gpu", "npu"]

DEVICES = (AUTO, "cpu", "cuda", "cuda:N", "mps", "coreml", "gpu", "gpu:N", "npu")
_SINGLE: dict[str, DeviceKind] = {
    "cpu": "cpu",
    "mps": "mps",
    "coreml": "coreml",
    "npu": "npu",
}
_NUMBERED: dict[str, DeviceKind] = {"cuda": "cuda", "gpu": "gpu"}
CPU_FACTS = Path("/proc/cpuinfo")  # Linux
_NUMBERED_NAME = re.compile(r"(cuda|gpu)(?::(\d+))?")


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device by type and index.

    Attributes:
        kind: "cpu", "cuda" (NVIDIA), "mps" (Apple's GPU, with torch), "coreml" (Apple, with ONNX
            Runtime), "gpu" or "npu" (Intel, with OpenVINO).
        index: index of the CUDA device or GPU; 0 for the others.
    """

    kind: DeviceKind
    index: int = 0

    def __str__(self) -> str:
        if self.kind == "gpu":
            return f"gpu:{self.index}" if self.index else "gpu"
        return f"cuda:{self.index}" if self.kind == "cuda" else self.kind


def usable_cores() -> int:
    """Number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def cpu_facts() -> list[str]:
    """Lines of Linux's description of the first processor; none on other systems."""
    try:
        with CPU_FACTS.open(encoding="utf-8", errors="replace") as file:
            return list(takewhile(str.strip, file))
    except OSError:
        return []


def cpu_flags() -> frozenset[str]:
    """Linux's names of the processor's instruction sets; none on other systems."""
    lines = (line for line in cpu_facts() if line.startswith(("flags", "Features")))
    return frozenset(next(lines, "").split())


def parse_device(name: str) -> Device | None:
    """A device by its name; None for "auto".

    Raises:
        UnknownNameError: no such type of device.
    """
    text = str(name).strip().lower()
    if text == AUTO:
        return None
    if text in _SINGLE:
        return Device(kind=_SINGLE[text])
    match = _NUMBERED_NAME.fullmatch(text)
    if match is None:
        raise UnknownNameError("device", name, DEVICES)
    return Device(kind=_NUMBERED[match[1]], index=int(match[2] or 0))
