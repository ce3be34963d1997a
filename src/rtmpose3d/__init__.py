"""Whole-body pose of many people: 133 keypoints each, in 2D pixels and in 3D metres.

from rtmpose3d import RTMPose3D

model = RTMPose3D.from_pretrained("rbarac/rtmpose3d")
result = model("people.jpg")
result.keypoints_3d  # (N, 133, 3) metres
result.plot().save("people_pose.jpg")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtmpose3d.api import RTMPose3D, RTMPose3DConfig, RTMPose3DInference
    from rtmpose3d.errors import (
        BackendError,
        DownloadError,
        InputError,
        MissingDependencyError,
        OutputError,
        RTMPose3DError,
        UnknownNameError,
        WeightsError,
    )
    from rtmpose3d.geometry import Camera
    from rtmpose3d.sinks import load_result
    from rtmpose3d.skeletons import WHOLEBODY
    from rtmpose3d.structures import PoseResult
    from rtmpose3d.weights import CACHE_DIR, clear_cache

    __version__: str

# Names are imported when they are first used, so that `rtmpose3d doctor` can still say what is
# wrong where a dependency is broken.
_MODULE_OF = {
    "CACHE_DIR": "weights",
    "WHOLEBODY": "skeletons",
    "BackendError": "errors",
    "Camera": "geometry",
    "DownloadError": "errors",
    "InputError": "errors",
    "MissingDependencyError": "errors",
    "OutputError": "errors",
    "PoseResult": "structures",
    "RTMPose3D": "api",
    "RTMPose3DConfig": "api",
    "RTMPose3DError": "errors",
    "RTMPose3DInference": "api",
    "UnknownNameError": "errors",
    "WeightsError": "errors",
    "clear_cache": "weights",
    "load_result": "sinks",
}

__all__ = [
    "CACHE_DIR",
    "WHOLEBODY",
    "BackendError",
    "Camera",
    "DownloadError",
    "InputError",
    "MissingDependencyError",
    "OutputError",
    "PoseResult",
    "RTMPose3D",
    "RTMPose3DConfig",
    "RTMPose3DError",
    "RTMPose3DInference",
    "UnknownNameError",
    "WeightsError",
    "clear_cache",
    "load_result",
]


def __getattr__(name: str) -> object:
    """Import a public name, or find the version, on first use."""
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            value: object = version("rtmpose3d")
        except PackageNotFoundError:  # run from a checkout that is not installed
            value = "0+unknown"
    elif name in _MODULE_OF:
        value = getattr(import_module(f"rtmpose3d.{_MODULE_OF[name]}"), name)
    else:
        raise AttributeError(f"module 'rtmpose3d' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, also those that are not imported yet."""
    return sorted({*globals(), *__all__, "__version__"})
