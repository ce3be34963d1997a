"""Annotated images through a model: read ahead, a bar, bad images as the user wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rtmpose3d.api import RTMPose3D
from rtmpose3d.cli.terminal import plural
from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.errors import Skips
from rtmpose3d.geometry import Camera
from rtmpose3d.pipeline import predict_batches
from rtmpose3d.progress import progress_bar
from rtmpose3d.sources import ImageLocation
from rtmpose3d.structures import FloatArray, Image, PoseResult

DETECTOR_BBOX_THR = 0.1  # AP wants also what is not sure; below it hardly anything is a person


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageTask:
    """One image to be run through the model.

    Attributes:
        path: of the image.
        where: what messages call it: file and place in the annotations.
        size_wh: as annotated, px; None where nothing is said.
        boxes_xyxy: (N, 4) px; None: people are to be detected.
        camera: where known.
        root_depth_m: (N,) where known, or one number for everybody.
    """

    path: Path
    where: str
    size_wh: tuple[int, int] | None = None
    boxes_xyxy: FloatArray | None = None
    camera: Camera | None = None
    root_depth_m: FloatArray | float | None = None


def check_files(tasks: Sequence[ImageTask], skips: Skips) -> list[ImageTask]:
    """The tasks whose image is there; the others are left out, if that is allowed.

    Raises:
        InputError: an image is missing and may not be left out, or all are.
    """
    there = [task for task in tasks if task.path.is_file()]
    missing = [task for task in tasks if not task.path.is_file()]
    if missing and not skips.allowed:
        more = f" ({plural(len(missing), 'image is', 'images are')} missing)"
        skips.note(f"{missing[0].where}: there is no image {missing[0].path}{more}")
    for task in missing:
        skips.note(f"{task.where}: there is no image {task.path}")
    if not there:
        raise InputError(f"none of the {len(tasks)} images is there, e.g. {tasks[0].path}")
    return there


def estimate_images(
    model: RTMPose3D,
    tasks: Sequence[ImageTask],
    skips: Skips,
    *,
    batch_size: int,
    bbox_thr: float | None = None,
) -> dict[Path, PoseResult]:
    """Poses of every image, without the images themselves.

    Args:
        model: with a detector where boxes are not given.
        tasks: one an image.
        skips: takes images that cannot be read or have another size than annotated.
        batch_size: images at once; those with a known root depth go one by one.
        bbox_thr: least score of a detected person.

    Raises:
        InputError: a bad image that may not be left out.
    """
    by_path = {task.path: task for task in tasks}

    def estimate(sources: Sequence[ImageLocation], images: Sequence[Image]) -> list[PoseResult]:
        chosen = [by_path[Path(source)] for source in sources]
        for task, image in zip(chosen, images, strict=True):
            _check_size(task, image)
        if any(task.root_depth_m is not None for task in chosen):
            return [_one(model, *pair, bbox_thr) for pair in zip(chosen, images, strict=True)]
        return _together(model, chosen, images, bbox_thr)

    results: dict[Path, PoseResult] = {}
    with progress_bar(len(tasks), "images") as bar:
        for outcome in predict_batches(estimate, list(by_path), batch_size=batch_size):
            path = Path(outcome.source)
            if outcome.result is None:
                skips.note(f"{by_path[path].where}: {outcome.reason}")
            else:
                results[path] = outcome.result.without_image()
            bar.advance()
    return results


def _check_size(task: ImageTask, image: Image) -> None:
    size = image.shape[1], image.shape[0]
    if task.size_wh not in (None, size):
        raise InputError(
            f"{task.path} is {size[0]}x{size[1]} px, but its annotations are for "
            f"{task.size_wh[0]}x{task.size_wh[1]}"
        )


def _one(model: RTMPose3D, task: ImageTask, image: Image, bbox_thr: float | None) -> PoseResult:
    return model(
        image,
        bbox_thr=bbox_thr,
        boxes=task.boxes_xyxy,
        camera=task.camera,
        root_depth_m=task.root_depth_m,
    )


def _together(
    model: RTMPose3D, tasks: Sequence[ImageTask], images: Sequence[Image], bbox_thr: float | None
) -> list[PoseResult]:
    cameras = [
        task.camera or Camera.from_fov(width=image.shape[1], height=image.shape[0])
        for task, image in zip(tasks, images, strict=True)
    ]
    boxes = [task.boxes_xyxy for task in tasks]
    return model(list(images), bbox_thr=bbox_thr, boxes=boxes, camera=cameras)
