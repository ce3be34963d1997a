"""The machine that measurements were made on: processor, threads, versions, other load."""

from __future__ import annotations

import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rtmpose3d.runtime import BACKENDS


def describe_machine(threads: int | None) -> dict[str, str]:
    """Facts that durations depend on, by name.

    Args:
        threads: requested number of CPU threads; None: one per core.
    """
    backends = (row.package for row in BACKENDS.values())
    packages = ("rtmpose3d", *backends, "numpy", "opencv-python-headless")
    versions = [f"{name} {found}" for name in packages if (found := installed_version(name))]
    return {
        "machine": f"{processor_name()}, {os.cpu_count()} cores, {platform.system()} "
        f"{platform.machine()}",
        "threads": "one per core" if threads is None else str(threads),
        "versions": f"Python {platform.python_version()}, {', '.join(versions)}",
        "other load at the start": other_load(),
        "date": date.today().isoformat(),
    }


def other_load() -> str:
    """Mean number of processes that ran or waited for a core in the last minute."""
    if not hasattr(os, "getloadavg"):
        return "unknown"
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    busy = "; busy: trust ratios more than milliseconds" if load > cores / 4 else ""
    return f"{load:.1f} of {cores} cores{busy}"


def installed_version(package: str) -> str:
    """Version of an installed package; empty if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def processor_name() -> str:
    """The processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
