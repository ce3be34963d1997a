"""Running a model over annotated images: batched, read ahead, errors kept per image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from rtmpose3d.api import RTMPose3D
from rtmpose3d.data import AnnotatedImage, ImageKey, PoseRecord
from rtmpose3d.data.records import is_file
from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.errors import SkippedItems
from rtmpose3d.geometry import Camera
from rtmpose3d.pipeline.prefetch import Outcome, predict_batches
from rtmpose3d.skeletons import HIPS
from rtmpose3d.sources import ImageLocation
from rtmpose3d.structures import Detections, FloatArray, Image, PoseResult

DETECTOR_BBOX_THR = 0.1  # AP also rewards uncertain detections; below it hardly any is a person

BoxSource = Literal["annotated", "detected"]
RootDepthMode = Literal["estimated", "true"]
Counts = Callable[[PoseRecord], bool]
"""Whether an annotated person counts in an evaluation."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RunOptions:
    """Options of running a model over annotated images.

    Attributes:
        boxes: "annotated" boxes, "detected" ones, or given detections by `AnnotatedImage.key`.
        root_depth: distance of the hips: "estimated" from bone lengths, the "true" one as
            annotated, or metres for all people.
        bbox_thr: minimum score of a detected person.
        batch_size: images per batch; images with a known root depth are run one by one.
        exif_orientation: whether images are rotated upright as their EXIF block says; False for
            annotations of the stored pixels.

    Raises:
        InputError: an impossible value or combination.
    """

    boxes: BoxSource | Mapping[ImageKey, Detections] = "annotated"
    root_depth: RootDepthMode | float = "estimated"
    bbox_thr: float = DETECTOR_BBOX_THR
    batch_size: int = 4
    exif_orientation: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.root_depth, float) and not 0 < self.root_depth < float("inf"):
            raise InputError(f"root_depth must be above 0 m, got {self.root_depth:g}")
        if self.root_depth == "true" and self.boxes != "annotated":
            raise InputError(
                "the true root depth needs annotated boxes: it must be known who is who"
            )
        if self.batch_size < 1:
            raise InputError(f"batch_size must be 1 or more, got {self.batch_size}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Predicted:
    """Results of a model over annotated images.

    Attributes:
        images: the images that could be used.
        results: result of each image by its key, without its pixels. Images where boxes are given
            and there are none have no result.
    """

    images: tuple[AnnotatedImage, ...]
    results: Mapping[ImageKey, PoseResult]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Request:
    """One call of the model; attributes as the arguments of `RTMPose3D.__call__`."""

    image: AnnotatedImage
    boxes: FloatArray | None
    camera: Camera | None
    root_depth_m: FloatArray | float | None


def predict_records(
    model: RTMPose3D,
    images: Sequence[AnnotatedImage],
    options: RunOptions,
    *,
    counts: Counts,
    skipped: SkippedItems,
    progress: Callable[[int], None] | None = None,
) -> Predicted:
    """Runs a model over annotated images.

    Args:
        model: with a detector, if people are to be detected.
        images: annotated images.
        options: how the model is run.
        counts: whose annotated boxes are used. With annotated boxes the people of a result are
            those who count, in their order.
        skipped: collects images that are missing, broken or not of the annotated size.
        progress: called with the number of images that were just done.

    Raises:
        InputError: a bad image that may not be skipped; all images are missing; no person counts.
    """
    existing = _existing(images, skipped)
    requests = [_request(image, options, counts) for image in existing]
    to_run = [request for request in requests if request.boxes is None or len(request.boxes)]
    if not to_run:
        raise InputError("there is no annotated person to evaluate on")
    results: dict[ImageKey, PoseResult] = {}
    failed: set[ImageKey] = set()
    for request, outcome in _outcomes(model, to_run, options):
        if outcome.result is None:
            skipped.add(f"{_describe(request.image)}: {outcome.reason}")
            failed.add(request.image.key)
        else:
            results[request.image.key] = outcome.result.without_image()
        if progress is not None:
            progress(1)
    usable = tuple(image for image in existing if image.key not in failed)
    return Predicted(images=usable, results=results)


def _outcomes(
    model: RTMPose3D, requests: Sequence[_Request], options: RunOptions
) -> Iterator[tuple[_Request, Outcome]]:
    """Runs all requests; a file of several images is read again for each of them."""
    rounds: list[dict[Path, _Request]] = []
    for request in requests:
        path = request.image.path
        free = next((one for one in rounds if path not in one), None)
        if free is None:
            rounds.append(free := {})
        free[path] = request
    for by_path in rounds:
        estimate = partial(_estimate, model, by_path, options.bbox_thr)
        outcomes = predict_batches(
            estimate,
            by_path,
            batch_size=options.batch_size,
            exif_orientation=options.exif_orientation,
        )
        yield from zip(by_path.values(), outcomes, strict=True)


def _estimate(
    model: RTMPose3D,
    by_path: Mapping[Path, _Request],
    bbox_thr: float,
    sources: Sequence[ImageLocation],
    pixels: Sequence[Image],
) -> list[PoseResult]:
    batch = [by_path[Path(source)] for source in sources]
    for request, image in zip(batch, pixels, strict=True):
        _check_size(request.image, image)
    return _run_batch(model, batch, pixels, bbox_thr)


def _existing(images: Sequence[AnnotatedImage], skipped: SkippedItems) -> list[AnnotatedImage]:
    existing = [image for image in images if is_file(image.path)]
    missing = [image for image in images if not is_file(image.path)]
    if missing and not skipped.allowed:
        count = f"{len(missing)} image is" if len(missing) == 1 else f"{len(missing)} images are"
        first = missing[0]
        skipped.add(f"{_describe(first)}: there is no image {first.path} ({count} missing)")
    for image in missing:
        skipped.add(f"{_describe(image)}: there is no image {image.path}")
    if not existing:
        example = f", e.g. {images[0].path}" if images else ""
        raise InputError(f"none of the {len(images)} images exists{example}")
    return existing


def _describe(image: AnnotatedImage) -> str:
    """Name of an image in messages: that of its first annotation, or its id."""
    return image.people[0].source if image.people else f"image {image.image_id} ({image.path})"


def _request(image: AnnotatedImage, options: RunOptions, counts: Counts) -> _Request:
    people = [record for record in image.people if counts(record)]
    if options.boxes == "annotated":
        boxes = np.array([record.box_xyxy for record in people], np.float32).reshape(-1, 4)
    elif options.boxes == "detected":
        boxes = None
    else:
        given = options.boxes.get(image.key)
        boxes = np.zeros((0, 4), np.float32) if given is None else given.boxes_xyxy
    depth = options.root_depth
    return _Request(
        image=image,
        boxes=boxes,
        camera=next((record.camera for record in image.people), None),
        root_depth_m=np.array([_root_depth_m(record) for record in people])
        if depth == "true"
        else None
        if depth == "estimated"
        else depth,
    )


def _root_depth_m(record: PoseRecord) -> float:
    metres = record.keypoints_camera_m
    depth = np.nan if metres is None else float(metres[list(HIPS), 2].mean())
    if not record.annotated[list(HIPS)].all() or not np.isfinite(depth):
        raise InputError(
            f"{record.source}: the true root depth is unknown: its hips have no 3D position"
        )
    return depth


def _check_size(annotated: AnnotatedImage, image: Image) -> None:
    size = image.shape[1], image.shape[0]
    if annotated.size_wh not in (None, size):
        raise InputError(
            f"{annotated.path} is {size[0]}x{size[1]} px, but its annotations are for "
            f"{annotated.size_wh[0]}x{annotated.size_wh[1]}"
        )


def _run_batch(
    model: RTMPose3D, batch: Sequence[_Request], images: Sequence[Image], bbox_thr: float
) -> list[PoseResult]:
    if any(request.root_depth_m is not None for request in batch):
        return [
            model(
                image,
                bbox_thr=bbox_thr,
                boxes=request.boxes,
                camera=request.camera,
                root_depth_m=request.root_depth_m,
            )
            for request, image in zip(batch, images, strict=True)
        ]
    cameras = [
        request.camera or Camera.from_fov(width=image.shape[1], height=image.shape[0])
        for request, image in zip(batch, images, strict=True)
    ]
    boxes = [request.boxes for request in batch]
    return model(list(images), bbox_thr=bbox_thr, boxes=boxes, camera=cameras)
