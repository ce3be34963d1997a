"""The models: rows in `zoo.pose_models` and `zoo.detectors`, found by name or alias."""

from __future__ import annotations

from rtmpose3d.errors import UnknownNameError
from rtmpose3d.zoo.bundled import DEMO_IMAGE, BundledFile
from rtmpose3d.zoo.pose_models import OFFLINE_MODEL
from rtmpose3d.zoo.published import HUB_REPO
from rtmpose3d.zoo.remote import RemoteFile
from rtmpose3d.zoo.specs import (
    DEFAULT_CONFIDENCE_THR,
    RTMDET_STRIDES,
    DetectorSpec,
    ModelSpec,
    PoseSpec,
    WeightsFile,
)
from rtmpose3d.zoo.table import ALIASES, MODELS

__all__ = [
    "ALIASES",
    "DEMO_IMAGE",
    "HUB_REPO",
    "MODELS",
    "OFFLINE_MODEL",
    "RTMDET_STRIDES",
    "BundledFile",
    "DetectorSpec",
    "ModelSpec",
    "PoseSpec",
    "RemoteFile",
    "WeightsFile",
    "default_confidence_thr",
    "resolve",
    "resolve_detector",
    "resolve_pose",
]


def resolve(name: str) -> ModelSpec:
    """The row of a model's name or alias; case does not matter.

    Raises:
        UnknownNameError: no such model; the message lists all.
    """
    spec = _find(name)
    if spec is None:
        raise UnknownNameError("model", name, MODELS)
    return spec


def resolve_pose(name: str) -> PoseSpec:
    """The row of a pose model.

    Raises:
        UnknownNameError: no such pose model.
    """
    spec = _find(name)
    if not isinstance(spec, PoseSpec):
        raise UnknownNameError("pose model", name, _names(PoseSpec))
    return spec


def resolve_detector(name: str) -> DetectorSpec:
    """The row of a person detector.

    Raises:
        UnknownNameError: no such detector.
    """
    spec = _find(name)
    if not isinstance(spec, DetectorSpec):
        raise UnknownNameError("detector", name, _names(DetectorSpec))
    return spec


def default_confidence_thr(model: str) -> float:
    """Minimum confidence of drawn keypoints, by the name of the model; 0.3 if it is unknown."""
    spec = MODELS.get(model)
    return spec.default_confidence_thr if isinstance(spec, PoseSpec) else DEFAULT_CONFIDENCE_THR


def _find(name: str) -> ModelSpec | None:
    key = name.strip().lower() if isinstance(name, str) else ""
    return MODELS.get(ALIASES.get(key, key))


def _names(kind: type[ModelSpec]) -> list[str]:
    return [name for name, spec in MODELS.items() if isinstance(spec, kind)]
