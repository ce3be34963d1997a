"""`RTMPose3DInference`: for programs written for the RTMPose3D package."""

from __future__ import annotations

from pathlib import Path

from rtmpose3d.api.config import RTMPose3DConfig
from rtmpose3d.api.model import RTMPose3D


class RTMPose3DInference(RTMPose3D):
    """RTMW3D in size l, x or n with its detector; called like `RTMPose3D`.

    Example:
        >>> model = RTMPose3DInference(model_size="l", device="cpu")
        >>> results = model(image)
        >>> results["keypoints_3d"].shape
        (2, 133, 3)

    Args:
        model_size: "l", "x", or "n" for the small model in the package, which needs no network.
        detector_config: must be None, see `RTMPose3DConfig`.
        detector_checkpoint: file or address of the detector, instead of the published one.
        pose_config: must be None, see `RTMPose3DConfig`.
        pose_checkpoint: file or address of the pose model, instead of the published one.
        device: "auto" (default), "cpu", "cuda", "cuda:N" or "mps".
        cache_dir: folder for downloads.
        backend, precision, threads: see `RTMPose3D.from_pretrained`.
        model: name of the pose model, instead of a size.

    Raises:
        UnknownNameError: a size other than n, l and x, or an unknown model or device.
        InputError: a configuration of mmdet or mmpose, or contradicting settings.
        WeightsError: a checkpoint that is missing, broken or of another model.
        DownloadError: a published file cannot be downloaded.
        BackendError: the device is not available.
    """

    def __init__(
        self,
        model_size: str = "l",
        detector_config: str | None = None,
        detector_checkpoint: str | Path | None = None,
        pose_config: str | None = None,
        pose_checkpoint: str | Path | None = None,
        device: str = "auto",
        cache_dir: str | Path | None = None,
        *,
        backend: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        model: str = "",
    ) -> None:
        config = RTMPose3DConfig(
            model_size="" if model else model_size,
            model=model,
            device=device,
            cache_dir=None if cache_dir is None else str(cache_dir),
            detector_config=detector_config,
            pose_config=pose_config,
            detector_checkpoint=None if detector_checkpoint is None else str(detector_checkpoint),
            pose_checkpoint=None if pose_checkpoint is None else str(pose_checkpoint),
            backend=backend,
            precision=precision,
            threads=threads,
        )
        super().__init__(config)

    @property
    def model_size(self) -> str:
        """The size: "n", "l" or "x"; "" for a model that has none."""
        return self.config.model_size
