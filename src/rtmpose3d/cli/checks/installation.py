"""All checks; here are those of packages, the cache folder, weights and the network."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from rtmpose3d.cli.checks.check import Check, installed
from rtmpose3d.cli.checks.runtimes import (
    check_gpu,
    check_onnxruntime,
    check_openvino,
    check_torch,
)

PYTHON_MIN = (3, 10)
SPACE_WARN_BYTES = 2 * 2**30  # the default model takes 0.35 GB, and twice that during the download
NETWORK_TIMEOUT_S = 4.0
OFFLINE = "not asked: HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set"
DEFAULT_MODELS = ("rtmw3d-l", "rtmdet-m")

OPENCV_WHEELS = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
PACKAGES = (
    "numpy",
    "pillow",
    "safetensors",
    "filelock",
    "pyyaml",
    "typer",
    "rich",
)


def all_checks(cache_dir: Path | None = None) -> list[Check]:
    """Run all checks; those of the network run in parallel, for a few seconds at most."""
    here: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("Python", check_python),
        ("packages", check_packages),
        ("OpenCV", check_opencv),
        ("OpenVINO", check_openvino),
        ("ONNX Runtime", check_onnxruntime),
        ("GPU", check_gpu),
        ("torch (optional)", check_torch),
        ("threads", check_threads),
        ("cache folder", lambda: check_cache(cache_dir)),
        ("weights", lambda: check_weights(cache_dir)),
    )
    network = (("hub", check_hub), ("OpenMMLab", check_openmmlab))
    with suppress(Exception):  # a broken package is reported by its own check
        import_module("rtmpose3d.weights")  # once, before two threads import it at the same time
    with ThreadPoolExecutor(len(network)) as pool:
        answers = [pool.submit(_checked, name, check) for name, check in network]
        checks = [_checked(name, check) for name, check in here]
        return checks + [answer.result() for answer in answers]


def _checked(name: str, check: Callable[[], Check]) -> Check:
    """The check's answer; one that itself breaks (a package is damaged) is a failed check."""
    try:
        return check()
    except Exception as error:
        return Check(
            name=name,
            status="FAIL",
            found=f"{type(error).__name__}: {error}",
            advice="repair what fails above first, then run this again",
        )


def check_python() -> Check:
    """Version of Python and the operating system."""
    found = f"{platform.python_version()} on {platform.platform()} ({platform.machine()})"
    if sys.version_info[:2] < PYTHON_MIN:
        return Check(
            name="Python", status="FAIL", found=found, advice="install Python 3.10 or newer"
        )
    return Check(name="Python", status="OK", found=found)


def check_packages() -> Check:
    """The packages that are needed, besides those with checks of their own."""
    found = installed(PACKAGES)
    missing = [name for name in PACKAGES if name not in found]
    text = ", ".join(f"{name} {version}" for name, version in found.items())
    if missing:
        return Check(
            name="packages",
            status="FAIL",
            found=f"{text}; missing: {', '.join(missing)}",
            advice=f"pip install {' '.join(missing)}",
        )
    return Check(name="packages", status="OK", found=text)


def check_opencv() -> Check:
    """OpenCV works, and comes from one wheel only: several overwrite each other's files."""
    wheels = installed(OPENCV_WHEELS)
    names = ", ".join(f"{name} {version}" for name, version in wheels.items()) or "no wheel"
    repair = (
        f"pip uninstall -y {' '.join(wheels) or 'opencv-python'}; "
        "pip install --force-reinstall opencv-python-headless"
    )
    try:
        import cv2

        version = cv2.__version__
        works = all(hasattr(cv2, name) for name in ("imdecode", "warpAffine", "cvtColor"))
    except (ImportError, AttributeError) as error:
        return Check(
            name="OpenCV", status="FAIL", found=f"{names}; import cv2: {error}", advice=repair
        )
    if not works:
        return Check(
            name="OpenCV",
            status="FAIL",
            found=f"{names}; cv2 is installed but empty, as an uninstalled second wheel leaves it",
            advice=repair,
        )
    if len(wheels) > 1:
        return Check(
            name="OpenCV",
            status="WARN",
            found=f"{len(wheels)} wheels share the folder cv2: {names}; it runs as {version}",
            advice=f"keep one of them: {repair}",
        )
    return Check(name="OpenCV", status="OK", found=f"{names} (runs as {version})")


def check_threads() -> Check:
    """Processors, and a limit set by the environment."""
    count = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count
    found = f"{usable} of {count} processors usable"
    limit = os.environ.get("OMP_NUM_THREADS")
    if limit:
        found += f"; OMP_NUM_THREADS={limit}"
    return Check(name="threads", status="OK", found=found)


def check_cache(cache_dir: Path | None = None) -> Check:
    """The folder for weights can be written and has room."""
    from rtmpose3d.weights import cache_dir as resolve_cache_dir

    folder = resolve_cache_dir(cache_dir)
    existing = next((f for f in (folder, *folder.parents) if f.is_dir()), folder)
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) if folder.is_dir() else 0
    try:
        free = shutil.disk_usage(existing).free
    except OSError as error:
        return Check(
            name="cache folder",
            status="FAIL",
            found=f"{folder}: {error.strerror or error}",
            advice="choose another folder with RTMPOSE3D_CACHE or --cache-dir",
        )
    found = f"{folder}: {_gb(size)} used, {_gb(free)} free"
    if not os.access(existing, os.W_OK):
        return Check(
            name="cache folder",
            status="FAIL",
            found=f"{found}; it may not be written",
            advice="choose another folder with RTMPOSE3D_CACHE or --cache-dir",
        )
    if free < SPACE_WARN_BYTES:
        return Check(
            name="cache folder",
            status="WARN",
            found=found,
            advice="free some space, or choose another folder with RTMPOSE3D_CACHE or --cache-dir",
        )
    return Check(name="cache folder", status="OK", found=found)


def check_weights(cache_dir: Path | None = None) -> Check:
    """Weights in the package and on this disk."""
    from rtmpose3d.weights import check_copy
    from rtmpose3d.zoo import MODELS, BundledFile

    files = {name: spec.file for name, spec in MODELS.items() if spec.file.name}
    bundled = {name: file for name, file in files.items() if isinstance(file, BundledFile)}
    gone = [str(file.path) for file in bundled.values() if not file.path.is_file()]
    if gone:
        return Check(
            name="weights",
            status="FAIL",
            found=f"missing, though part of the package: {', '.join(gone)}",
            advice="pip install --force-reinstall --no-deps rtmpose3d",
        )
    copies = {name: check_copy(file, cache_dir) for name, file in files.items()}
    damaged = {name: copy for name, copy in copies.items() if copy is not None and copy.fault}
    here = [
        name
        for name, copy in copies.items()
        if copy is not None and name not in bundled and name not in damaged
    ]
    found = f"on this disk: {', '.join(here)}" if here else "none on this disk"
    missing = [name for name in DEFAULT_MODELS if copies[name] is None]
    if missing:
        found += f"; {', '.join(missing)} will be downloaded on first use"
    found = f"in the package: {', '.join(bundled)}; {found}"
    if damaged:
        faults = (f"{name} ({copy.path}: {copy.fault})" for name, copy in damaged.items())
        return Check(
            name="weights",
            status="FAIL",
            found=f"damaged: {', '.join(faults)}; {found}",
            advice=f"rtmpose3d download {' '.join(damaged)}",
        )
    return Check(name="weights", status="OK", found=found)


def check_hub() -> Check:
    """Whether the Hugging Face hub answers, unless its variables forbid to ask."""
    from rtmpose3d.weights.download import hub_endpoint, is_offline

    if is_offline():
        return Check(
            name="hub",
            status="OK",
            found=OFFLINE,
        )
    return _check_address("hub", hub_endpoint())


def check_openmmlab() -> Check:
    """Whether OpenMMLab's server answers, or its mirror."""
    from rtmpose3d.weights.download import MIRROR_VARIABLE, is_offline
    from rtmpose3d.zoo.remote import OPENMMLAB_URL

    if is_offline():
        return Check(name="OpenMMLab", status="OK", found=OFFLINE)
    scheme, _, rest = (os.environ.get(MIRROR_VARIABLE) or OPENMMLAB_URL).partition("://")
    return _check_address("OpenMMLab", f"{scheme}://{rest.split('/')[0]}")


def _check_address(name: str, address: str) -> Check:
    request = Request(address, method="HEAD", headers={"User-Agent": "rtmpose3d"})
    try:
        with urlopen(request, timeout=NETWORK_TIMEOUT_S):
            pass
    except HTTPError as error:  # an answer, too
        error.close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return Check(
            name=name,
            status="WARN",
            found=f"{address} cannot be reached: {reason}",
            advice="check network and proxy (HTTPS_PROXY); or download the files elsewhere and "
            "pass them with --pose-checkpoint and --detector-checkpoint; --model rtmw3d-n, small "
            "and for demonstration, needs no network",
        )
    return Check(name=name, status="OK", found=f"{address} answers")


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
