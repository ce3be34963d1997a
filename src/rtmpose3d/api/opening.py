"""Opens the estimator of a configuration: locates or downloads checkpoints, opens sessions."""

from __future__ import annotations

from dataclasses import replace

from rtmpose3d.api.checkpoints import checkpoint_path
from rtmpose3d.api.config import RTMPose3DConfig
from rtmpose3d.pipeline import PoseEstimator
from rtmpose3d.runtime import (
    DetectorSession,
    is_onnx_file,
    open_detector,
    open_pose,
    select_backend,
)
from rtmpose3d.zoo import resolve_detector, resolve_pose


def open_estimator(config: RTMPose3DConfig) -> PoseEstimator:
    """Open the pose network of a configuration; the detector is opened when it is first used.

    Raises:
        WeightsError: a checkpoint is missing, broken or of another model.
        DownloadError: a published file cannot be downloaded.
        BackendError: the device is not available.
        MissingDependencyError: the package of the backend is not installed.
    """
    select_backend(config.runtime)  # a device that is not available fails before a download
    spec = resolve_pose(config.model)
    published = config.detector is not None and config.detector_checkpoint is None
    path = checkpoint_path(
        spec,
        config.pose_checkpoint,
        config.cache_dir,
        detector=resolve_detector(str(config.detector)) if published else None,
    )
    return PoseEstimator(
        pose=open_pose(spec, path, config.runtime),
        detector=None if config.detector is None else DetectorOnDemand(config, config.detector),
        flip_test=config.flip_test,
    )


class DetectorOnDemand:
    """The detector of a configuration, opened by the first call; a pickled copy opens its own.

    Args:
        config: checkpoint, cache folder and runtime options.
        name: name of the detector.
    """

    def __init__(self, config: RTMPose3DConfig, name: str) -> None:
        self._config = config
        self._name = name
        self._session: DetectorSession | None = None

    def __call__(self) -> DetectorSession:
        """The detector; always the same session."""
        if self._session is None:
            self._session = _open_detector(self._config, self._name)
        return self._session

    def __reduce__(self) -> tuple[object, ...]:
        return DetectorOnDemand, (self._config, self._name)


def _open_detector(config: RTMPose3DConfig, name: str) -> DetectorSession:
    spec = resolve_detector(name)
    path = checkpoint_path(spec, config.detector_checkpoint, config.cache_dir)
    options = config.runtime
    if is_onnx_file(path):  # also next to a pose network in torch, which cannot run it
        options = replace(options, backend="auto")
    return open_detector(spec, path, options)
