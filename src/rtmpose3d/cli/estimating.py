"""From the options of `predict` to a function that computes the poses of some images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rtmpose3d.cli.parsing import BoxesOfImages, boxes_for, parse_boxes, parse_intrinsics
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.geometry.axes import AXES, Axes
from rtmpose3d.geometry.camera import DEFAULT_FOV_DEG, Camera
from rtmpose3d.sources import ImageLocation, exif_of
from rtmpose3d.structures import Image, PoseResult
from rtmpose3d.zoo import resolve_detector, resolve_pose

if TYPE_CHECKING:
    from rtmpose3d.api import RTMPose3D

CHECKPOINT_ENDINGS = (".pth", ".pt", ".bin", ".safetensors", ".onnx")
AUTO = "auto"  # as a detector: the one that goes with the pose model


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """Which model on which device, as typed.

    Attributes:
        model: name of the pose model.
        det: name of the detector, its checkpoint file, or "auto" for the one that goes with the
            model; None if boxes are given.
        device, backend: names.
        pose_checkpoint, detector_checkpoint: files to use instead of the published ones.
        cache_dir: folder of downloaded weights.
        flip_test: whether mirrored crops are run, too, and averaged; None becomes the model's own.

    Raises:
        UnknownNameError: no such model or detector.
        InputError: two checkpoints for the detector, or a checkpoint that is not there.
    """

    model: str
    det: str | None
    device: str = "auto"
    backend: str = "auto"
    pose_checkpoint: Path | None = None
    detector_checkpoint: Path | None = None
    cache_dir: Path | None = None
    flip_test: bool | None = None

    def __post_init__(self) -> None:
        pose = resolve_pose(self.model)
        if self.flip_test is None:
            object.__setattr__(self, "flip_test", pose.flip_test)
        if self.det == AUTO:
            object.__setattr__(self, "det", pose.detector)
        elif self.det is not None and _is_checkpoint(self.det):
            if self.detector_checkpoint is not None:
                raise InputError("--det names a file, and so does --detector-checkpoint; give one")
            file = Path(self.det)
            object.__setattr__(self, "detector_checkpoint", file)
            object.__setattr__(self, "det", _detector_of(file))
        if self.det is not None:
            resolve_detector(self.det)
        for option in ("pose_checkpoint", "detector_checkpoint"):
            file = getattr(self, option)
            if file is not None and not file.expanduser().is_file():
                raise InputError(f"--{option.replace('_', '-')}: there is no file {file}")

    def load(self) -> RTMPose3D:
        """The model; published weights are fetched if they are not on this disk."""
        from rtmpose3d.api import RTMPose3D

        return RTMPose3D.from_pretrained(
            self.model,
            device=self.device,
            backend=self.backend,
            pose_checkpoint=self.pose_checkpoint,
            detector_checkpoint=self.detector_checkpoint,
            detector=self.det,
            cache_dir=self.cache_dir,
            flip_test=self.flip_test,
        )


@dataclass(frozen=True, kw_only=True)
class PoseChoice:
    """Which people, and how they stand in space.

    Attributes:
        bbox_thr: least score of a detected person.
        single_person: only the most prominent one.
        boxes: people's boxes by file name; None to detect them.
        axes: frame of the 3D keypoints.
        fov_deg: field of view over the longer side, degrees.
        intrinsics: fx, fy, cx, cy in pixels, instead.
        exif: take the field of view from the image's EXIF where it is there.
        height_m, root_depth_m: what is known of the people, metres.
    """

    bbox_thr: float
    single_person: bool
    boxes: BoxesOfImages | None
    axes: Axes
    fov_deg: float | None
    intrinsics: tuple[float, float, float, float] | None
    exif: bool
    height_m: float | None
    root_depth_m: float | None

    @classmethod
    def parse(
        cls,
        *,
        bbox_thr: float,
        single_person: bool,
        boxes: str | None,
        axes: str,
        fov_deg: float | None,
        intrinsics: str | None,
        exif: bool,
        height_m: float | None,
        root_depth_m: float | None,
    ) -> PoseChoice:
        """Check the options as typed.

        Raises:
            InputError: a value that cannot be, or two that contradict each other.
            UnknownNameError: no such axes.
        """
        if axes not in AXES:
            raise UnknownNameError("axes", axes, AXES)
        if sum((fov_deg is not None, intrinsics is not None, exif)) > 1:
            raise InputError("--fov-deg, --intrinsics and --exif exclude each other; give one")
        if fov_deg is not None:
            Camera.from_fov(width=1, height=1, fov_deg=fov_deg)  # raises if it cannot be
        for option, value in (("--height-m", height_m), ("--root-depth-m", root_depth_m)):
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"{option} must be above 0 m, got {value:g}")
        return cls(
            bbox_thr=bbox_thr,
            single_person=single_person,
            boxes=None if boxes is None else parse_boxes(boxes),
            axes=cast("Axes", axes),
            fov_deg=fov_deg,
            intrinsics=None if intrinsics is None else parse_intrinsics(intrinsics),
            exif=exif,
            height_m=height_m,
            root_depth_m=root_depth_m,
        )

    def estimate(
        self, model: RTMPose3D, sources: Sequence[ImageLocation], images: Sequence[Image]
    ) -> list[PoseResult]:
        """Poses of some images, one result each; errors as of calling the model."""
        boxes = None if self.boxes is None else [boxes_for(self.boxes, s) for s in sources]
        cameras = [self.camera(s, i) for s, i in zip(sources, images, strict=True)]
        return model(
            list(images),
            bbox_thr=self.bbox_thr,
            single_person=self.single_person,
            boxes=boxes,
            camera=cameras,
            root_depth_m=self.root_depth_m,
            height_m=self.height_m,
            axes=self.axes,
        )

    def camera(self, source: ImageLocation, image: Image) -> Camera:
        """The camera of an image.

        Raises:
            InputError: the intrinsics cannot be those of a camera.
        """
        height, width = image.shape[:2]
        if self.intrinsics is not None:
            fx, fy, cx, cy = self.intrinsics
            return Camera(fx=fx, fy=fy, cx=cx, cy=cy, width=width, height=height)
        camera = None
        if self.exif and isinstance(source, Path):
            camera = Camera.from_exif(exif_of(source), width=width, height=height)
        fov_deg = self.fov_deg or DEFAULT_FOV_DEG
        return camera or Camera.from_fov(width=width, height=height, fov_deg=fov_deg)


def _detector_of(file: Path) -> str:
    """The detector that a checkpoint is of, by its name: rtmdet_nano_..., rtmdet-n.pth, others."""
    name = file.name.lower().replace("_", "-")
    if "nano" in name:
        return "rtmdet-nano"
    return "rtmdet-n" if name.startswith("rtmdet-n.") else "rtmdet-m"


def _is_checkpoint(text: str) -> bool:
    return text.lower().endswith(CHECKPOINT_ENDINGS) or os.path.isfile(text)  # noqa: PTH113
