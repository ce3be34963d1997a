"""`RTMPose3D`: images in, whole-body poses out.

It holds a pose network and, once needed, a detector; no state over time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast, overload

import numpy as np
from numpy.typing import ArrayLike

from rtmpose3d.api.arguments import cameras_of, file_of, given_people, one_each
from rtmpose3d.api.checkpoints import checkpoint_path, copy_into
from rtmpose3d.api.config import RTMPose3DConfig
from rtmpose3d.errors import InputError, UnknownNameError, import_extra
from rtmpose3d.geometry import AXES, Axes, Camera
from rtmpose3d.pipeline import Poses, detect_people, estimate_poses, keep_main_person, lift_people
from rtmpose3d.runtime import (
    DetectorSession,
    PoseSession,
    RuntimeOptions,
    open_detector,
    open_pose,
    select_backend,
)
from rtmpose3d.sources import ImageSource, load_image
from rtmpose3d.structures import Detections, FloatArray, Image, PoseResult
from rtmpose3d.structures.atomic import make_directory
from rtmpose3d.weights import locate
from rtmpose3d.zoo import resolve_detector, resolve_pose

if TYPE_CHECKING:
    import torch

Tensors: TypeAlias = "dict[str, torch.Tensor]"


class RTMPose3D:
    """Whole-body pose estimation, made by `from_pretrained`.

    Example:
        >>> model = RTMPose3D.from_pretrained("rbarac/rtmpose3d")
        >>> result = model("people.jpg")
        >>> result.keypoints_3d.shape
        (2, 133, 3)

    Attributes:
        config: what it was made from.
    """

    def __init__(self, config: RTMPose3DConfig) -> None:
        self.config = config
        self._pose_spec = resolve_pose(config.model)
        # A device that is not there fails before a download.
        select_backend(RuntimeOptions(backend=config.backend, device=config.device))
        self._pose = self._open_pose()
        self._detector: DetectorSession | None = None

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path = "rbarac/rtmpose3d",
        *,
        device: str | None = None,
        backend: str | None = None,
        model_size: str | None = None,
        pose_checkpoint: str | Path | None = None,
        detector_checkpoint: str | Path | None = None,
        detector: str | None = "auto",
        cache_dir: str | Path | None = None,
        bbox_thr: float | None = None,
        flip_test: bool | None = None,
        detector_config: str | None = None,
        pose_config: str | None = None,
    ) -> RTMPose3D:
        """Load a model; published files that are not on disk are downloaded.

        Args:
            pretrained_model_name_or_path: a model's name (`rtmpose3d models` lists them), a hub
                name, or a folder that `save_pretrained` made or that holds published files.
            device: "auto" (default), "cpu", "cuda", "cuda:N" or "mps".
            backend: "auto" (default: ONNX Runtime), "onnxruntime" or "torch".
            model_size: "n", "l" or "x", for rtmw3d-n, rtmw3d-l and rtmw3d-x.
            pose_checkpoint: weights to use instead of the published: a .pth, .safetensors or .onnx
                file, or an address.
            detector_checkpoint: the same for the detector.
            detector: name of the detector; "auto" for the saved one, or the one that goes with the
                model; None if boxes are always given.
            cache_dir: folder for downloads, instead of `CACHE_DIR`.
            bbox_thr: default detection threshold of calls (0.3).
            flip_test: also run mirrored crops and average: half as fast, a little more accurate;
                by default with rtmw3d-n only.
            detector_config: must be None; see `RTMPose3DConfig`.
            pose_config: likewise.

        Raises:
            UnknownNameError: no such model, device, backend or detector.
            WeightsError: a checkpoint that is missing, broken or of another model.
            DownloadError: a file that cannot be fetched; says where to put it by hand, and which
                model needs no network.
            BackendError: the device is not there.
        """
        config = RTMPose3DConfig.from_pretrained(
            pretrained_model_name_or_path,
            device=device,
            backend=backend,
            model_size=model_size,
            pose_checkpoint=pose_checkpoint,
            detector_checkpoint=detector_checkpoint,
            detector=None if detector == "auto" else detector,
            cache_dir=cache_dir,
            bbox_thr=bbox_thr,
            flip_test=flip_test,
            detector_config=detector_config,
            pose_config=pose_config,
        )
        return cls(config if detector is not None else replace(config, detector=None))

    # -- inference -----------------------------------------------------------------------------

    @overload
    def __call__(
        self,
        image: ImageSource,
        bbox_thr: float | None = None,
        single_person: bool = False,
        return_tensors: Literal["np"] = "np",
        *,
        boxes: ArrayLike | None = None,
        camera: Camera | None = None,
        root_depth_m: float | FloatArray | None = None,
        height_m: float | FloatArray | None = None,
        axes: Axes = "z-up",
    ) -> PoseResult: ...
    @overload
    def __call__(
        self,
        image: Sequence[ImageSource],
        bbox_thr: float | None = None,
        single_person: bool = False,
        return_tensors: Literal["np"] = "np",
        *,
        boxes: Sequence[ArrayLike | None] | None = None,
        camera: Camera | Sequence[Camera] | None = None,
        root_depth_m: float | None = None,
        height_m: float | None = None,
        axes: Axes = "z-up",
    ) -> list[PoseResult]: ...
    @overload
    def __call__(
        self,
        image: ImageSource,
        bbox_thr: float | None = None,
        single_person: bool = False,
        *,
        return_tensors: Literal["pt"],
        boxes: ArrayLike | None = None,
        camera: Camera | None = None,
        root_depth_m: float | FloatArray | None = None,
        height_m: float | FloatArray | None = None,
        axes: Axes = "z-up",
    ) -> Tensors: ...
    @overload
    def __call__(
        self,
        image: Sequence[ImageSource],
        bbox_thr: float | None = None,
        single_person: bool = False,
        *,
        return_tensors: Literal["pt"],
        boxes: Sequence[ArrayLike | None] | None = None,
        camera: Camera | Sequence[Camera] | None = None,
        root_depth_m: float | None = None,
        height_m: float | None = None,
        axes: Axes = "z-up",
    ) -> list[Tensors]: ...
    def __call__(
        self,
        image: ImageSource | Sequence[ImageSource],
        bbox_thr: float | None = None,
        single_person: bool = False,
        return_tensors: Literal["np", "pt"] = "np",
        *,
        boxes: ArrayLike | Sequence[ArrayLike | None] | None = None,
        camera: Camera | Sequence[Camera] | None = None,
        root_depth_m: float | FloatArray | None = None,
        height_m: float | FloatArray | None = None,
        axes: Axes = "z-up",
    ) -> PoseResult | list[PoseResult] | Tensors | list[Tensors]:
        """Find the people of an image, or of several, and their poses.

        Args:
            image: a file, a (H, W, 3) array in OpenCV's channel order (BGR), a Pillow image; or a
                list of them, whose people are estimated together.
            bbox_thr: people must be detected with a score above this (default: the config's).
            single_person: keep only the person with the largest area times score.
            return_tensors: "np" for a `PoseResult` of numpy arrays, "pt" for a dict of torch
                tensors with the same keys, on the model's device.
            boxes: (N, 4) x1, y1, x2, y2 in pixels of the image, instead of detecting; for a list
                of images a list of them, None where people are to be detected.
            camera: of the image; default: 55 degrees of view over its longer side. For a list of
                images one for all, or a list.
            root_depth_m: distance of the people's hips along the optical axis, if known: one
                number, or one per person. Otherwise solved from bone lengths.
            height_m: the people's statures, if known; makes the solved depth more exact.
            axes: frame of `keypoints_3d`: "z-up", "camera", "root" or "rtmpose3d"; see
                `rtmpose3d.geometry`.

        Returns:
            A result for one image, a list of results for a list.

        Raises:
            InputError: an unusable image, box, camera or argument.
            UnknownNameError: unknown axes.
            BackendError: the runtime failed.
        """
        if return_tensors not in ("np", "pt"):
            raise InputError(f"return_tensors must be 'np' or 'pt', got {return_tensors!r}")
        if axes not in AXES:
            raise UnknownNameError("axes", axes, AXES)
        single = not isinstance(image, (list, tuple))
        sources = cast("list[ImageSource]", [image] if single else list(image))
        images = [load_image(source) for source in sources]
        one = cast("ArrayLike | None", boxes)
        given = [one] if single else one_each("boxes", boxes, len(images))
        cameras = cameras_of(camera, images)
        people = self._find_people(images, given, bbox_thr, single_person=single_person)
        poses = estimate_poses(
            self._pose, images, [p.boxes_xyxy for p in people], flip_test=self.config.flip_test
        )
        results = [
            self._result(*item, root_depth_m=root_depth_m, height_m=height_m, axes=axes)
            for item in zip(images, sources, cameras, people, poses, strict=True)
        ]
        if return_tensors == "pt":
            tensors = [self._to_tensors(result) for result in results]
            return tensors[0] if single else tensors
        return results[0] if single else results

    forward = __call__

    def _find_people(
        self,
        images: Sequence[Image],
        given: Sequence[ArrayLike | None],
        bbox_thr: float | None,
        *,
        single_person: bool,
    ) -> list[Detections]:
        threshold = self.config.bbox_thr if bbox_thr is None else bbox_thr
        if not 0 <= threshold <= 1:
            raise InputError(f"bbox_thr must be between 0 and 1, got {threshold!r}")
        known = [None if boxes is None else given_people(boxes) for boxes in given]
        blank = [image for image, people in zip(images, known, strict=True) if people is None]
        found = iter(
            detect_people(self._ready_detector(), blank, bbox_thr=threshold) if blank else ()
        )
        everybody = [next(found) if people is None else people for people in known]
        return [keep_main_person(people) for people in everybody] if single_person else everybody

    def _result(
        self,
        image: Image,
        source: ImageSource,
        camera: Camera,
        people: Detections,
        poses: Poses,
        *,
        root_depth_m: float | FloatArray | None,
        height_m: float | FloatArray | None,
        axes: Axes,
    ) -> PoseResult:
        result = PoseResult(
            keypoints_2d=poses.keypoints_2d,
            scores=poses.scores,
            confidence=poses.confidence,
            bboxes=people.boxes_xyxy,
            bbox_scores=people.scores,
            axes=axes,
            model=self._pose_spec.name,
            image_size_wh=(image.shape[1], image.shape[0]),
            image=image,
            source=file_of(source),
        )
        if poses.depth_m is None:
            return result
        lifted = lift_people(
            poses.keypoints_2d,
            poses.depth_m,
            poses.confidence,
            camera,
            root_depth_m=root_depth_m,
            height_m=height_m,
        )
        return replace(
            result,
            camera=camera,
            keypoints_camera=lifted.keypoints_camera,
            root_depth_m=lifted.root_depth_m,
            root_depth_std_m=lifted.root_depth_std_m,
            root_depth_source=lifted.root_depth_source,
        )

    def _to_tensors(self, result: PoseResult) -> Tensors:
        import_extra("torch", "torch", "return_tensors='pt'")
        import torch

        return {
            key: torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
            for key, array in result.items()
        }

    # -- devices and files ---------------------------------------------------------------------

    @property
    def device(self) -> str:
        """Where the pose network runs: "cpu", "cuda:0", ..."""
        return str(self._pose.device)

    def to(self, device: str) -> RTMPose3D:
        """Move the networks to another device; the model itself is changed and returned.

        Raises:
            UnknownNameError: no such kind of device.
            BackendError: the device is not there; the model stays where it is.
        """
        config = replace(self.config, device=str(device))
        select_backend(RuntimeOptions(backend=config.backend, device=config.device))
        before, self.config = self.config, config
        try:
            self._pose = self._open_pose()
        except Exception:
            self.config = before
            raise
        self._detector = None  # opened again on the new device when it is next needed
        return self

    def save_pretrained(self, save_directory: str | Path) -> None:
        """Write a folder that `from_pretrained` loads without a network: configuration and weights.

        The detector's weights are saved with it where they are on disk.

        Raises:
            OutputError: it cannot be written.
        """
        folder = make_directory(save_directory)
        pose = checkpoint_path(self._pose_spec, self.config.pose_checkpoint, self.config.cache_dir)
        saved = {"pose_checkpoint": copy_into(folder, pose)}
        detector = self._detector_on_disk()
        if detector is not None:
            saved["detector_checkpoint"] = copy_into(folder, detector)
        replace(self.config, cache_dir=None, device="auto", **saved).save_pretrained(folder)

    def _detector_on_disk(self) -> Path | None:
        config = self.config
        if config.detector is None:
            return None
        if config.detector_checkpoint is not None:
            return checkpoint_path(
                resolve_detector(config.detector), config.detector_checkpoint, config.cache_dir
            )
        folder = None if config.cache_dir is None else Path(config.cache_dir)
        return locate(resolve_detector(config.detector).file, folder)

    def _open_pose(self) -> PoseSession:
        config = self.config
        given = config.detector is None or config.detector_checkpoint is not None
        path = checkpoint_path(
            self._pose_spec,
            config.pose_checkpoint,
            config.cache_dir,
            detector=None if given else resolve_detector(str(config.detector)),
        )
        options = RuntimeOptions(backend=config.backend, device=config.device)
        return open_pose(self._pose_spec, path, options)

    def _ready_detector(self) -> DetectorSession:
        if self._detector is None:
            config = self.config
            if config.detector is None:
                raise InputError(
                    "this model was made with detector=None and finds no people itself; "
                    "pass boxes=(N, 4), or load it with a detector such as 'rtmdet-m'"
                )
            spec = resolve_detector(config.detector)
            path = checkpoint_path(spec, config.detector_checkpoint, config.cache_dir)
            # An ONNX file runs in ONNX Runtime, also beside a pose network in torch.
            backend = "auto" if path.suffix == ".onnx" else config.backend
            options = RuntimeOptions(backend=backend, device=config.device)
            self._detector = open_detector(spec, path, options)
        return self._detector

    def __repr__(self) -> str:
        detector = self.config.detector or "none"
        return (
            f"RTMPose3D(model={self.config.model!r}, detector={detector!r}, device={self.device!r})"
        )
