"""Devices and their names; each backend resolves the devices that it has."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from typing import Literal

from rtmpose3d.errors import UnknownNameError

DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps")
_CUDA = re.compile(r"cuda(?::(\d+))?")


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device by type and index.

    Attributes:
        kind: "cpu", "cuda" or "mps".
        index: index of the CUDA device; 0 for the others.
    """

    kind: Literal["cpu", "cuda", "mps"]
    index: int = 0

    def __str__(self) -> str:
        return f"cuda:{self.index}" if self.kind == "cuda" else self.kind


def usable_cores() -> int:
    """Number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def parse_device(name: str) -> Device | None:
    """A device by its name; None for "auto".

    Raises:
        UnknownNameError: no such type of device.
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
