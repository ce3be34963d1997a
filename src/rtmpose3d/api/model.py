"""`RTMPose3D`: images in, whole-body poses out.

It holds a pose network and, once needed, a detector; no state over time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike

from rtmpose3d.api.arguments import (
    CallOptions,
    CameraLike,
    check_people,
    is_batch,
    load_frames,
)
from rtmpose3d.api.checkpoints import checkpoint_path, copy_checkpoint
from rtmpose3d.api.config import RTMPose3DConfig
from rtmpose3d.api.opening import open_estimator
from rtmpose3d.api.streaming import open_stream
from rtmpose3d.errors import InputError, import_extra
from rtmpose3d.geometry import Axes
from rtmpose3d.pipeline import (
    DETECT_EVERY,
    CameraRule,
    PoseOptions,
    PoseStream,
    Smoothing,
    StreamOptions,
)
from rtmpose3d.runtime import RuntimeOptions
from rtmpose3d.sources import ImageSource
from rtmpose3d.sources.video import FrameSource, open_frames
from rtmpose3d.structures import FloatArray, PoseResult
from rtmpose3d.structures.atomic import make_directory
from rtmpose3d.weights import locate
from rtmpose3d.zoo import resolve_detector, resolve_pose

if TYPE_CHECKING:
    import torch
    from typing_extensions import Unpack

Tensors: TypeAlias = "dict[str, torch.Tensor]"


class RTMPose3D:
    """Whole-body pose estimation; `from_pretrained` loads a model.

    `RTMPose3D(name)` is short for `RTMPose3D.from_pretrained(name)` without further options. A
    model can be pickled: the copy opens its checkpoints again.

    Example:
        >>> model = RTMPose3D.from_pretrained("rbarac/rtmpose3d")
        >>> result = model("people.jpg")
        >>> result.keypoints_3d.shape
        (2, 133, 3)

    Attributes:
        config: model, detector, checkpoints, runtime.
    """

    def __init__(self, config: RTMPose3DConfig | str | Path) -> None:
        if not isinstance(config, RTMPose3DConfig):
            config = RTMPose3DConfig.from_pretrained(config)
        self.config = config
        self._estimator = open_estimator(config)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path = "rbarac/rtmpose3d",
        *,
        device: str | None = None,
        backend: str | None = None,
        precision: str | None = None,
        threads: int | None = None,
        runtime: RuntimeOptions | None = None,
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
                name, a folder that `save_pretrained` made or that holds the published file of one
                model, or a weights file that names its model: a published one, one of
                `rtmpose3d train`, or an exported .onnx file.
            device: "auto" (default), "cpu", "cuda", "cuda:N", "mps", "coreml", "gpu" or "npu".
            backend: "auto" (default), "openvino", "onnxruntime" or "torch".
            precision: "auto" (default: bf16 where the processor has it, else fp32), "fp32",
                "bf16" or "fp16"; the last layers always run in fp32.
            threads: number of CPU threads; default: one per core.
            runtime: these four options in one object; those given separately take precedence.
            model_size: "n", "l" or "x", for rtmw3d-n, rtmw3d-l and rtmw3d-x; must not contradict
                the name.
            pose_checkpoint: weights to use instead of the published ones: a .pth, .safetensors or
                .onnx file, or an address.
            detector_checkpoint: the same for the detector.
            detector: name of the detector; "auto" for the saved one, or the model's own; None if
                boxes are always given.
            cache_dir: folder for downloads, instead of `CACHE_DIR`.
            bbox_thr: default detection threshold of calls (0.3).
            flip_test: also run flipped crops and average: half as fast, a little more accurate;
                by default with rtmw3d-n only.
            detector_config: must be None; see `RTMPose3DConfig`.
            pose_config: must be None; see `RTMPose3DConfig`.

        Raises:
            UnknownNameError: no such model, device, backend or detector.
            InputError: a value out of range, or two that contradict each other.
            MissingDependencyError: the package of the backend is not installed.
            WeightsError: a checkpoint that is missing, broken or of another model.
            DownloadError: a file that cannot be downloaded; names where to put it by hand, and
                the model that needs no network.
            BackendError: the device is not available.
        """
        settings = {} if runtime is None else asdict(runtime)
        given = {"device": device, "backend": backend, "precision": precision, "threads": threads}
        settings |= {name: value for name, value in given.items() if value is not None}
        config = RTMPose3DConfig.from_pretrained(
            pretrained_model_name_or_path,
            model_size=model_size,
            pose_checkpoint=pose_checkpoint,
            detector_checkpoint=detector_checkpoint,
            detector=None if detector == "auto" else detector,
            cache_dir=cache_dir,
            bbox_thr=bbox_thr,
            flip_test=flip_test,
            detector_config=detector_config,
            pose_config=pose_config,
            **settings,
        )
        return cls(config if detector is not None else replace(config, detector=None))

    # -- inference -----------------------------------------------------------------------------

    @overload
    def __call__(self, image: ImageSource, **options: Unpack[CallOptions]) -> PoseResult: ...
    @overload
    def __call__(
        self, image: Sequence[ImageSource], **options: Unpack[CallOptions]
    ) -> list[PoseResult]: ...
    @overload
    def __call__(
        self,
        image: ImageSource,
        *,
        return_tensors: Literal["pt"],
        **options: Unpack[CallOptions],
    ) -> Tensors: ...
    @overload
    def __call__(
        self,
        image: Sequence[ImageSource],
        *,
        return_tensors: Literal["pt"],
        **options: Unpack[CallOptions],
    ) -> list[Tensors]: ...
    def __call__(
        self,
        image: ImageSource | Sequence[ImageSource],
        bbox_thr: float | None = None,
        single_person: bool = False,
        return_tensors: Literal["np", "pt"] = "np",
        *,
        boxes: ArrayLike | Sequence[ArrayLike | None] | None = None,
        camera: CameraLike | Sequence[CameraLike | None] | None = None,
        root_depth_m: float | FloatArray | None = None,
        height_m: float | FloatArray | None = None,
        axes: Axes = "z-up",
        exif_orientation: bool = True,
    ) -> PoseResult | list[PoseResult] | Tensors | list[Tensors]:
        """Estimate the poses of the people in an image, or in several.

        Args:
            image: a file, an address, the bytes of a file, an open binary file, a (H, W, 3) array
                in OpenCV's channel order (BGR) or a Pillow image; or a list of them, whose people
                are estimated together.
            bbox_thr: people must be detected with a score above this (default: the config's).
            single_person: keep only the person with the largest area times score.
            return_tensors: "np" for a `PoseResult` of numpy arrays, "pt" for a dict of torch
                tensors with the same keys, on the model's device.
            boxes: (N, 4) x1, y1, x2, y2 in pixels of the image, instead of detecting; for a list
                of images a list of them, None where people are to be detected.
            camera: of the image: a `Camera`, a calibration file, a field of view over the longer
                side in degrees, or a 3x3 matrix K in pixels; default: 55 degrees. For a list of
                images one for all, or a list with None where it is unknown.
            root_depth_m: distance of the people's hips along the optical axis, if known: one
                number, or one per person. Otherwise solved from bone lengths.
            height_m: the people's statures, if known; makes the solved depth more accurate.
            axes: frame of `keypoints_3d`: "z-up", "camera", "root" or "rtmpose3d"; see
                `rtmpose3d.geometry`.
            exif_orientation: whether files and Pillow images are rotated upright as their EXIF
                block says.

        Returns:
            A result for one image, a list of results for a list.

        Raises:
            InputError: an unusable image, box, camera or argument.
            UnknownNameError: unknown axes.
            WeightsError: the detector's checkpoint, which is opened on first use, is unusable.
            BackendError: the runtime failed.
            MissingDependencyError: tensors are requested, but torch is not installed.
        """
        if not isinstance(return_tensors, str) or return_tensors not in ("np", "pt"):
            raise InputError(f"return_tensors must be 'np' or 'pt', got {return_tensors!r}")
        options = PoseOptions(
            bbox_thr=self.config.bbox_thr if bbox_thr is None else bbox_thr,
            single_person=single_person,
            root_depth_m=root_depth_m,
            height_m=height_m,
            axes=axes,
        )
        single = not is_batch(image)
        frames = load_frames(
            [image] if single else image, camera, exif_orientation=exif_orientation
        )
        people = check_people([boxes] if single else boxes, frames)
        results = self._estimator.run(frames, options, people=people)
        if return_tensors == "pt":
            tensors = [self._to_tensors(result) for result in results]
            return tensors[0] if single else tensors
        return results[0] if single else results

    forward = __call__

    def stream(
        self,
        source: FrameSource,
        *,
        track: bool = True,
        smooth: Smoothing | None = None,
        detect_every: int | None = None,
        max_people: int | None = None,
        start: float = 0.0,
        end: float | None = None,
        every: int = 1,
        fps: float | None = None,
        bbox_thr: float | None = None,
        single_person: bool = False,
        camera: CameraLike | CameraRule | None = None,
        root_depth_m: float | None = None,
        height_m: float | None = None,
        axes: Axes = "z-up",
        batch_size: int | None = None,
        flip_test: bool | None = None,
        timeout_s: float = 10.0,
        reconnects: int = 0,
    ) -> PoseStream:
        """Estimate the poses of the people in a video or before a camera, frame by frame.

        Example:
            >>> for result in model.stream("walk.mp4"):
            ...     print(result.time_s, result.track_ids, result.keypoints_3d.shape)

        Args:
            source: a video file; a folder or glob of images; the number of a webcam; an address
                (rtsp, rtmp, http, ...); or an iterable of images or `Frame`s.
            track: give people identities (`track_ids`) that last over frames.
            smooth: "live" (default), "offline", which reads the source twice and knows the
                future, or "off", the default without tracks.
            detect_every: the detector runs at least every this many frames; in between boxes
                follow from the poses. Default: `DETECT_EVERY`, 1 without tracks.
            max_people: people per frame.
            start: time of the first frame, seconds.
            end: frames from this time on are not used.
            every: the first of this many frames is used.
            fps: at most this many frames per second are used; of images: their frame rate.
            bbox_thr: people must be detected with a score above this (default: the config's).
            single_person: keep only the person with the largest area times score.
            camera: of all frames, or a function that gives that of a `Frame`; default: what the
                video's metadata state, else 55 degrees of view over the longer side.
            root_depth_m: distance of the people's hips along the optical axis, if known.
            height_m: the people's stature, if known.
            axes: frame of `keypoints_3d`, see `rtmpose3d.geometry`.
            batch_size: frames that are estimated together (default: 1 on a CPU, else 8; live
                sources always 1).
            flip_test: also run flipped crops; default: as for images, but not where people are
                tracked.
            timeout_s: seconds without a frame after which a camera or an address has failed.
            reconnects: attempts to connect to it again.

        Returns:
            An iterator over results with `frame_index`, `time_s` and `track_ids`; a `with` block
            or `close()` releases the source early.

        Raises:
            InputError: an unusable source or argument.
            UnknownNameError: unknown axes or smoothing.
            MissingDependencyError: PyAV is not installed (videos and addresses).
        """
        selection = {"start_s": start, "end_s": end, "every": every, "fps": fps}
        patience = {"timeout_s": timeout_s, "reconnects": reconnects}
        return open_stream(
            self._estimator,
            partial(open_frames, source, **selection, **patience),
            StreamOptions(
                track=track,
                smooth=smooth or ("live" if track else "off"),
                detect_every=detect_every or (DETECT_EVERY if track else 1),
                max_people=max_people,
            ),
            PoseOptions(
                bbox_thr=self.config.bbox_thr if bbox_thr is None else bbox_thr,
                single_person=single_person,
                root_depth_m=root_depth_m,
                height_m=height_m,
                axes=axes,
            ),
            camera=camera,
            batch_size=batch_size,
            flip_test=flip_test,
            once=hasattr(source, "__next__"),
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
        """Device of the pose network: "cpu", "cuda:0", ..."""
        return str(self._estimator.pose.device)

    def to(self, device: str) -> RTMPose3D:
        """Move the networks to another device; the model itself is changed and returned.

        Raises:
            UnknownNameError: no such type of device.
            BackendError: the device is not available; the model stays where it is.
        """
        config = replace(self.config, device=str(device))
        self._estimator = open_estimator(config)
        self.config = config
        return self

    def save_pretrained(self, save_directory: str | Path) -> None:
        """Write a folder that `from_pretrained` loads without a network: configuration and weights.

        The detector's weights are included if they are on disk. Settings of this machine (device,
        threads, cache folder) are not.

        Raises:
            OutputError: it cannot be written.
        """
        config = self.config
        folder = make_directory(save_directory)
        pose = checkpoint_path(resolve_pose(config.model), config.pose_checkpoint, config.cache_dir)
        saved = {"pose_checkpoint": copy_checkpoint(folder, pose)}
        detector = self._find_detector_checkpoint()
        if detector is not None:
            saved["detector_checkpoint"] = copy_checkpoint(folder, detector)
        portable = replace(config, cache_dir=None, device="auto", threads=None, **saved)
        portable.save_pretrained(folder)

    def _find_detector_checkpoint(self) -> Path | None:
        """The detector's checkpoint if it is on disk; a published one is not downloaded."""
        config = self.config
        if config.detector is None:
            return None
        spec = resolve_detector(config.detector)
        if config.detector_checkpoint is not None:
            return checkpoint_path(spec, config.detector_checkpoint, config.cache_dir)
        return locate(spec.file, None if config.cache_dir is None else Path(config.cache_dir))

    def __getstate__(self) -> dict[str, object]:
        return {"config": self.config}

    def __setstate__(self, state: dict[str, object]) -> None:
        config = state["config"]
        assert isinstance(config, RTMPose3DConfig)
        RTMPose3D.__init__(self, config)

    def __repr__(self) -> str:
        detector = self.config.detector or "none"
        return (
            f"RTMPose3D(model={self.config.model!r}, detector={detector!r}, device={self.device!r})"
        )
