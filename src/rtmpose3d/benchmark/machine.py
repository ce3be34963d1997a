"""The machine that measurements were made on: processor, threads, versions, other load."""

from __future__ import annotations

import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version

from rtmpose3d.runtime import BACKENDS
from rtmpose3d.runtime.devices import cpu_facts, cpu_flags

INSTRUCTIONS = {  # Linux's flags
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512_bf16": "AVX-512 bf16",
    "avx512_fp16": "AVX-512 fp16",
    "amx_bf16": "AMX bf16",
    "amx_fp16": "AMX fp16",
    "asimd": "NEON",
    "bf16": "NEON bf16",
}
HALF_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


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
        "instructions": vector_instructions(),
        "threads": "one per core" if threads is None else str(threads),
        "versions": f"Python {platform.python_version()}, {', '.join(versions)}",
        "other load at the start": other_load(),
        "date": date.today().isoformat(),
    }


def vector_instructions() -> str:
    """The vector and matrix instructions of the processor that networks use (Linux)."""
    flags = cpu_flags()
    if not flags:
        return "unknown"
    found = [name for flag, name in INSTRUCTIONS.items() if flag in flags]
    half = "" if HALF_FLAGS & flags else "; none for bf16"
    return (", ".join(found) or "none of those known") + half


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
    names = [line.split(":", 1)[1].strip() for line in cpu_facts() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
